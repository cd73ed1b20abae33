"""The formats of a proposal: turn values into bytes, without any I/O."""
