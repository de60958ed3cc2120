"""Units at the boundary. Inside, everything is in cells and days.

One T cell per microlitre of blood is 5e8 cells in the body: 5 l of blood, which
holds 1 % of all T cells. One millilitre of tumour is 1e9 cells. Both are the
conventions of Kimmel, Locke & Altrock 2021.
"""

from __future__ import annotations

from typing import Any

CELLS_PER_UL = 5e8
"""T cells in the body for one T cell per microlitre of blood."""

CELLS_PER_ML = 1e9
"""Tumour cells in one millilitre of tumour."""


def t_cells(per_ul: Any) -> Any:
    """Convert T cells per microlitre of blood to cells in the body."""
    return per_ul * CELLS_PER_UL


def t_cells_per_ul(cells: Any) -> Any:
    """Convert T cells in the body to cells per microlitre of blood."""
    return cells / CELLS_PER_UL


def tumour_cells(volume_ml: Any) -> Any:
    """Convert a tumour volume in millilitres to cells."""
    return volume_ml * CELLS_PER_ML


def tumour_ml(cells: Any) -> Any:
    """Convert tumour cells to a volume in millilitres."""
    return cells / CELLS_PER_ML
