"""Posteriors as ArviZ knows them."""

from __future__ import annotations

from typing import Any

import xarray as xr

from vcohort.errors import VcohortError
from vcohort.extras import extra
from vcohort.results.kinds import kind_of

# Of the groups of a posterior those that ArviZ's schema knows.
_GROUPS = ("posterior", "sample_stats", "observed_data")


def to_inference_data(posterior: xr.DataTree) -> Any:
    """Return a posterior as the installed ArviZ takes it.

    That is an ``arviz.InferenceData`` before ArviZ 1.0, and an ``xarray.DataTree`` from then on,
    with the groups of ArviZ's schema alone: without ``summary``, which is vcohort's own.

    :param posterior: what :func:`vcohort.posterior` returns, or :func:`vcohort.load` of it.
    :raises VcohortError: for all else, which has no chains and draws; and without ArviZ.
    """
    kind = kind_of(posterior) if isinstance(posterior, xr.Dataset | xr.DataTree) else None
    if not isinstance(posterior, xr.DataTree) or kind != "posterior":
        what = type(posterior).__name__ if kind is None else f"dataset of the kind {kind!r}"
        raise VcohortError(
            f"ArviZ takes chains of draws, and this is a {what}. Give what vc.posterior returns; "
            "other datasets are tables: vc.to_dataframe."
        )
    arviz = extra("arviz", "arviz")
    groups = {name: posterior[name].to_dataset() for name in _GROUPS}
    if int(arviz.__version__.partition(".")[0]) < 1:
        return arviz.InferenceData(**groups, attrs=dict(posterior.attrs))
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs=posterior.attrs), **groups})
