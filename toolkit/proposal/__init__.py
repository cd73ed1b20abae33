"""A proposal for any target: find and rewrite it, prove, write and check the result."""
