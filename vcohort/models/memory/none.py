"""No compartment beside normal and CAR T cells (paper, eqs. 2.1 and 2.2)."""

from __future__ import annotations

from vcohort.models.law import Memory

LAW = Memory("none", "no memory cells", ())
