"""The population that a fit of mixed effects found."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError
from vcohort.models import Param
from vcohort.populations.distributions import Fixed, LogitNormal, LogNormal, MultivariateNormal
from vcohort.populations.population import Population
from vcohort.results.needed import need


def fitted_population(fit: xr.Dataset) -> Population:
    """Return the population that :func:`vcohort.fit_population` found.

    Parameters with a random effect are log-normal, together where they correlate, or logit-normal;
    those without one are numbers. Covariates are included as the trial's patients had them: what
    they add to a parameter moves its median by its mean, and widens its spread by its covariance.

    :raises VcohortError: for a fit of one of the user's own functions, which is no model of
        patients, and for a share that correlates with another parameter.
    """
    base = base_of(fit)
    count = fit.sizes["parameter"]
    places = [_place(scale, value) for scale, value in
              zip(fit["scale"].values, fit["estimate"].values[:count], strict=True)]  # fmt: skip
    return population_at(base, fit, np.array(places), fit["effect_covariance"].values)


def base_of(fit: xr.Dataset) -> Population:
    """Return the population of what was not estimated; refuse what is no fit of a model."""
    need(fit, "vc.fit_population", {"estimate": ("quantity",), "covariate_shift": ("patient",
         "parameter"), "effect_covariance": ("random", "other_random")})  # fmt: skip
    if "population_record" not in fit.attrs:
        raise VcohortError(
            "This fit is of a function of your own, which makes no virtual patients: its "
            "parameters are none of a model. Fit the model itself: leave predict out."
        )
    return Population.from_record(fit.attrs["population_record"])


def population_at(
    base: Population, fit: xr.Dataset, typical: np.ndarray, covariance: np.ndarray
) -> Population:
    """Return ``base`` with the fit's parameters about other places, and another covariance.

    ``typical`` (parameter,), on the scales; ``covariance`` (random, random), of the effects.
    """
    names = [str(name) for name in fit["parameter"].values]
    for name in names:
        _refuse_other_bounds(base.model.param(name))
    scale = dict(zip(names, map(str, fit["scale"].values), strict=True))
    shift = fit["covariate_shift"].transpose("patient", "parameter").values
    place = dict(zip(names, typical + shift.mean(axis=0), strict=True))
    total = _covariance(fit, names, covariance, shift)
    tied = _tied(names, total)
    laws: dict[str, Any] = {}
    for name, variance in zip(names, np.diag(total), strict=True):
        if name in tied:
            if scale[name] != "log":
                raise VcohortError(
                    f"{name} lies between bounds and correlates with others, and no distribution "
                    "of a population has both. Fit it without that covariance."
                )
        else:
            law = LogNormal if scale[name] == "log" else LogitNormal
            centre = _value(scale[name], place[name])
            laws[name] = law(centre, float(variance**0.5)) if variance > 0 else Fixed(centre)
    joint = None
    if tied:
        places = [names.index(name) for name in tied]
        centres = {name: _value("log", place[name]) for name in tied}
        joint = MultivariateNormal(centres, total[np.ix_(places, places)], log=True)
    return _with_joint(base.at(**laws), joint) if joint else base.at(**laws)


def _with_joint(base: Population, joint: MultivariateNormal) -> Population:
    """Return a population in which what ``joint`` names varies so, and all else as before."""
    others = [name for name in (base.joint.names if base.joint else ()) if name not in joint.names]
    if others:
        raise VcohortError(
            f"{', '.join(others)} of the population vary together, and so do the fit's "
            f"{', '.join(joint.names)}: a population has one joint distribution. Give "
            "vc.fitted_population(fit)."
        )
    own = {name: law for name, law in base.overrides.items() if name not in joint.names}
    return Population(base.preset, base.sigma, model=base.model, joint=joint, **own)


def _covariance(
    fit: xr.Dataset, names: list[str], covariance: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """Return the covariance (parameter, parameter) of patients on the scales of parameters."""
    total = np.zeros((len(names), len(names)))
    places = [names.index(str(name)) for name in fit["random"].values]
    total[np.ix_(places, places)] = covariance
    return total + np.cov(shift, rowvar=False, ddof=0).reshape(total.shape)


def _refuse_other_bounds(param: Param) -> None:
    if param.is_share and (param.lower, param.upper) != (0.0, 1.0):
        raise VcohortError(
            f"{param.name} lies between {param.lower:g} and {param.upper:g}, and no "
            "distribution of a population does that a fit has: hold it fixed."
        )


def _tied(names: list[str], total: np.ndarray) -> list[str]:
    """Return the parameters that correlate with another."""
    apart = total - np.diag(np.diag(total))
    return [name for number, name in enumerate(names) if (apart[number] != 0).any()]


def _place(scale: str, value: float) -> float:
    return float(np.log(value) if scale == "log" else np.log(value / (1 - value)))


def _value(scale: str, place: float) -> float:
    return float(np.exp(place) if scale == "log" else 1 / (1 + np.exp(-place)))
