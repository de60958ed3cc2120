"""Sweeps: many cohorts over a grid or a design, reduced to one dataset."""
