"""Populations that may be the true one, as far as a fit of mixed effects tells it."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from vcohort.analysis.mixed_effects.fitted_population import base_of, population_at
from vcohort.analysis.mixed_effects.layout import Layout
from vcohort.analysis.mixed_effects.problem import blocks_of
from vcohort.errors import VcohortError
from vcohort.populations.population import Population
from vcohort.results.needed import need

# What of a population is drawn: the errors of the data are none of it, and what covariates do
# stays as it was estimated.
_DRAWN = ("typical", "spread", "correlation")


def populations_of(
    fit: xr.Dataset, base: Population, random: np.random.Generator, draws: int
) -> list[Population]:
    """Return ``base`` with the fitted parameters of so many draws.

    Typical values are normal on their scales, spreads in their logs, all with the covariance of
    the estimates.

    :raises VcohortError: for what the data do not tell.
    """
    base_of(fit)
    need(fit, "vc.fit_population", {"vector": ("number",),
         "vector_covariance": ("number", "other_number")})  # fmt: skip
    _refuse_unknown(fit)
    layout, vector = _layout_of(fit), fit["vector"].values
    first, second, third = layout.ends
    drawn = np.r_[:first, second:third]
    covariance = fit["vector_covariance"].values[np.ix_(drawn, drawn)]
    found: list[Population] = []
    for values in random.multivariate_normal(vector[drawn], covariance, draws):
        own = vector.copy()
        own[drawn] = values
        root = layout.root_of(own)
        found.append(population_at(base, fit, own[:first], root @ root.T))
    return found


def _refuse_unknown(fit: xr.Dataset) -> None:
    unsure = np.isnan(fit["standard_error"].values) & np.isin(fit["role"].values, _DRAWN)
    if unsure.any():
        raise VcohortError(
            f"How sure {', '.join(fit['quantity'].values[unsure])} is, is not known: the data do "
            "not tell it. Fit fewer parameters, or give priors."
        )


def _layout_of(fit: xr.Dataset) -> Layout:
    """Return which number of a fit's vector is what."""
    names = [str(name) for name in fit["parameter"].values]
    random = tuple(str(name) for name in fit["random"].values)
    roles = fit["role"].values.tolist()
    blocks = blocks_of(random, json.loads(fit.attrs["asked"])["covariance"])
    places = tuple(names.index(name) for name in random)
    effects = (0,) * roles.count("covariate")
    return Layout(tuple(names), places, blocks, effects, roles.count("error"))
