"""Populations that a trial could have drawn: calibrated parameters, weights of patients."""
