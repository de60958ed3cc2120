"""The treatment that does most good to a cohort, within bounds and a limit of toxicity."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import xarray as xr

from vcohort.analysis.optimization.climb import ascend, climb_of
from vcohort.analysis.optimization.plan import UNITS, Plan, make_plan
from vcohort.analysis.sensitivity.outputs import Outputs, evaluate, find_measures, keep_followed
from vcohort.errors import VcohortError, VcohortWarning, unknown
from vcohort.given import whole
from vcohort.populations.cohort import Cohort
from vcohort.progress import progress_bar
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.dataset import provenance, recorded
from vcohort.simulation.run import Run, settle

_TEXTS = {
    "day": "day of the second treatment",
    "cells": "CAR T cells infused then",
    "survival": "share of the T cells that lives through lymphodepletion",
}

# How many of the grid's best cells are starts.
_STARTS = 3

_OBJECTIVES = ("cure", "pfs", "rmst")

# Of the way between a field's bounds, from the middle: so near to one of them is on it.
_END = 0.499


def optimize_regimen(
    cohort: Cohort,
    bounds: Mapping[str, tuple[float, float] | float],
    objective: str = "cure",
    *,
    max_C_max: float | None = None,
    grid: int = 5,
    horizon: float | None = None,
    progression: float | None = None,
    regimen: Regimen | None = None,
    tolerance: float | None = None,
    run: Run | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Find day, dose and depth of a second, prepared infusion that do most good to a cohort.

    The mean of exact probabilities is climbed along its derivatives (SLSQP: Kraft 1988), from the
    best cells of a plain grid, which checks the result.

    :param bounds: lowest and highest ``day``, ``cells`` (of the infusion) and ``survival`` (of the
        T cells, through lymphodepletion on that day); one number fixes a field. ``cells`` left out
        are those of the first infusion; ``survival`` left out is 1: no lymphodepletion.
    :param objective: ``"cure"``, ``"pfs_DAY"`` or ``"rmst_DAY"``: its mean over patients is made
        largest.
    :param max_C_max: toxicity: CAR T cells in the body that at most 5 % of the patients may exceed.
    :param grid: values of each free field on the grid.
    :param regimen: treatments that are given in any case; None is the first infusion alone. On a
        day on which they and the second infusion coincide, both are given. It, ``horizon``,
        ``progression`` and ``tolerance`` are settings of a :class:`Run`.
    :return: ``best`` (field,), ``at_bound`` (field,: more good may lie beyond),
        ``objective_best``, ``objective_without`` (``regimen`` alone), ``C_max_best`` (95th
        centile), and on the grid ``objective`` and ``C_max`` (over the free fields). Patients that
        cannot be followed with ``regimen`` alone are left out, and so are regimens under which one
        cannot (NaN on the grid); both with a warning. The whole regimen that was found:
        ``vc.Regimen.from_record(ds.attrs["best_regimen_record"])``.
    :raises VcohortError: for unknown fields or objectives, empty bounds, a fixed day on which
        ``regimen`` has an infusion or a lymphodepletion, a limit that no regimen keeps.
    """
    grid = whole("grid", grid, least=2)
    if str(objective).split("_", maxsplit=1)[0] not in _OBJECTIVES:
        raise unknown("objective", str(objective), ("cure", "pfs_365", "rmst_720"))
    given = {"horizon": horizon, "progression": progression, "regimen": regimen,
             "tolerance": tolerance}  # fmt: skip
    run = settle("optimize_regimen", run, given, method="deterministic")
    asked = Outputs(find_measures([objective, "C_max"]), run)
    plan = make_plan(cohort, bounds, asked, max_C_max)
    plan, without = _without(plan)
    climb = climb_of(plan)
    shares = np.linspace(0.0, 1.0, grid)
    mesh = np.stack(np.meshgrid(*[shares] * len(plan.names), indexing="ij"), axis=-1)
    corners = mesh.reshape(-1, len(plan.names))
    with progress_bar("regimens", len(corners) + _STARTS, progress) as advance:
        seen: list[np.ndarray] = []
        for position in corners:
            seen.append(climb(position)[0])
            advance(1)
        cells = np.array(seen)
        ends: list[np.ndarray] = []
        for position in corners[_most_promising(plan, cells)]:
            ends.append(ascend(plan, climb, position))
            advance(1)
    best = max(ends, key=lambda each: climb(each)[0][0])
    return _dataset(plan, best, climb(best)[0], without, shares, cells)


