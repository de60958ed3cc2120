"""Pictures of datasets, in days, cells per microlitre and millilitres. One picture a file."""

from vcohort.plots.analysis import global_sensitivity as global_sensitivity
from vcohort.plots.analysis import regimen_map as regimen_map
from vcohort.plots.analysis import sensitivity_map as sensitivity_map
from vcohort.plots.calibration import calibration as calibration
from vcohort.plots.calibration import targets as targets
from vcohort.plots.curves import fitted_curves as fitted_curves
from vcohort.plots.event_times import event_times as event_times
from vcohort.plots.fit import fit_starts as fit_starts
from vcohort.plots.fit import model_weights as model_weights
from vcohort.plots.fit import posterior as posterior
from vcohort.plots.fit import profiles as profiles
from vcohort.plots.forest import forest as forest
from vcohort.plots.incidence import cumulative_incidence as cumulative_incidence
from vcohort.plots.kinetics import car_t_kinetics as car_t_kinetics
from vcohort.plots.mixed_effects import convergence as convergence
from vcohort.plots.mixed_effects import goodness_of_fit as goodness_of_fit
from vcohort.plots.mixed_effects import predictive_check as predictive_check
from vcohort.plots.mixed_effects import random_effects as random_effects
from vcohort.plots.responses import tumour_responses as tumour_responses
from vcohort.plots.sensitivity import sensitivity_correlation as sensitivity_correlation
from vcohort.plots.sensitivity import sensitivity_ranking as sensitivity_ranking
from vcohort.plots.survival import progression_free_survival as progression_free_survival
from vcohort.plots.sweep import heatmap as heatmap
from vcohort.plots.sweep import lines as lines
from vcohort.plots.trajectories import trajectories as trajectories
