"""Mixed effects: what the patients of a trial say together of a population, and of each other.

Stands on the estimation of single patients.
"""
