"""What follows from a block's deterministic paths: probabilities by their closed forms."""
