"""The public names, and where they live: each is imported when it is first used."""

from . import data as data
from . import plots as plots
from . import units as units
from .analysis.calibration.calibrate import calibrate as calibrate
from .analysis.calibration.calibrated import calibrated as calibrated
from .analysis.calibration.entropy import entropy_weights as entropy_weights
from .analysis.calibration.plausible import select_patients as select_patients
from .analysis.calibration.targets import QuantileTarget as QuantileTarget
from .analysis.calibration.targets import ResponseTarget as ResponseTarget
from .analysis.calibration.targets import SurvivalTarget as SurvivalTarget
from .analysis.calibration.targets import Target as Target
from .analysis.estimation.fit import fit as fit
from .analysis.estimation.posterior import posterior as posterior
from .analysis.estimation.profile import profile_likelihood as profile_likelihood
from .analysis.estimation.selection import compare_models as compare_models
from .analysis.optimization.optimize_regimen import optimize_regimen as optimize_regimen
from .analysis.sensitivity.identifiability import identifiability as identifiability
from .analysis.sensitivity.local_sensitivity import local_sensitivity as local_sensitivity
from .analysis.sensitivity.morris import morris as morris
from .analysis.sensitivity.sensitivity_map import sensitivity_map as sensitivity_map
from .analysis.sensitivity.sobol import sobol_indices as sobol_indices
from .endpoints import BestResponse as BestResponse
from .endpoints import Escaped as Escaped
from .endpoints import Kinetics as Kinetics
from .endpoints import Nadir as Nadir
from .endpoints import Outcome as Outcome
from .endpoints import ProgressionAtVisits as ProgressionAtVisits
from .endpoints import Response as Response
from .engine.chance import birth_death as birth_death
from .errors import VcohortError as VcohortError
from .errors import VcohortWarning as VcohortWarning
from .measurements.observables import Observable as Observable
from .models import Model as Model
from .models import Param as Param
from .models import car_t as car_t
from .models import laws as laws
from .models import presets as presets
from .populations.cohort import Cohort as Cohort
from .populations.distributions import Empirical as Empirical
from .populations.distributions import Fixed as Fixed
from .populations.distributions import LogitNormal as LogitNormal
from .populations.distributions import LogNormal as LogNormal
from .populations.distributions import Mixture as Mixture
from .populations.distributions import MultivariateNormal as MultivariateNormal
from .populations.distributions import Normal as Normal
from .populations.distributions import Uniform as Uniform
from .populations.population import Population as Population
from .regimens.regimen import Regimen as Regimen
from .regimens.treatments import Infusion as Infusion
from .regimens.treatments import Lymphodepletion as Lymphodepletion
from .results.arms import compare as compare
from .results.competing_risks import cumulative_incidence as cumulative_incidence
from .results.netcdf import load as load
from .results.netcdf import save as save
from .results.schema import validate as validate
from .results.summary import summarise as summarise
from .results.survival import log_rank as log_rank
from .results.survival import median_survival as median_survival
from .results.survival import progression_free_survival as progression_free_survival
from .results.survival import restricted_mean_survival as restricted_mean_survival
from .results.tidy import to_dataframe as to_dataframe
from .results.virtual_trials import virtual_trials as virtual_trials
from .results.visits import seen_at_visits as seen_at_visits
from .simulation.probability import cure_probability as cure_probability
from .simulation.probability import (
    progression_free_probability as progression_free_probability,
)
from .simulation.run import Run as Run
from .simulation.simulate import simulate as simulate
from .sweeps.api import open_sweep as open_sweep
from .sweeps.api import resume as resume
from .sweeps.api import sweep as sweep
from .sweeps.api import verify as verify
from .sweeps.estimate import estimate_sweep as estimate_sweep

__version__: str
