"""Tokens of contacts: where their applications are reached, and what speaks for them."""
