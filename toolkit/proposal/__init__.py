"""A proposal for any target: find the target, rewrite it, prove and write the result, check it again."""
