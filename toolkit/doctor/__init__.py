"""Why rootless docker refuses a port below 1024, or does not start: on this machine, or according to a log."""
