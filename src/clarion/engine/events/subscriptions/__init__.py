"""Subscriptions: which events of a topic go to a delivery configuration."""
