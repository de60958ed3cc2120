"""What datasets hold, how files keep them, and what is read off them: survival, summaries."""
