"""Who may be written to, and what subscribers say about it."""
