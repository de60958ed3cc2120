"""How parameters vary between patients: laws of one parameter each, and of several together.

A distribution maps uniform numbers of the open interval (0, 1) to values, by its
quantile function; so every design (random, Sobol, Latin hypercube) can drive it.
"""

from vcohort.populations.distributions.families import FAMILIES as FAMILIES
from vcohort.populations.distributions.families import Empirical as Empirical
from vcohort.populations.distributions.families import Fixed as Fixed
from vcohort.populations.distributions.families import LogNormal as LogNormal
from vcohort.populations.distributions.families import Normal as Normal
from vcohort.populations.distributions.families import Uniform as Uniform
from vcohort.populations.distributions.families import as_distribution as as_distribution
from vcohort.populations.distributions.joint import MultivariateNormal as MultivariateNormal
from vcohort.populations.distributions.law import FLOOR as FLOOR
from vcohort.populations.distributions.law import Distribution as Distribution
from vcohort.populations.distributions.law import Floats as Floats
from vcohort.populations.distributions.law import is_distribution as is_distribution
from vcohort.populations.distributions.law import median_of as median_of
from vcohort.populations.distributions.law import moved as moved
from vcohort.populations.distributions.law import values_at as values_at
from vcohort.populations.distributions.law import varies as varies
