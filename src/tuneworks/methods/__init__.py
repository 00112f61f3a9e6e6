"""Methods: one way of adapting a file."""
