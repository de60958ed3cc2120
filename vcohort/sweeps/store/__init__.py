"""A sweep on disk: its study, its format, its numbers, and what is whole of it."""
