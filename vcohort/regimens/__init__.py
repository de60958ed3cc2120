"""Treatments and when they are given: infusions, lymphodepletions, doses from a table."""
