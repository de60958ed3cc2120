"""Sweeps: many cohorts over a grid or a design, reduced to one dataset."""

from vcohort.sweeps.estimate import estimate_sweep as estimate_sweep
from vcohort.sweeps.front import open_sweep as open_sweep
from vcohort.sweeps.front import open_whole as open_whole
from vcohort.sweeps.front import resume as resume
from vcohort.sweeps.front import sweep as sweep
from vcohort.sweeps.front import verify as verify
from vcohort.sweeps.store import Verification as Verification
