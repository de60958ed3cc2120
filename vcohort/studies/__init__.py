"""Studies: a cohort and its run as one checked text, a study file; and how values are written."""
