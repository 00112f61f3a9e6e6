"""Shared knowledge of numbers."""
