"""The engine: arrays in, arrays out. It knows no files, no xarray and no clinic.

``drift`` is one deterministic step of one patient; ``hybrid``, ``gillespie`` and
``deterministic`` say what the tumour does in it; ``exact`` replaces them by the closed
form of ``birth_death``; ``loop`` scans the steps; ``blocks`` runs cohorts of any size.
"""
