"""vcohort: massively parallel virtual cohorts of CAR T cell therapy, in JAX."""

from importlib.metadata import version as _version

from vcohort import data as data
from vcohort import plots as plots
from vcohort import units as units
from vcohort.analysis import calibrate as calibrate
from vcohort.analysis import calibrated as calibrated
from vcohort.analysis import compare_models as compare_models
from vcohort.analysis import entropy_weights as entropy_weights
from vcohort.analysis import fit as fit
from vcohort.analysis import identifiability as identifiability
from vcohort.analysis import local_sensitivity as local_sensitivity
from vcohort.analysis import morris as morris
from vcohort.analysis import optimize_regimen as optimize_regimen
from vcohort.analysis import posterior as posterior
from vcohort.analysis import profile_likelihood as profile_likelihood
from vcohort.analysis import sensitivity_map as sensitivity_map
from vcohort.analysis import sobol_indices as sobol_indices
from vcohort.cohort import Cohort as Cohort
from vcohort.distributions import Empirical as Empirical
from vcohort.distributions import Fixed as Fixed
from vcohort.distributions import LogNormal as LogNormal
from vcohort.distributions import MultivariateNormal as MultivariateNormal
from vcohort.distributions import Normal as Normal
from vcohort.distributions import Uniform as Uniform
from vcohort.endpoints import Kinetics as Kinetics
from vcohort.endpoints import Nadir as Nadir
from vcohort.endpoints import Outcome as Outcome
from vcohort.endpoints import Response as Response
from vcohort.engine import birth_death as birth_death
from vcohort.errors import VcohortError as VcohortError
from vcohort.errors import VcohortWarning as VcohortWarning
from vcohort.files import load as load
from vcohort.files import save as save
from vcohort.models import Model as Model
from vcohort.models import Param as Param
from vcohort.models import car_t as car_t
from vcohort.models import laws as laws
from vcohort.models import presets as presets
from vcohort.population import Population as Population
from vcohort.probability import cure_probability as cure_probability
from vcohort.probability import progression_free_probability as progression_free_probability
from vcohort.regimen import Regimen as Regimen
from vcohort.schema import validate as validate
from vcohort.simulate import simulate as simulate
from vcohort.summary import summarise as summarise
from vcohort.survival import log_rank as log_rank
from vcohort.survival import median_survival as median_survival
from vcohort.survival import progression_free_survival as progression_free_survival
from vcohort.survival import restricted_mean_survival as restricted_mean_survival
from vcohort.treatments import Infusion as Infusion
from vcohort.treatments import Lymphodepletion as Lymphodepletion

__version__ = _version("vcohort")
