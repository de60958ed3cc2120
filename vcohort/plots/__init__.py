"""Pictures of datasets, in days, cells per microlitre and millilitres. One picture a file."""

from vcohort.plots.event_times import event_times as event_times
from vcohort.plots.kinetics import car_t_kinetics as car_t_kinetics
from vcohort.plots.sensitivity import sensitivity_correlation as sensitivity_correlation
from vcohort.plots.sensitivity import sensitivity_ranking as sensitivity_ranking
from vcohort.plots.survival import progression_free_survival as progression_free_survival
from vcohort.plots.trajectories import trajectories as trajectories
