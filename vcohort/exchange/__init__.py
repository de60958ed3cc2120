"""Models, fits, patients and results in the formats of other programs, and back."""
