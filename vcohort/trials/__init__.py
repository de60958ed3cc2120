"""A trial's own patients: what was measured of them, their doses, events and covariates."""
