"""What a sweep is: its cells, axes, chunks and plan, checked before any work."""
