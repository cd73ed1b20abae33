"""`track`: read versions of a file, find their meaning, and draw the conclusion."""
