"""The commands, one per file; each answers at once, and imports what it needs when it runs."""
