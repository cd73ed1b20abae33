"""The steps of `unlet pr`: a branch in the user's own clone is made, moved, explained, removed."""
