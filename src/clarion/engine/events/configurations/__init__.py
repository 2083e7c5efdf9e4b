"""Delivery configurations: where events go and how, with their secrets."""
