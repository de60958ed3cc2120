"""What the page shows beside the trial: one file each.

A tab has ``title`` and ``view``; it is told of a new study by ``follow()``, and by ``end()`` that
the browser has gone.
"""

from __future__ import annotations

from vcohort.explorer.tabs.arms import Arms
from vcohort.explorer.tabs.fit import Fit
from vcohort.explorer.tabs.map import Map
from vcohort.explorer.tabs.patient import Patient
from vcohort.explorer.tabs.sensitivity import Sensitivity

TABS = (Patient, Arms, Map, Sensitivity, Fit)
