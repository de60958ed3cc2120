"""What XLA makes of a program for a GPU, on a machine that has none."""
