"""From a cohort and its settings to a dataset: every patient's run, and exact probabilities."""
