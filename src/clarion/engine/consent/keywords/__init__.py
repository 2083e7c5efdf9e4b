"""Words that subscribers send and the gateway understands."""
