"""The proofs of docker: one module a subject, in it a function from a Case to a Finding for each claim.

A proof that cannot run explains why; none passes because it looked at nothing.
"""
