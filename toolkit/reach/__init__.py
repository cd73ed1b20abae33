"""`unlet reach`: determine which overrides take effect, and find working ones."""
