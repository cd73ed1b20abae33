"""The parts of a diagnosis: what is looked at, and what each of it means."""
