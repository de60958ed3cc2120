"""SBML, level 3 version 2: what is written, and which models of others are read."""
