"""Models, patients and fits in the formats of other programs, and back."""
