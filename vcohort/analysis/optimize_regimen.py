"""The treatment that does most good to a cohort, within bounds and a limit of toxicity."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from scipy.optimize import minimize

from vcohort.analysis.cache import Both, remember_last
from vcohort.analysis.sensitivity.outputs import (
    Outputs,
    evaluate,
    find_measures,
    keep_followed,
    measure,
)
from vcohort.engine.compiling.flags import nan_is_meant
from vcohort.engine.inputs import Patients
from vcohort.errors import VcohortError, VcohortWarning, unknown
from vcohort.given import number, numbers, whole
from vcohort.models.shared import C0
from vcohort.populations.cohort import Cohort
from vcohort.progress import progress_bar
from vcohort.regimens.regimen import Regimen
from vcohort.regimens.treatments import Infusion, Lymphodepletion
from vcohort.simulation.dataset import provenance, recorded
from vcohort.simulation.preparation import grid_spec, prepare
from vcohort.simulation.run import Run, settle

_UNITS = {"day": "day", "cells": "cells", "survival": "1"}

_TEXTS = {
    "day": "day of the second treatment",
    "cells": "CAR T cells infused then",
    "survival": "share of the T cells that lives through lymphodepletion",
}

# Steps of the optimiser from each start, and how many of the grid's best cells are starts.
_STEPS, _STARTS = 40, 3

# Share of the patients that keep to the limit of toxicity.
_SAFE = 0.95

# Normal error of ln(tumour), which gives survival on a day its derivatives.
_BLUR = 0.02

# The earliest day of a second infusion.
_FIRST_DAY = 1e-3

_OBJECTIVES = ("cure", "pfs", "rmst")


_Climb: TypeAlias = Callable[..., Both]


class _Plan(NamedTuple):
    """A problem of treatment: names of what is free, scaled to 0 … 1 between their bounds.

    ``given``: the treatments that are given in any case.
    """

    cohort: Cohort
    given: Regimen
    asked: Outputs
    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    fixed: dict[str, float]
    limit: float | None

    def fields(self, position: Any) -> dict[str, Any]:
        """Return day, cells and survival: days and survival evenly, cells by their log."""
        fields: dict[str, Any] = dict(self.fixed)
        for index, name in enumerate(self.names):
            low, high, share = self.low[index], self.high[index], position[index]
            if name == "cells":
                fields[name] = low * (high / low) ** share
            else:
                fields[name] = low + (high - low) * share
        return fields

    def regimen(self, position: Any) -> Regimen:
        """Return the treatments at a position."""
        fields = self.fields(position)
        infusion = Infusion(fields["day"], fields.get("cells"))
        return self.given.plus(infusion, Lymphodepletion(fields["day"], fields["survival"]))

    def middle(self) -> Regimen:
        """Return the treatments near the middle, on a day on which nothing else is given."""
        days = [np.ravel(each.day) for each in self.given.treatments]
        taken = np.unique(np.concatenate([np.zeros(1), *days]))
        shares = np.linspace(0.5, 0.6, taken.size)
        near = [share for share in shares if self.fields(self._at(share))["day"] not in taken]
        return self.regimen(self._at(near[0] if near else 0.5))

    def _at(self, share: float) -> np.ndarray:
        return np.full(len(self.names), share)


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
    :return: ``best`` (field,), ``objective_best``, ``objective_without`` (``regimen`` alone),
        ``C_max_best`` (95th centile), and on the grid ``objective`` and ``C_max`` (over the free
        fields). Patients that cannot be followed with ``regimen`` alone are left out, and so are
        regimens under which one cannot (NaN on the grid); both with a warning. The whole regimen
        that was found: ``vc.Regimen.from_record(ds.attrs["best_regimen_record"])``.
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
    plan = _plan(cohort, bounds, asked, max_C_max)
    plan, without = _without(plan)
    climb = _climb_of(plan)
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
            ends.append(_ascend(plan, climb, position))
            advance(1)
    best = max(ends, key=lambda each: climb(each)[0][0])
    return _dataset(plan, best, climb(best)[0], without, shares, cells)


def _without(plan: _Plan) -> tuple[_Plan, float]:
    """Return the mean objective with the treatments that are given in any case.

    And the plan for the patients who can be followed there.
    """
    target = plan.asked.measures[:1]
    each = evaluate(plan.cohort, replace(plan.asked, measures=target), progress=False)
    kept = keep_followed(each, stacklevel=4)
    cohort, given = plan.cohort.select(kept), plan.given.select(kept)
    return plan._replace(cohort=cohort, given=given), float(each[kept].mean())


def _most_promising(plan: _Plan, cells: np.ndarray) -> np.ndarray:
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


def _plan(
    cohort: Cohort,
    bounds: Mapping[str, tuple[float, float] | float],
    asked: Outputs,
    limit: float | None,
) -> _Plan:
    if limit is not None:
        limit = number("max_C_max", limit)
        if not limit > 0:
            raise VcohortError(f"max_C_max = {limit:g} is impossible: it must be greater than 0.")
    pairs = _pairs(bounds, asked.run.horizon)
    free = {name: pair for name, pair in pairs.items() if pair[0] < pair[1]}
    if not free:
        raise VcohortError("Every field is fixed: give a lowest and a highest value for one.")
    fixed = {"survival": 1.0} | {name: pair[0] for name, pair in pairs.items()}
    fixed = {name: value for name, value in fixed.items() if name not in free}
    low, high = np.array(list(free.values())).T
    asked.check(cohort)
    plan = _Plan(cohort, asked.run.regimen, asked, tuple(free), low, high, fixed, limit)
    plan.middle()
    return plan


def _pairs(
    bounds: Mapping[str, tuple[float, float] | float], horizon: float
) -> dict[str, tuple[float, float]]:
    """Return the lowest and the highest value of each field, the same where it is fixed."""
    if not isinstance(bounds, Mapping):
        raise VcohortError(f"bounds = {bounds!r} is impossible. Try {{'day': (20, 200)}}.")
    for name in bounds:
        if name not in _UNITS:
            raise unknown("field", name, _UNITS)
    if "day" not in bounds:
        raise VcohortError("bounds has no 'day'. Give its lowest and highest, or one number.")
    return {name: _pair(name, given, horizon) for name, given in bounds.items()}


def _pair(name: str, given: Any, horizon: float) -> tuple[float, float]:
    values = numbers(f"bounds of {name}", given)
    if values.size not in {1, 2}:
        raise VcohortError(f"The bounds of {name} must be two numbers, or one, not {values.size}.")
    low, high = float(values[0]), float(values[-1])
    if name == "day" and low == 0.0 < high:
        # Day 0 is that of the first infusion, which is always there.
        low = min(_FIRST_DAY, high)
    most = {"day": horizon, "cells": 1e18, "survival": 1.0}[name]
    least = {"day": _FIRST_DAY, "cells": 1.0, "survival": 0.0}[name]
    if not least <= low <= high <= most:
        raise VcohortError(
            f"The bounds of {name}, {low:g} and {high:g}, must lie within {least:g} … {most:g}, "
            "the smaller one first."
        )
    if name == "cells":
        C0.advise([low, high], "bounds of cells", stacklevel=7)
    return low, high


def _climb_of(plan: _Plan) -> _Climb:
    """Return a function of a position (field,): objective and ln C_max, and their derivatives.

    NaN where a patient gets lost.
    """
    cohort, asked = plan.cohort, plan.asked
    run = replace(asked.run, regimen=plan.middle())
    ready = prepare(cohort, run, asked.required_days)
    steps = ready.grid.steps
    block = ready.table.take(np.arange(len(cohort)), np.dtype(np.float32))
    plain = {name: np.asarray(value, np.float32) for name, value in cohort.values.items()}

    def outcome(position: Array, values: dict[str, Array], block: Patients) -> tuple[Array, Array]:
        regimen = plan.regimen(position)
        schedule = regimen.schedule(Cohort(values, cohort.patient, cohort.model, cohort.origin))
        schedule = jax.tree.map(lambda part: jnp.asarray(part, jnp.float32), schedule)
        days = grid_spec(replace(run, regimen=regimen), asked.required_days).with_steps(steps)
        patients = block._replace(schedule=schedule)
        found, _ = measure(
            cohort.model, asked.measures, patients, days.grid(patients), run.progression, _BLUR
        )
        told = jnp.stack([found[:, 0].mean(), jnp.log(jnp.quantile(found[:, 1], _SAFE))])
        return told, told

    # The patients' numbers are handed over: one program, kept on the disk, serves all cohorts.
    slopes = jax.jit(jax.jacfwd(outcome, has_aux=True))

    def climb(position: np.ndarray) -> Both:
        with jax.enable_x64(False), nan_is_meant():
            slope, value = slopes(np.float32(position), plain, block)
        return np.asarray(value, float), np.asarray(slope, float)

    return remember_last(climb)


def _ascend(plan: _Plan, climb: _Climb, start: np.ndarray) -> np.ndarray:
    """Climb from a start, keeping to the limit and to where all patients can be followed."""
    limits: list[dict[str, Any]] = []
    if plan.limit is not None:
        level = np.log(plan.limit)
        limits = [{"type": "ineq", "fun": lambda at: level - climb(at)[0][1],
                   "jac": lambda at: -climb(at)[1][1]}]  # fmt: skip
    found = minimize(
        lambda at: -climb(at)[0][0], start, jac=lambda at: -climb(at)[1][0], method="SLSQP",
        bounds=[(0.0, 1.0)] * start.size, constraints=limits, options={"maxiter": _STEPS},
    )  # fmt: skip
    end = np.clip(found.x, 0.0, 1.0)
    kept = plan.limit is None or climb(end)[0][1] <= np.log(plan.limit) + 1e-4
    return end if kept and climb(end)[0][0] >= climb(start)[0][0] else start


def _dataset(
    plan: _Plan,
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
    names = [name for name in _UNITS if name in fields]
    return xr.Dataset(
        {
            "best": ("field", [float(fields[name]) for name in names]),
            "objective_best": ((), found[0], objective),
            "objective_without": ((), without, objective),
            "C_max_best": ((), np.exp(found[1]), toxicity),
            "objective": (over, cells[:, 0].reshape(shape), objective),
            "C_max": (over, np.exp(cells[:, 1]).reshape(shape), toxicity),
        },
        {
            "field": names,
            "unit": ("field", [_UNITS[name] for name in names]),
            **{
                f"on_{name}": (
                    f"on_{name}", on_grid[name],
                    {"units": _UNITS[name], "long_name": _TEXTS[name]},
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