def _without(plan: Plan) -> tuple[Plan, float]:
    """Return the mean objective with the treatments that are given in any case.

    And the plan for the patients who can be followed there.
    """
    target = plan.asked.measures[:1]
    each = evaluate(plan.cohort, replace(plan.asked, measures=target), progress=False)
    kept = keep_followed(each, stacklevel=4)
    cohort, given = plan.cohort.select(kept), plan.given.select(kept)
    return plan._replace(cohort=cohort, given=given), float(each[kept].mean())


def _most_promising(plan: Plan, cells: np.ndarray) -> np.ndarray:
    """Return the best cells of the grid that keep to the limit."""
    lost = ~np.isfinite(cells).all(axis=1)
    if lost.any():
        warnings.warn(
            f"Under {lost.sum()} of {lost.size} regimens of the grid a patient could not be "
            "followed: they are left out, NaN. Narrow the bounds, if you want those regimens.",
            VcohortWarning,
            stacklevel=3,
        )
    peaks = np.where(lost, np.inf, cells[:, 1])
    allowed = ~lost & (peaks <= (np.inf if plan.limit is None else np.log(plan.limit)))
    if lost.all():
        raise VcohortError(
            "Under every regimen of the grid a patient cannot be followed. Narrow the bounds."
        )
    if not allowed.any():
        raise VcohortError(
            f"No regimen of the grid keeps C_max below {plan.limit:g} cells: the lowest is "
            f"{np.exp(peaks.min()):.3g}. Raise max_C_max, or allow lower doses."
        )
    return np.argsort(np.where(allowed, -cells[:, 0], np.inf))[: min(_STARTS, allowed.sum())]


def _dataset(
    plan: Plan,
    best: np.ndarray,
    found: np.ndarray,
    without: float,
    shares: np.ndarray,
    cells: np.ndarray,
) -> xr.Dataset:
    (target, peak), fields, run = plan.asked.measures, plan.fields(best), plan.asked.run
    over = tuple(f"on_{name}" for name in plan.names)
    shape = (shares.size,) * len(over)
    on_grid = plan.fields(np.broadcast_to(shares[:, None], (shares.size, len(over))).T)
    objective = {"units": target.unit, "long_name": f"mean {target.long_name}"}
    toxicity = {"units": peak.unit, "long_name": f"95th centile of {peak.long_name}"}
    names = [name for name in UNITS if name in fields]
    ends = {name for name, share in zip(plan.names, best, strict=True) if abs(share - 0.5) >= _END}
    return xr.Dataset(
        {
            "best": ("field", [float(fields[name]) for name in names]),
            "at_bound": ("field", [name in ends for name in names]),
            "objective_best": ((), found[0], objective),
            "objective_without": ((), without, objective),
            "C_max_best": ((), np.exp(found[1]), toxicity),
            "objective": (over, cells[:, 0].reshape(shape), objective),
            "C_max": (over, np.exp(cells[:, 1]).reshape(shape), toxicity),
        },
        {
            "field": names,
            "unit": ("field", [UNITS[name] for name in names]),
            **{
                f"on_{name}": (
                    f"on_{name}", on_grid[name],
                    {"units": UNITS[name], "long_name": _TEXTS[name]},
                )
                for name in plan.names
            },
        },
        {
            "objective": target.name, "patients": len(plan.cohort),
            "max_C_max": np.inf if plan.limit is None else plan.limit,
            "free": ", ".join(plan.names),
            **recorded(regimen=plan.given, best_regimen=plan.regimen(best)),
            "horizon": run.horizon,
            "progression": run.progression, "tolerance": run.tolerance,
            "model": plan.cohort.model.name, **dict(plan.cohort.origin),
            **provenance("regimen"),
        },
    )  # fmt: skip
