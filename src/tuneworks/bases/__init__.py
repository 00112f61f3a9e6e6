"""Bases: one family of base models a file."""
