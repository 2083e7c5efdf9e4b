"""Clarion: a self-hosted communications gateway."""

__version__ = "0.1.0"
