"""What the tumour does in one step: one file per method, and what they share."""
