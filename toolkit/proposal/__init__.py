"""A proposal for any target: found by its name, rewritten, proven, written down, checked again."""
