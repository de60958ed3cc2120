"""Pages that stand by themselves, on whatever is in a file or a store."""
