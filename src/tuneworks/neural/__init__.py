"""Shared knowledge of networks: the only torch outside plug-ins."""
