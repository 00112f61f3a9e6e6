"""Shared knowledge of written language."""
