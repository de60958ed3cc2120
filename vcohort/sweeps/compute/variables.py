"""The variables of a sweep's dataset: names, dimensions, units, and values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.special import ndtri

from vcohort.endpoints import Variable
from vcohort.engine.execution.pilot import NO_DIGIT
from vcohort.simulation.missing import fill_of
from vcohort.sweeps.compute.chunk import Cell
from vcohort.sweeps.compute.reduce import (
    EVENTS,
    Reduced,
    flags_of,
    known,
    mean_and_error,
    mean_days,
    numbers_of,
    quantiles_of,
)
from vcohort.sweeps.design.plan import Plan

CONFIDENCE = 0.95


class Kept(NamedTuple):
    """A variable of the dataset: over the sweep's dimensions, then ``over``.

    ``read``: its values (cell, …) from what is kept of cells.
    """

    name: str
    over: tuple[str, ...]
    units: str
    long_name: str
    read: Callable[[Reduced], Any]


def kept_variables(plan: Plan) -> list[Kept]:
    """Return the variables that a plan's reductions give."""
    return [*_outcomes(plan), *_survival(plan), *_quantiles(plan), *_shares(plan)]


def _outcomes(plan: Plan) -> Iterator[Kept]:
    if plan.has_law:
        yield from _expected("cure_probability", (), "P(cure by the horizon), exact")
    yield from _counted("cured", "cured", "share whose first event is cure")
    yield from _counted("progressed", "progressed", "share whose first event is progression")
    yield Kept("undecided", (), "1", "share without an event", lambda kept: (
        # Counts, since the rounding of two shares leaves no 0, or less.
        (np.asarray(kept["patients"], np.float64) - kept["cured"] - kept["progressed"])
        / known(kept["patients"])
    ))  # fmt: skip
    yield Kept("missing", (), "1", "patients whose equations could not be followed", lambda kept: (
        kept["missing"]
    ))  # fmt: skip


def _survival(plan: Plan) -> Iterator[Kept]:
    if plan.days:
        yield from _counted("pfs", "progressed_by", "progression-free survival", ("day",))
    if plan.has_survival_law:
        yield from _expected("pfs_probability", ("day",), "P(no progression by the day), exact")
    about = f"mean progression-free days until day {plan.until:g}"
    for index, (name, what) in enumerate((("rmst", about), ("rmst_error", f"error of {about}"))):
        yield Kept(name, (), "day", what, lambda kept, index=index: (
            mean_days(kept["free_days"], kept["patients"])[index]
        ))  # fmt: skip


def _quantiles(plan: Plan) -> Iterator[Kept]:
    if not plan.quantiles:
        return
    of = {name: ("day", f"day of {name.removesuffix('_day')} of those with that event")
          for name in EVENTS}  # fmt: skip
    of |= {each.name: (each.units, each.long_name) for each in numbers_of(plan)}
    for name, (units, about) in of.items():
        yield Kept(f"{name}_quantile", ("quantile",), units, about, lambda kept, name=name: (
            quantiles_of(kept, name, plan.quantiles)
        ))  # fmt: skip


def _shares(plan: Plan) -> Iterator[Kept]:
    for flag in flags_of(plan):
        yield Kept(f"{flag.name}_share", (meaning_of(flag),), "1", f"shares of {flag.long_name}",
                   lambda kept, name=flag.name: _share(kept, name))  # fmt: skip


def meaning_of(flag: Variable) -> str:
    """Return the dimension over a flag's meanings."""
    return flag.name.split("_")[0]


def _counted(name: str, count: str, about: str, over: tuple[str, ...] = ()) -> Iterator[Kept]:
    """Yield a drawn share with its interval (Wilson 1927); ``pfs`` counts those without."""

    def share(kept: Reduced) -> np.ndarray:
        found = _share(kept, count)
        return 1.0 - found if name == "pfs" else found

    percent = f"{CONFIDENCE:.0%} interval"
    yield Kept(name, over, "1", f"{about}, drawn", share)
    for end, sign in (("lower", -1.0), ("upper", 1.0)):
        yield Kept(f"{name}_{end}", over, "1", f"{end} end, {percent}", lambda kept, sign=sign: (
            _wilson(share(kept), kept["patients"], sign)
        ))  # fmt: skip


