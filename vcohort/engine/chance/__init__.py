"""Chance: counter-based random numbers, the linear birth-death process, and exact samples."""

from vcohort.engine.chance import birth_death as birth_death
