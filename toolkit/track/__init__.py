"""`unlet track`: read a package's file at many refs, and judge each version."""
