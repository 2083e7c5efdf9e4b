"""Translation services: LibreTranslate over HTTP, and Apertium, which works offline."""
