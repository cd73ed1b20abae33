"""The formats of results: turn values into text or bytes, without any I/O."""
