"""A branch in the user's own clone for a pull request about any package: made, kept, found again, removed."""
