"""Explainers: one way of saying what answers rest on a file."""
