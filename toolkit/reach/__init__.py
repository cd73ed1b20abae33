"""Find out what a user's overrides reach, and better ways to write them."""
