"""How parameters vary between patients: laws of one parameter each, and of several together.

A distribution maps uniform numbers of the open interval (0, 1) to values, by its
quantile function; so every design (random, Sobol, Latin hypercube) can drive it.
All that is known of one is said in its file, which is found by being in this folder.
"""

from vcohort.populations.distributions.empirical import Empirical as Empirical
from vcohort.populations.distributions.fixed import Fixed as Fixed
from vcohort.populations.distributions.found import draw_alike as draw_alike
from vcohort.populations.distributions.found import families as families
from vcohort.populations.distributions.found import families_in_text as families_in_text
from vcohort.populations.distributions.found import name_of as name_of
from vcohort.populations.distributions.found import to_text as to_text
from vcohort.populations.distributions.joint import Joint as Joint
from vcohort.populations.distributions.joint import check_joint as check_joint
from vcohort.populations.distributions.joint import joint_values as joint_values
from vcohort.populations.distributions.law import HYPERPARAMETERS as HYPERPARAMETERS
from vcohort.populations.distributions.law import Distribution as Distribution
from vcohort.populations.distributions.law import Floats as Floats
from vcohort.populations.distributions.law import is_distribution as is_distribution
from vcohort.populations.distributions.law import mass_between as mass_between
from vcohort.populations.distributions.law import median_of as median_of
from vcohort.populations.distributions.law import missing as missing
from vcohort.populations.distributions.law import moved as moved
from vcohort.populations.distributions.law import values_at as values_at
from vcohort.populations.distributions.law import varies as varies
from vcohort.populations.distributions.log_normal import LogNormal as LogNormal
from vcohort.populations.distributions.logit_normal import LogitNormal as LogitNormal
from vcohort.populations.distributions.mixture import Mixture as Mixture
from vcohort.populations.distributions.multivariate_normal import (
    MultivariateNormal as MultivariateNormal,
)
from vcohort.populations.distributions.normal import Normal as Normal
from vcohort.populations.distributions.uniform import Uniform as Uniform

# All are imported, so that records can make each again.
families()
