"""Topics and event types: those that every company has, and a company's own."""
