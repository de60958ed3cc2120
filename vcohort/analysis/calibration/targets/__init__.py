"""What a trial showed and a virtual population should: one kind of target a file."""

from vcohort.analysis.calibration.targets.base import Course as Course
from vcohort.analysis.calibration.targets.base import Target as Target
from vcohort.analysis.calibration.targets.quantile import QuantileTarget as QuantileTarget
from vcohort.analysis.calibration.targets.response import ResponseTarget as ResponseTarget
from vcohort.analysis.calibration.targets.survival import SurvivalTarget as SurvivalTarget
