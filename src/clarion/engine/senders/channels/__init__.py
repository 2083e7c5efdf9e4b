"""Channels: groups of sender ids that messages leave through."""
