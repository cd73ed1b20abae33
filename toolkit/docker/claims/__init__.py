"""The proofs of docker.

Each module has one subject, with a function from a Case to a Finding for each claim.
"""
