"""Models and patients in the formats of other programs, and back."""
