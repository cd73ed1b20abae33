"""The proofs of docker: one module per subject, with a function from a Case to a Finding for each claim."""
