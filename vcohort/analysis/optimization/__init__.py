"""Treatments that do most good."""
