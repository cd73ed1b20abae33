"""The formats of a proposal: values to bytes, without any I/O."""
