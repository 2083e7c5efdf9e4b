"""The built-in carrier: virtual handsets for development, demonstrations and tests."""
