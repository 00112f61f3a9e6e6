"""Blobs: where bytes are kept."""
