"""COMBINE archives: a study, its model, its simulation and its results in one file."""
