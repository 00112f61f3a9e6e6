"""Detectors: one file each, one kind of change between a reference and the present."""
