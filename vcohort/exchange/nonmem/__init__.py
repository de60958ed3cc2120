"""Measurements, doses and covariates of patients in the forms of NONMEM and of Monolix."""
