"""Runtimes: one way of running a model a file."""
