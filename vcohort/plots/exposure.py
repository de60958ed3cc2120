"""Exposure and response: what share of patients is cured, by their peak of CAR T cells and more."""

from __future__ import annotations

import numpy as np
import scipy
import xarray as xr
from matplotlib.axes import Axes

from vcohort.colours import GREY
from vcohort.endpoints.outcome import CURE, PROGRESSION
from vcohort.errors import VcohortError, one_of
from vcohort.given import whole
from vcohort.plots.layout import panel, picture
from vcohort.plots.patients import asks_for_log, by_patient
from vcohort.plots.style import OUTCOME
from vcohort.plots.ticks import number_ticks
from vcohort.plots.words import caption, literal, own_legend
from vcohort.results.needed import need
from vcohort.simulation.missing import NO_PATH, check_kept, known_outcomes
from vcohort.units import CELLS_PER_ML, CELLS_PER_UL

_EVENTS = {"cure": CURE, "progression": PROGRESSION}

# As clinics report them: a name, and how many of the dataset's units make one of theirs.
_CLINICAL = {
    "B0": ("tumour volume at infusion, ml", CELLS_PER_ML),
    "C_max": ("peak of CAR T cells per µl of blood", CELLS_PER_UL),
    "C_auc": ("exposure to CAR T cells, days x cells per µl", CELLS_PER_UL),
    "C_last_day": ("last day with CAR T cells seen", 1.0),
    "T_max": ("day of the peak of CAR T cells", 1.0),
}


@picture
def exposure_response(
    ds: xr.Dataset,
    exposure: str = "C_max",
    event: str = "cure",
    *,
    groups: int = 4,
    axes: Axes | None = None,
) -> Axes:
    """Draw which share of patients has an event, by what they were exposed to.

    Points: groups of patients of equal size, quartiles by default, at the median of their exposure;
    bars are Wilson's 95 % intervals. Line: logistic regression on the exposure, on its logarithm
    where that spans more than a factor of ten.

    :param exposure: a number of each patient: ``C_max``, ``C_auc``, ``T_max`` or ``C_last_day`` of
        :class:`vcohort.Kinetics`, or any other, such as ``"B0"``.
    :param event: ``"cure"`` or ``"progression"``, by the end of the run.
    :raises VcohortError: for an exposure that the dataset lacks, another event, fewer patients than
        groups.
    """
    groups = whole("groups", groups, least=2)
    event = one_of("event", event, _EVENTS)
    need(ds, "vc.simulate with endpoints=[vc.Kinetics()]", {exposure: ("patient",)})
    ds = by_patient(ds)
    ds = ds.isel(patient=known_outcomes(ds))
    about, scale = _CLINICAL.get(exposure, (_named(ds[exposure]), 1.0))
    level = ds[exposure].values.astype(float) / scale
    kept = check_kept(np.isfinite(level), NO_PATH)
    level, happened = level[kept], (ds["outcome"].values == _EVENTS[event])[kept]
    if level.size < groups:
        raise VcohortError(f"{level.size} patients make no {groups} groups. Simulate more.")
    axes = panel(axes)
    is_log, colour = asks_for_log(level), OUTCOME[_EVENTS[event]]
    order = np.argsort(level, kind="stable")
    middle, share, low, high = np.array(
        [_of_group(level[part], happened[part]) for part in np.array_split(order, groups)]
    ).T
    axes.errorbar(middle, share, np.stack([share - low, high - share]), fmt="o", color=colour,
                  capsize=3, label=f"{groups} groups of patients")  # fmt: skip
    first, last = np.quantile(level, [0.01, 0.99]).tolist()
    line = np.geomspace(first, last, 201) if is_log else np.linspace(first, last, 201)
    fitted = _logistic(np.log(level) if is_log else level, happened)
    if fitted is not None:
        curve = scipy.special.expit(fitted[0] + fitted[1] * (np.log(line) if is_log else line))
        axes.plot(line, curve, color=GREY, label="logistic regression")
    axes.set(xlabel=about, ylabel=f"share of patients: {event}", ylim=(-0.02, 1.02),
             xscale="log" if is_log else "linear")  # fmt: skip
    number_ticks(axes)
    own_legend(axes)
    told = "" if fitted is not None else " No regression: of all, none, or beyond a limit."
    caption(axes, f"{level.size:,} patients; bars: 95 % intervals.{told}")
    return axes


def _named(values: xr.DataArray) -> str:
    name = literal(values.attrs.get("long_name", values.name))
    unit = values.attrs.get("units", "1")
    return name if unit == "1" else f"{name}, {unit}"


def _of_group(level: np.ndarray, happened: np.ndarray) -> tuple[float, float, float, float]:
    """Return the median exposure of a group, the share with the event and its interval."""
    found = scipy.stats.binomtest(int(happened.sum()), happened.size)
    ends = found.proportion_ci(0.95, method="wilson")
    return float(np.median(level)), float(happened.mean()), float(ends.low), float(ends.high)


def _logistic(x: np.ndarray, happened: np.ndarray) -> tuple[float, float] | None:
    """Return intercept and slope of greatest likelihood; None where they are not finite."""
    spread = float(x.std())
    if not spread > 0 or happened.all() or not happened.any():
        return None
    z = (x - x.mean()) / spread
    above, below = z[happened], z[~happened]
    if above.min() >= below.max() or above.max() <= below.min():
        return None
    design = np.stack([np.ones_like(z), z], axis=1)

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        log_odds = design @ coefficients
        gradient = design.T @ (scipy.special.expit(log_odds) - happened)
        return float(np.logaddexp(0.0, log_odds).sum() - log_odds[happened].sum()), gradient

    found = scipy.optimize.minimize(loss, np.zeros(2), jac=True, method="BFGS").x
    slope = float(found[1]) / spread
    return float(found[0]) - slope * float(x.mean()), slope
