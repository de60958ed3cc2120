"""Explore: a page of one's own on which a slider moves and the trial changes."""
