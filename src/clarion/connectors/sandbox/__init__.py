"""The built-in carrier: virtual handsets, applications and mailboxes, to develop and test with."""
