"""The proofs of docker: one module per subject, with a function from a Case to a Finding for each claim.

A proof that cannot run explains why; a proof that examined nothing does not pass.
"""
