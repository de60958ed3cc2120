"""What cohorts are analysed by: one method a file, each returning a dataset."""

from vcohort.analysis.fit import fit as fit
from vcohort.analysis.identifiability import identifiability as identifiability
from vcohort.analysis.local_sensitivity import local_sensitivity as local_sensitivity
from vcohort.analysis.posterior import posterior as posterior
from vcohort.analysis.profile import profile_likelihood as profile_likelihood
from vcohort.analysis.selection import compare_models as compare_models
