"""Companies, their applications with keys and access tokens, and users."""
