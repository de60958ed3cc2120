"""What sets the growth rate of CAR T cells: one law a file."""
