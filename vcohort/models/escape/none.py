"""One clone, which all CAR T cells see (paper, eq. 2.3)."""

from __future__ import annotations

from vcohort.models.law import Escape

LAW = Escape("none", "no antigen-negative cells", ())
