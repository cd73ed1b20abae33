"""`track`: find versions of a file, their meanings, and the conclusion."""
