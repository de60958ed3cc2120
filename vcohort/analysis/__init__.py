"""What cohorts are analysed by: one method a file, each returning a dataset."""

from vcohort.analysis.identifiability import identifiability as identifiability
from vcohort.analysis.local_sensitivity import local_sensitivity as local_sensitivity