def _expected(name: str, over: tuple[str, ...], about: str) -> Iterator[Kept]:
    """Yield the mean of an exact probability, and its error between patients."""
    parts = ((name, f"mean {about}"), (f"{name}_error", "its standard error between patients"))
    for index, (own, what) in enumerate(parts):
        yield Kept(own, over, "1", what, lambda kept, index=index: (
            mean_and_error(kept[name], kept[f"{name}_square"], _beside(kept, name))[index]
        ))  # fmt: skip


def _share(kept: Reduced, name: str) -> np.ndarray:
    return np.asarray(kept[name], np.float64) / known(_beside(kept, name))


def _beside(kept: Reduced, name: str) -> np.ndarray:
    """Return the number of patients, in a shape that divides the named array."""
    return kept["patients"].reshape(-1, *[1] * (np.ndim(kept[name]) - 1))


def _wilson(share: np.ndarray, patients: np.ndarray, sign: float) -> np.ndarray:
    z = float(ndtri(0.5 + 0.5 * CONFIDENCE))
    count = known(patients).reshape(-1, *[1] * (share.ndim - 1))
    middle = share + z**2 / (2 * count)
    spread = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.clip((middle + sign * spread) / (1 + z**2 / count), 0.0, 1.0)


def patient_variables(plan: Plan) -> list[Variable]:
    """Return what is kept of each patient, where the plan keeps patients."""
    if not plan.keep_patients:
        return []
    variables = [each for endpoint in plan.run.all_endpoints for each in endpoint.variables]
    if plan.has_law:
        variables.append(Variable("patient_cure_probability", "P(cure by the horizon)", "1"))
    return variables


def read_cells(plan: Plan, cells: Sequence[Cell], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the variables of a chunk, (…, …), its cells in ``shape``."""
    found: dict[str, np.ndarray] = {}
    sizes = {"day": len(plan.days), "quantile": len(plan.quantiles)}
    sizes |= {meaning_of(flag): len(flag.meanings) for flag in flags_of(plan)}
    reductions = [one.reduced for one in cells if one.reduced is not None]
    followed = [one.reduced is not None for one in cells]
    joined = {
        name: np.concatenate([one[name] for one in reductions]) for name in (reductions or [{}])[0]
    }
    for each in kept_variables(plan):
        rest = tuple(sizes[name] for name in each.over)
        rows = np.full((len(cells), *rest), np.nan)
        if reductions:
            rows[followed] = each.read(joined)
        if each.name == "missing":
            # Where the equations of a cell cannot be followed, so can those of no patient.
            rows[~np.asarray(followed)] = plan.patients
        found[each.name] = rows.reshape(*shape, *rest)
    found["steps"] = np.asarray([one.steps for one in cells], np.int32).reshape(shape)
    found["error_estimate"] = np.asarray([one.error for one in cells]).reshape(shape)
    for each in patient_variables(plan):
        found[each.name] = _of_patients(plan, each, cells).reshape(*shape, plan.patients)
    return found


def _of_patients(plan: Plan, variable: Variable, cells: Sequence[Cell]) -> np.ndarray:
    kind = patient_dtype(plan, variable)
    nothing = np.full(plan.patients, fill_of(kind), kind)
    name = variable.name.removeprefix("patient_")
    rows = [nothing if one.reduced is None else one.columns[name] for one in cells]
    return np.stack(rows).astype(kind)


def patient_dtype(plan: Plan, variable: Variable) -> np.dtype:
    """Return the type of a patient's variable."""
    return np.dtype(plan.run.dtype if variable.dtype == "float" else variable.dtype)


def missing_note(ds: xr.Dataset) -> str | None:
    """Return what to tell of patients that could not be followed, in cells that could, if any.

    Stores of earlier versions do not count them.
    """
    if "missing" not in ds:
        return None
    missing = np.where(ds["error_estimate"].values < NO_DIGIT, ds["missing"].values, 0)
    cells, patients = int((missing > 0).sum()), int(np.nansum(missing))
    if not patients:
        return None
    return (
        f"In {cells:,} of {missing.size:,} cells {patients:,} patients could not be followed: "
        "a rate is too fast for the steps, or becomes impossible. They are left out of the cell's "
        "shares, means and quantiles (variable missing). Narrow the distributions, or sweep a "
        "smaller range."
    )
