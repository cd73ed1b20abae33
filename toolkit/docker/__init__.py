"""What the commands do: the order of steps. No parsing of arguments, no formatting for people."""
