"""Populations that may be the true one, drawn from what an estimate leaves open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from vcohort.analysis.mixed_effects.drawn_populations import populations_of
from vcohort.errors import VcohortError
from vcohort.given import whole
from vcohort.populations.population import Population, check_population
from vcohort.results.kinds import kind_of
from vcohort.results.needed import labelled, need

# The posterior's scale of residuals is no parameter of a patient.
_NO_PARAMETER = ("scale",)

# Estimates that are of no single patient, in words.
_OF_ALL = {"population_fit": "fit of a population", "calibration": "calibration"}


def drawn_populations(
    population: Population, estimated: Any, draws: int = 20, seed: int = 0, *, patient: Any = None
) -> list[Population]:
    """Return populations as likely as an estimate says.

    Each is ``population`` with its centres moved to a draw. ``estimated``: a fit (draws of the logs
    are normal, with the estimates' standard errors and their correlation), a posterior (draws are
    its own) or a calibration (draws of the logs of its locations are normal, and independent) of
    vcohort. A fit of :func:`vcohort.fit_population` tells spreads and correlations, too: these are
    drawn with the typical values, all normal where their intervals are symmetric, with the
    covariance of the estimates; ``population`` then is :func:`vcohort.fitted_population` of it, or
    another with the same parameters. Sample all with one seed, so that they differ by what is not
    known alone::

        cohorts = [each.sample(1000, seed=1) for each in vc.drawn_populations(population, fit)]
        vc.compare({"one": vc.Regimen(), "two": more}, cohort=cohorts)

    :param patient: whose estimate, of a fit or a posterior of several patients.
    :raises VcohortError: for another kind of dataset, for what is estimated without an error,
        for several patients where none is named, and for a patient where the estimate is of all.
    """
    check_population(population)
    draws, seed = whole("draws", draws, least=1), whole("seed", seed)
    kind = kind_of(estimated) if isinstance(estimated, xr.Dataset | xr.DataTree) else "nothing"
    random = np.random.default_rng(seed)
    if patient is not None and kind in _OF_ALL:
        raise VcohortError(
            f"patient = {patient!r}, but the {_OF_ALL[kind]} is of all patients: leave it out."
        )
    if kind == "population_fit" and isinstance(estimated, xr.Dataset):
        return populations_of(estimated, population, random, draws)
    if kind not in _DRAW:
        raise VcohortError(
            f"estimated is {kind}: give what vc.fit, vc.fit_population, vc.posterior or "
            "vc.calibrate returns."
        )
    found = _DRAW[kind](estimated, patient, random, draws)
    return [
        population.replace(**{name: float(values[index]) for name, values in found.items()})
        for index in range(draws)
    ]


def _of_fit(
    ds: xr.Dataset, patient: Any, random: np.random.Generator, draws: int
) -> dict[str, np.ndarray]:
    over = ("patient", "parameter")
    need(ds, "vc.fit", {"estimate": over, "standard_error": over})
    one = _one_patient(ds, patient)
    names = [str(name) for name in one["parameter"].values]
    errors = one["standard_error"].values / one["estimate"].values
    _refuse_unknown(names, errors)
    covariance = one["correlation"].values * np.outer(errors, errors)
    logs = random.multivariate_normal(np.log(one["estimate"].values), covariance, draws)
    return dict(zip(names, np.exp(logs).T, strict=True))


def _of_posterior(
    tree: xr.DataTree, patient: Any, random: np.random.Generator, draws: int
) -> dict[str, np.ndarray]:
    one = _one_patient(tree["posterior"].to_dataset(), patient)
    flat = one.stack(each=("chain", "draw"))
    chosen = random.choice(flat.sizes["each"], draws, replace=draws > flat.sizes["each"])
    return {str(name): values.values[chosen] for name, values in flat.data_vars.items()
            if name not in _NO_PARAMETER}  # fmt: skip


def _of_calibration(
    ds: xr.Dataset, _: Any, random: np.random.Generator, draws: int
) -> dict[str, np.ndarray]:
    need(ds, "vc.calibrate", dict.fromkeys(("location", "location_error"), ("parameter",)))
    names = [str(name) for name in ds["parameter"].values]
    errors = ds["location_error"].values
    _refuse_unknown(names, errors)
    logs = np.log(ds["location"].values) + errors * random.standard_normal((draws, len(names)))
    return dict(zip(names, np.exp(logs).T, strict=True))


def _one_patient(ds: xr.Dataset, patient: Any) -> xr.Dataset:
    if patient is not None:
        return labelled(ds, "patient", patient)
    if ds.sizes["patient"] > 1:
        known = ", ".join(map(str, ds["patient"].values.tolist()))
        raise VcohortError(f"The estimate is of several patients: choose one, patient= ({known}).")
    return ds.isel(patient=0)


def _refuse_unknown(names: list[str], errors: np.ndarray) -> None:
    unknown = [name for name, error in zip(names, errors, strict=True) if not np.isfinite(error)]
    if unknown:
        raise VcohortError(
            f"How sure {', '.join(unknown)} is, is not known: the data do not tell it. Fit fewer "
            "parameters, or give a posterior."
        )


_DRAW: Mapping[str, Callable[..., dict[str, np.ndarray]]] = MappingProxyType(
    {"fit": _of_fit, "posterior": _of_posterior, "calibration": _of_calibration}
)
