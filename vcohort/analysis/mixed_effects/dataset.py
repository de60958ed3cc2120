"""A fit of a population as a dataset."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from vcohort.analysis.mixed_effects.curves import curves_of
from vcohort.analysis.mixed_effects.found import Found
from vcohort.analysis.mixed_effects.individuals import Individuals
from vcohort.analysis.mixed_effects.nuts import mixing
from vcohort.analysis.mixed_effects.problem import MixedProblem
from vcohort.analysis.mixed_effects.quantities import Quantities, traced, unit_of
from vcohort.populations.cohort import Cohort
from vcohort.populations.population import Population
from vcohort.simulation.dataset import TIME, provenance, recorded

_ONE = {"units": "1"}


def _named(long_name: str, units: str = "1") -> dict[str, str]:
    return {"units": units, "long_name": long_name}


def dataset_of(
    problem: MixedProblem,
    found: Found,
    told: Quantities,
    patients: Individuals,
    sampled: tuple[float, float],
    method: str,
    seed: int,
) -> xr.Dataset:
    """Return the fit with all that is said of it; see :func:`vcohort.fit_population`."""
    spec, data = problem.spec, problem.data
    deviance = float(found.deviance[0]) if method == "laplace" else sampled[0]
    about = {"units": "as the quantity"}
    variables: dict[str, Any] = _of_quantities(told)
    variables |= _of_effects(problem, found, patients)
    variables |= _of_patients(problem, found, patients)
    variables |= _of_rows(problem, found, patients)
    variables |= _criteria(problem, deviance)
    variables |= {
        "deviance_laplace": (
            (), float(patients.deviance.sum()), _named("-2 ln L by Laplace's method"),
        ),
        "deviance_sampled": ((), sampled[0], _named("-2 ln L by importance sampling")),
        "deviance_sampled_error": ((), sampled[1], _named("standard error of deviance_sampled")),
        "converged": ((), found.converged, _named("whether the estimates are at a maximum")),
        "condition_number": (
            (), _condition_number(told.covariance),
            _named("largest over least eigenvalue of the correlation of estimates"),
        ),
        "start_deviance": ("start", found.deviance, _named("-2 ln L that each start reached")),
        "trace": (
            ("start", "turn", "quantity"), traced(spec, found.trace),
            about | {"long_name": "estimates on the way"},
        ),
        "vector": ("number", found.vectors[0], _named("estimates as the method has them")),
        "vector_covariance": (
            ("number", "other_number"), told.of_vector, _named("covariance of the vector"),
        ),
    }  # fmt: skip
    if found.draws is not None:
        r_hat, size = mixing(traced(spec, found.draws))
        variables["r_hat"] = ("quantity", r_hat, _named("split R-hat of the chains"))
        variables["ess"] = ("quantity", size, _named("effective sample size"))
        variables["diverging"] = (
            (),
            found.diverging,
            _named("draws at which it diverged"),
        )
    layout = spec.layout
    random = [layout.parameters[place] for place in layout.random]
    days, curve = curves_of(problem, patients.place)
    variables["curve"] = (
        ("patient", "kind", "time"), curve,
        {"units": "as the observable", "long_name": "course of the patient itself"},
    )  # fmt: skip
    coords = {
        "time": ("time", days, TIME),
        "quantity": told.names, "other": told.names, "role": ("quantity", told.roles),
        "parameter": list(layout.parameters), "random": random, "other_random": random,
        "scale": ("parameter", [scale.kind for scale in spec.scales]),
        "patient": ("patient", list(data.patients), _named("patient")),
        "kind": [kind.name for kind in data.kinds],
        "kind_unit": ("kind", [kind.unit for kind in data.kinds]),
        "kind_name": ("kind", [kind.description for kind in data.kinds]),
        "errors": ("kind", [each.name for each in spec.errors]),
    }  # fmt: skip
    return xr.Dataset(variables, coords, _attributes(problem, method, seed))


def _attributes(problem: MixedProblem, method: str, seed: int) -> dict[str, Any]:
    single = problem.single
    own: dict[str, Any] = {"model": "a function of the user's"}
    if single is not None:
        own = {
            "model": single.spec.model.name,
            **recorded(population=_base(single.cohort)), "tolerance": single.run.tolerance,
            "error_estimate": single.error,
        }  # fmt: skip
    return {
        **own, "method": method, "seed": str(seed),
        "errors_known": int(problem.data.errors_known),
        "asked": json.dumps(_asked(problem)),
        **provenance("population_fit"),
    }  # fmt: skip


def _base(cohort: Cohort) -> Population:
    """Return the population of what is not estimated: each at the middle of the cohort."""
    middle: dict[str, Any] = {
        name: float(np.median(values)) for name, values in cohort.values.items()
    }
    return Population(dict(cohort.origin)["preset"], model=cohort.model, **middle)


def _asked(problem: MixedProblem) -> dict[str, Any]:
    """Return what was asked, such that it can be asked again of the same data."""
    spec, layout = problem.spec, problem.spec.layout
    random = [layout.parameters[place] for place in layout.random]
    blocks: dict[int, list[str]] = {}
    for name, block in zip(random, layout.block, strict=True):
        blocks.setdefault(block, []).append(name)
    covariates: dict[str, list[str]] = {}
    for each in problem.effects:
        own = covariates.setdefault(each.parameter, [])
        own += [each.covariate] if each.covariate not in own else []
    return {
        "random": random,
        "fixed": [name for name in layout.parameters if name not in random],
        "scales": {name: scale.kind for name, scale in
                   zip(layout.parameters, spec.scales, strict=True)},
        "typical": dict(zip(layout.parameters, problem.values_at(problem.typical).tolist(),
                            strict=True)),
        "covariance": [names for names in blocks.values() if len(names) > 1],
        "covariates": covariates,
        "errors": {kind.name: each.name for kind, each in
                   zip(problem.data.kinds, spec.errors, strict=True)},
        "events": problem.told is not None, "noise": problem.noise,
    }  # fmt: skip


def _of_quantities(told: Quantities) -> dict[str, Any]:
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = told.error / np.abs(told.value)
    about = {"units": "as the quantity"}
    return {
        "estimate": ("quantity", told.value, about | {"long_name": "estimate"}),
        "standard_error": ("quantity", told.error, about | {"long_name": "standard error"}),
        "relative_standard_error": (
            "quantity", relative, _named("standard error over the estimate"),
        ),
        "lower": ("quantity", told.lower, about | {"long_name": "lower end of the 95 % interval"}),
        "upper": ("quantity", told.upper, about | {"long_name": "upper end of the 95 % interval"}),
        "covariance": (
            ("quantity", "other"), told.covariance, about | {"long_name": "of the estimates"},
        ),
    }  # fmt: skip


def _of_effects(problem: MixedProblem, found: Found, patients: Individuals) -> dict[str, Any]:
    units = _units(problem)
    root = units[:, None] * problem.spec.layout.root_of(found.vectors[0])
    covariance = root @ root.T
    variance = np.diag(covariance)
    left = (units * patients.random).var(axis=0, ddof=1)
    return {
        "effect_covariance": (
            ("random", "other_random"), covariance, _named("covariance of random effects"),
        ),
        "shrinkage": (
            "random", 1.0 - left / variance,
            _named("1 - variance of the estimated random effects over that of the population"),
        ),
    }  # fmt: skip


def _units(problem: MixedProblem) -> np.ndarray:
    """Return the unit (random,) of each random effect."""
    spec = problem.spec
    return np.array([unit_of(spec.scales[place]) for place in spec.layout.random])


def _of_patients(problem: MixedProblem, found: Found, patients: Individuals) -> dict[str, Any]:
    units = _units(problem)
    error = units * np.sqrt(np.einsum("prr->pr", patients.spread))
    return {
        "random_effect": (
            ("patient", "random"), units * patients.random,
            _named("likeliest random effect, on the parameter's scale"),
        ),
        "random_effect_error": (
            ("patient", "random"), error, _named("standard deviation of the random effect, given "
                                                 "the patient's data"),
        ),
        "covariate_shift": (
            ("patient", "parameter"), _shift(problem, found.vectors[0]),
            _named("what covariates add to the parameter, on its scale"),
        ),
        "individual": (
            ("patient", "parameter"), problem.values_at(patients.place),
            {"units": "as the parameter", "long_name": "the patient's likeliest parameters"},
        ),
    }  # fmt: skip


def _shift(problem: MixedProblem, vector: np.ndarray) -> np.ndarray:
    """Return what covariates add to each parameter (patient, parameter)."""
    layout = problem.spec.layout
    slopes = np.split(vector, layout.ends)[1]
    shift = np.zeros((len(problem.data.patients), len(layout.parameters)))
    for effect, place, slope in zip(problem.effects, layout.effects, slopes, strict=True):
        shift[:, place] += slope * effect.column
    return shift


def _of_rows(problem: MixedProblem, found: Found, patients: Individuals) -> dict[str, Any]:
    """Return the data beside what is predicted, (patient, observation), NaN where there is none."""
    data, spec = problem.data, problem.spec
    rows, is_own = data.by_patient()
    count = rows.shape[1]
    kinds = [kind.name for kind in data.kinds]
    kind = np.array([kinds.index(name) for name in data.observable])[rows]
    is_log = np.array([each.is_log for each in spec.errors])[kind]
    population, individual = (
        np.exp(np.where(is_log, each, 0.0)) * is_log + np.where(is_log, 0.0, each)
        for each in (patients.population[:, :count], patients.individual[:, :count])
    )
    value = data.value[rows]
    residual = _residuals(problem, found.vectors[0], kind, value, individual)
    counted = is_own & data.counted[rows]
    seen = counted & ~data.below[rows]
    where = ("patient", "observation")
    unit = {"units": "as the observable"}

    def filled(values: np.ndarray, known: np.ndarray = is_own) -> np.ndarray:
        return np.where(known, values, np.nan)

    shrinkage = [1.0 - residual[seen & (kind == number)].std() for number in range(len(kinds))]
    return {
        "day": (where, filled(data.day[rows]), TIME),
        "observable": (
            where, np.where(is_own, np.array(data.observable)[rows], ""),
            _named("what was measured"),
        ),
        "value": (where, filled(value), unit | {"long_name": "measured"}),
        "weight": (where, filled(data.weight[rows]), _named("weight of the square")),
        "below": (where, is_own & data.below[rows], _named("whether the value is an upper limit")),
        "predicted": (
            where, filled(population), unit | {"long_name": "of the typical patient"},
        ),
        "individual_predicted": (
            where, filled(individual), unit | {"long_name": "of the patient itself"},
        ),
        "residual": (
            where, filled(residual, seen),
            _named("measured less predicted of the patient itself, in its standard deviation"),
        ),
        "residual_shrinkage": (
            "kind", shrinkage, _named("1 - standard deviation of the residuals"),
        ),
    }  # fmt: skip


def _residuals(
    problem: MixedProblem, vector: np.ndarray, kind: np.ndarray, value: np.ndarray,
    predicted: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return what was measured less what is predicted (patient, row), in its width."""
    spec, rows = problem.spec, problem.patients.rows
    widths = np.exp(np.split(vector, spec.layout.ends)[3])
    found = np.zeros(value.shape)
    for number, (errors, places) in enumerate(zip(spec.errors, spec.width_places(), strict=True)):
        own = widths[list(places)] if places else np.ones(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            if errors.is_log:
                each = (np.log(value) - np.log(predicted)) / own[0]
            elif errors.scatter.floor:
                each = (value - predicted) / np.hypot(own[0] * predicted, own[1])
            elif errors.scatter.proportional:
                each = (value - predicted) / np.abs(own[0] * predicted)
            else:
                each = (value - predicted) / own[0]
        found = np.where(kind == number, each / errors.scatter.tails.deviation, found)
    return found / np.asarray(rows.unit)


def _criteria(problem: MixedProblem, deviance: float) -> dict[str, Any]:
    """Return -2 ln L, AIC, and BIC with its penalties by what tells each estimate.

    What has to do with random effects is told by the number of patients, the rest by that of the
    data (Delattre, Lavielle & Poursat 2014, Electron. J. Stat. 8:456).
    """
    layout, data = problem.spec.layout, problem.data
    of_random = len(layout.random) + len(layout.entries) + sum(
        place in layout.random for place in layout.effects
    )  # fmt: skip
    rest = layout.size - of_random
    bic = deviance + of_random * np.log(len(data.patients)) + rest * np.log(data.counted.sum())
    return {
        "deviance": ((), deviance, _named("-2 ln L")),
        "aic": ((), deviance + 2.0 * layout.size, _named("Akaike's information criterion")),
        "bic": ((), bic, _named("corrected Bayesian information criterion, BICc")),
    }


def _condition_number(covariance: np.ndarray) -> float:
    if not np.isfinite(covariance).all():
        return float("inf")
    deviation = np.sqrt(np.diag(covariance))
    worth = np.linalg.eigvalsh(covariance / np.outer(deviation, deviation))
    return float(worth.max() / worth.min()) if worth.min() > 0 else float("inf")
