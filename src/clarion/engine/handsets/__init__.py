"""The virtual handsets of the sandbox carrier: what they hold, and what they send."""
