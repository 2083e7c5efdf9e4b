"""The built-in carrier: virtual handsets, applications and mailboxes for development, demonstrations and tests."""
