"""A proposal for any target: choose it, prove it, write it, and check it again."""
