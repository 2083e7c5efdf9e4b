"""What devices say of the push messages that they got."""
