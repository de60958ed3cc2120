"""Compartments beside normal T cells and effectors, memory cells above all: one law a file."""
