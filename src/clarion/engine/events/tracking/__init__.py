"""What became of deliveries, for those who ask; and what they want done again."""
