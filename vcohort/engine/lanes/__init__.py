"""Work on one patient as work on many side by side, each number of theirs a register of its lane.

Inside a GPU's kernel there are vectors of as many numbers as there are lanes, and no other arrays.
So a patient's small arrays are taken apart into numbers, and a loop turns until all lanes are done.
Knows nothing of patients.
"""

from vcohort.engine.lanes.control import run as run
from vcohort.engine.lanes.control import turns as turns
from vcohort.engine.lanes.parts import LANES as LANES
from vcohort.engine.lanes.parts import NotInLanes as NotInLanes
from vcohort.engine.lanes.parts import Parts as Parts
from vcohort.engine.lanes.parts import as_vector as as_vector
from vcohort.engine.lanes.parts import from_list as from_list
