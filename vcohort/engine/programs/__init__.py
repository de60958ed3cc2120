"""What is done with one patient from day 0 to the horizon: pure functions, and nothing of how many.

``base`` says what a program is. ``stepped`` and ``exact`` draw outcomes, ``path`` and ``cure``
follow the deterministic path, ``halving`` compares a grid with its halves.
"""
