"""Quantiles between patients: of a measurement on some days, or of a peak or an area."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from vcohort.analysis.calibration.targets.base import Course, Target, errors_of, finite_slopes
from vcohort.endpoints import Kinetics, TCellEndpoint
from vcohort.errors import VcohortError, unknown
from vcohort.given import check_unit, number
from vcohort.measurements.observables import OBSERVABLES, Observable
from vcohort.models import Cells, Model
from vcohort.tables.days import day_of

_COUNTABLE = 1e38
_KINETICS = ("C_max", "T_max", "C_auc_DAY")


class QuantileTarget(Target):
    """Quantiles of patients, such as the quartiles of CAR T cell counts on a day.

    Residuals are those of natural logs. Patients are on their deterministic course: what chance
    does to a tumour of few cells is not seen.

    :param of: an observable (a name such as ``"C_per_ul"``, or a :class:`vcohort.Observable`), with
        ``day``; or ``"C_max"``, ``"T_max"`` or ``"C_auc_28"`` (the area until day 28).
    :param quantiles: values by probability, ``{0.25: 17, 0.5: 32, 0.75: 59}``, in the unit of the
        observable; cells, days and cells times days of the others.
    :param day: of the measurement.
    :param error: standard error of the log of each value, 0.1 for one that is known to a tenth.
    :raises VcohortError: for an unknown name, a day too many or none, impossible quantiles.
    """

    on_log = True

    def __init__(
        self,
        of: str | Observable,
        quantiles: Mapping[float, float],
        *,
        day: float | None = None,
        error: float = 0.1,
    ) -> None:
        self.of, self.area_until = _read_name(of)
        self.name = of.name if isinstance(of, Observable) else of
        self.day = _checked_day(self.name, self.of, day)
        self.quantiles = _checked_quantiles(self.name, quantiles, _unit_of(self.of))
        self._errors = errors_of("QuantileTarget", error, len(self.quantiles))

    @property
    def labels(self) -> tuple[str, ...]:
        """One per quantile."""
        on = "" if self.day is None else f"_day_{self.day:g}"
        return tuple(f"{self.name}{on}_q{100 * p:g}" for p in self.quantiles)

    @property
    def values(self) -> np.ndarray:
        """The quantiles."""
        return np.array(list(self.quantiles.values()))

    @property
    def errors(self) -> np.ndarray:
        """One for all."""
        return self._errors

    @property
    def required_days(self) -> tuple[float, ...]:
        """The day of the measurement, or the last of the area."""
        if self.day is not None:
            return (self.day,)
        return (self.area_until,) if self.area_until else ()

    @property
    def t_cell_endpoints(self) -> tuple[TCellEndpoint, ...]:
        """The kinetics, where a peak or an area is asked for."""
        if isinstance(self.of, Observable):
            return ()
        return (Kinetics(auc_until=self.area_until) if self.area_until else Kinetics(),)

    @property
    def save_at(self) -> tuple[float, ...]:
        """The day of the measurement."""
        return () if self.day is None else (self.day,)

    def of_course(self, course: Course) -> Array:
        """Return the quantiles of the patients that are kept."""
        if isinstance(self.of, Observable):
            logs = self.of.log_measured(course.cells_on(self.day or 0.0))
        else:
            (kinetics,) = self.t_cell_endpoints
            names = [variable.name for variable in kinetics.variables]
            logs = jnp.log(course.seen[kinetics][names.index(self.of)])
        at = jnp.asarray(list(self.quantiles), logs.dtype)
        return jnp.exp(smooth_quantiles(logs, course.kept, at))

    def of_dataset(self, ds: xr.Dataset, model: Model) -> np.ndarray:
        """Return the quantiles of the patients that were followed."""
        values = self._measured(ds, model)
        return np.quantile(values[np.isfinite(values)], list(self.quantiles))

    def _measured(self, ds: xr.Dataset, model: Model) -> np.ndarray:
        if not isinstance(self.of, Observable):
            return ds[self.of].values
        on_day = ds.sel(time=self.day)
        # A tumour that nothing stops may have more cells than single precision can count.
        counts = {name: np.minimum(on_day[name].values, _COUNTABLE) for name in model.species.names}
        cells = Cells.counted(model.species, counts)
        return np.exp(np.asarray(self.of.log_measured(cells), float))


def smooth_quantiles(values: Array, kept: Array, probabilities: Array) -> Array:
    """Return quantiles (k,) of values (patient,) as weighted means of the patients in order.

    The weights are those of the estimator of Harrell & Davis (1982, Biometrika 69:635) for many
    patients, normal about p n with the variance n p (1 - p): the derivative is a mean over many
    patients, too.
    """
    number = kept.sum()
    ordered = jnp.sort(jnp.where(kept, finite_slopes(values), jnp.inf))
    rank = jnp.arange(values.size) + 0.5
    centre = probabilities[:, None] * number
    width = jnp.sqrt(jnp.maximum(centre * (1.0 - probabilities[:, None]), 0.25))
    weight = jnp.where(rank < number, jnp.exp(-0.5 * ((rank - centre) / width) ** 2), 0.0)
    finite = jnp.where(jnp.isfinite(ordered), ordered, 0.0)
    return (weight * finite).sum(axis=1) / weight.sum(axis=1)


def _read_name(of: Any) -> tuple[str | Observable, float | None]:
    """Return the observable, or the variable of the kinetics and the last day of an area."""
    if isinstance(of, Observable):
        return of, None
    name = str(of)
    if name in OBSERVABLES:
        return OBSERVABLES[name], None
    if name in {"C_max", "T_max"}:
        return name, None
    if found := re.fullmatch(r"C_auc_(\d+(?:\.\d+)?)", name):
        return "C_auc", float(found[1])
    raise unknown("observable", name, [*OBSERVABLES, *_KINETICS])


def _checked_day(name: str, of: str | Observable, day: Any) -> float | None:
    if not isinstance(of, Observable):
        if day is not None:
            raise VcohortError(f"QuantileTarget: {name} is that of a whole course. Leave day out.")
        return None
    if day is None:
        raise VcohortError(f"QuantileTarget: on which day is {name} measured? Give day=14.")
    found = day_of("QuantileTarget: day", day)
    if not 0 < found <= 1e6:
        raise VcohortError(f"QuantileTarget: day = {found:g} must be greater than 0, at most 1e6.")
    return found


def _unit_of(of: str | Observable) -> str:
    """Return the unit in which quantiles are given."""
    if isinstance(of, Observable):
        return of.unit
    return next(each.units for each in Kinetics().variables if each.name == of)


def _checked_quantiles(name: str, given: Any, unit: str) -> dict[float, float]:
    """Return values by probability, in its order."""
    if not isinstance(given, Mapping) or not given:
        raise VcohortError(
            f"QuantileTarget: quantiles of {name} are values by probability: "
            "{0.25: 17, 0.5: 32, 0.75: 59}."
        )
    for value in given.values():
        check_unit(f"QuantileTarget: {name}", value, unit)
    found = sorted(
        (number("QuantileTarget: probability", p), number(f"QuantileTarget: {name}", value))
        for p, value in given.items()
    )
    probabilities, values = (np.array(part) for part in zip(*found, strict=True))
    if not ((probabilities > 0) & (probabilities < 1)).all():
        raise VcohortError("QuantileTarget: probabilities must lie between 0 and 1.")
    if not (np.isfinite(values) & (values > 0)).all() or (np.diff(values) < 0).any():
        raise VcohortError(
            f"QuantileTarget: quantiles of {name} must be greater than 0, and rise with their "
            "probability."
        )
    return dict(found)
