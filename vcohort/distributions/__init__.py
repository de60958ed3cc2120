"""How parameters vary between patients: laws of one parameter each, and of several together.

A distribution maps uniform numbers of the open interval (0, 1) to values, by its
quantile function; so every design (random, Sobol, Latin hypercube) can drive it.
"""

from vcohort.distributions.families import FAMILIES as FAMILIES
from vcohort.distributions.families import Empirical as Empirical
from vcohort.distributions.families import Fixed as Fixed
from vcohort.distributions.families import LogNormal as LogNormal
from vcohort.distributions.families import Normal as Normal
from vcohort.distributions.families import Uniform as Uniform
from vcohort.distributions.families import as_distribution as as_distribution
from vcohort.distributions.joint import MultivariateNormal as MultivariateNormal
from vcohort.distributions.law import FLOOR as FLOOR
from vcohort.distributions.law import Distribution as Distribution
from vcohort.distributions.law import Floats as Floats
from vcohort.distributions.law import is_distribution as is_distribution
from vcohort.distributions.law import median_of as median_of
from vcohort.distributions.law import moved as moved
from vcohort.distributions.law import values_at as values_at
from vcohort.distributions.law import varies as varies
