"""Finders: one kind of trouble in data a file."""
