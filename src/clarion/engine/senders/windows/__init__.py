"""Delivery windows of sender id classes: when in the recipient's day messages may leave."""
