"""How patients vary, and the cohorts that are sampled from them."""
