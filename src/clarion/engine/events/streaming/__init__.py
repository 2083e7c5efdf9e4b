"""Delivery to a client that is connected, in the place of an address that events are posted to."""
