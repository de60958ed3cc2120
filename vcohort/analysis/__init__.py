"""What cohorts are analysed by: one method a file, each returning a dataset."""

from vcohort.analysis.calibrate import calibrate as calibrate
from vcohort.analysis.calibrate import calibrated as calibrated
from vcohort.analysis.entropy import entropy_weights as entropy_weights
from vcohort.analysis.fit import fit as fit
from vcohort.analysis.global_sensitivity import morris as morris
from vcohort.analysis.global_sensitivity import sobol_indices as sobol_indices
from vcohort.analysis.identifiability import identifiability as identifiability
from vcohort.analysis.local_sensitivity import local_sensitivity as local_sensitivity
from vcohort.analysis.optimize_regimen import optimize_regimen as optimize_regimen
from vcohort.analysis.posterior import posterior as posterior
from vcohort.analysis.profile import profile_likelihood as profile_likelihood
from vcohort.analysis.selection import compare_models as compare_models
from vcohort.analysis.sensitivity_map import sensitivity_map as sensitivity_map
