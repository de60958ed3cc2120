"""Models: parameters, laws, their composition, and published values."""

from vcohort.models.law import CloneRates as CloneRates
from vcohort.models.law import Escape as Escape
from vcohort.models.law import Feedback as Feedback
from vcohort.models.law import Flows as Flows
from vcohort.models.law import Growth as Growth
from vcohort.models.law import Killing as Killing
from vcohort.models.law import Law as Law
from vcohort.models.law import Memory as Memory
from vcohort.models.law import Proliferation as Proliferation
from vcohort.models.law import Values as Values
from vcohort.models.law import laws as laws
from vcohort.models.model import LAW_KINDS as LAW_KINDS
from vcohort.models.model import Model as Model
from vcohort.models.model import Rates as Rates
from vcohort.models.model import car_t as car_t
from vcohort.models.model import known_parameters as known_parameters
from vcohort.models.param import Param as Param
from vcohort.models.presets import Preset as Preset
from vcohort.models.presets import find_preset as find_preset
from vcohort.models.presets import presets as presets
from vcohort.models.species import Cells as Cells
from vcohort.models.species import Clone as Clone
from vcohort.models.species import Compartment as Compartment
from vcohort.models.species import Species as Species
