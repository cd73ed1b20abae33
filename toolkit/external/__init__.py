"""The only code that runs programs, opens sockets or reads the environment."""
