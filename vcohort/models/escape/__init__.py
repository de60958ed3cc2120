"""Clones of the tumour beside B, that escape from the CAR T cells: one law a file."""
