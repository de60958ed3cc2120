"""The population that a fit of mixed effects found."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError
from vcohort.populations.distributions import LogitNormal, LogNormal, MultivariateNormal
from vcohort.populations.population import Population
from vcohort.results.needed import need


def fitted_population(fit: xr.Dataset) -> Population:
    """Return the population that :func:`vcohort.fit_population` found.

    Parameters with a random effect are log-normal, together where they correlate, or logit-normal;
    those without one are numbers. Covariates are included as the trial's patients had them: what
    they add to a parameter moves its median by its mean, and widens its spread by its covariance.

    :raises VcohortError: for a fit of one of the user's own functions, which is no model of
        patients, and for a logit scale that is not from 0 to 1 or correlates with another.
    """
    need(fit, "vc.fit_population", {"estimate": ("quantity",), "covariate_shift": ("patient",
         "parameter"), "effect_covariance": ("random", "other_random")})  # fmt: skip
    if "population_record" not in fit.attrs:
        raise VcohortError(
            "This fit is of a function of your own, which makes no virtual patients: its "
            "parameters are none of a model. Fit the model itself: leave predict out."
        )
    base = Population.from_record(fit.attrs["population_record"])
    names = [str(name) for name in fit["parameter"].values]
    scale = dict(zip(names, map(str, fit["scale"].values), strict=True))
    typical = fit["estimate"].values[: len(names)]
    shift = fit["covariate_shift"].transpose("patient", "parameter").values
    place = {name: _place(scale[name], value) + move for name, value, move in
             zip(names, typical, shift.mean(axis=0), strict=True)}  # fmt: skip
    total = _covariance(fit, names, shift)
    laws: dict[str, Any] = {}
    varied = [name for number, name in enumerate(names) if total[number, number] > 0]
    tied = _tied(names, total)
    for number, name in enumerate(names):
        if name in tied:
            if scale[name] != "log":
                raise VcohortError(
                    f"{name} lies between bounds and correlates with others, and no distribution "
                    "of a population has both. Fit it without that covariance."
                )
        elif name in varied:
            law = LogNormal if scale[name] == "log" else LogitNormal
            laws[name] = law(_value(scale[name], place[name]), float(total[number, number] ** 0.5))
        else:
            laws[name] = _value(scale[name], place[name])
    joint = None
    if tied:
        places = [names.index(name) for name in tied]
        centre = {name: _value("log", place[name]) for name in tied}
        joint = MultivariateNormal(centre, total[np.ix_(places, places)], log=True)
    own = {name: law for name, law in base.overrides.items() if name not in names}
    return Population(base.preset, model=base.model, joint=joint, **own, **laws)


def _covariance(fit: xr.Dataset, names: list[str], shift: np.ndarray) -> np.ndarray:
    """Return the covariance (parameter, parameter) of patients on the scales of parameters."""
    total = np.zeros((len(names), len(names)))
    places = [names.index(str(name)) for name in fit["random"].values]
    total[np.ix_(places, places)] = fit["effect_covariance"].values
    return total + np.cov(shift, rowvar=False, ddof=0).reshape(total.shape)


def _tied(names: list[str], total: np.ndarray) -> list[str]:
    """Return the parameters that correlate with another."""
    apart = total - np.diag(np.diag(total))
    return [name for number, name in enumerate(names) if (apart[number] != 0).any()]


def _place(scale: str, value: float) -> float:
    return float(np.log(value) if scale == "log" else np.log(value / (1 - value)))


def _value(scale: str, place: float) -> float:
    return float(np.exp(place) if scale == "log" else 1 / (1 + np.exp(-place)))
