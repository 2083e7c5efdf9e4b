"""Posts events to the addresses that companies name: see courier."""
