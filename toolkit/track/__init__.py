"""The parts of `track`: where versions of the file come from, what each means, what that comes to."""
