"""Attachments: files that travel with messages, or that jobs read and write."""
