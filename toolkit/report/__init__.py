"""What a proposal is written as: values to bytes, without any I/O."""
