"""Fast access attributes: derived from contacts or written by clients, in indexed columns."""
