"""What is done to any package that binds others in a let: found by its name, lifted, proven, written down."""
