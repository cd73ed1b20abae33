"""Find out why rootless docker refuses a port below 1024, or does not start.

It examines this machine, or a log.
"""
