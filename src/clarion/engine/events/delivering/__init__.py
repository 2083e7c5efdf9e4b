"""Deliveries on their way: claimed, posted, recorded, tried again."""
