"""How normal and CAR T cells grow towards their capacities: one law a file."""
