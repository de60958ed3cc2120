"""A trial's progression-free survival, on some days."""

from __future__ import annotations

import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import ArrayLike

from vcohort.analysis.calibration.targets.base import Course, Target, errors_of
from vcohort.errors import VcohortError
from vcohort.models import Model
from vcohort.results.survival import progression_free_survival
from vcohort.results.trial import Curve, Trial, read_curve
from vcohort.results.visits import checked_visits
from vcohort.tables.days import in_days

# Of a curve that does not tell how many patients it is of.
_PATIENTS = 100


class SurvivalTarget(Target):
    """Progression-free survival of a trial.

    :param trial: the curve, each of whose values holds until the next day: a DataArray over
        ``day``, or a table of ``day`` and ``pfs`` or ``survival``; or the trial's patients, a table
        with ``time`` and ``event``, of which the Kaplan-Meier curve is taken.
    :param days: where curves are compared; by default every 10 days to day 400, or to the last
        day of the trial.
    :param error: standard error of each value; by default the largest that the trial's patients
        leave, 0.5 / sqrt(n), and 0.05 where only a curve is known.
    :param visits: days on which the trial looked for progression, if it did not look all the time:
        one is seen at the first visit on its day or later (:func:`vcohort.seen_at_visits`).
    :param unscheduled: share of progressions that show by themselves, between visits.
    :raises VcohortError: for a curve that is no survival or in which nobody progresses, and days
        outside it.
    """

    def __init__(
        self,
        trial: Trial,
        days: ArrayLike | None = None,
        *,
        error: float | None = None,
        visits: ArrayLike = (),
        unscheduled: float = 0.0,
    ) -> None:
        curve = read_curve(trial)
        self.days, self._values = _on_days(curve, days)
        self._visits, self._at_once = (
            checked_visits(visits, unscheduled) if np.size(visits) else (np.array([]), 1.0)
        )
        if error is None:
            error = 0.5 / np.sqrt(curve.patients or _PATIENTS)
        self._errors = errors_of("SurvivalTarget", error, self.days.size)

    @property
    def labels(self) -> tuple[str, ...]:
        """One per day."""
        return tuple(f"pfs_{day:g}" for day in self.days)

    @property
    def values(self) -> np.ndarray:
        """The trial's survival (day,)."""
        return self._values

    @property
    def errors(self) -> np.ndarray:
        """One for all days."""
        return self._errors

    @property
    def required_days(self) -> tuple[float, ...]:
        """The days compared, and the visits before them."""
        return tuple(sorted({*self.days.tolist(), *self._looked.tolist()}))

    @property
    def _looked(self) -> np.ndarray:
        """The last visits (day,) until the days compared; day 0 before the first."""
        place = np.searchsorted(self._visits, self.days, side="right")
        return np.array([0.0, *self._visits])[place]

    def of_course(self, course: Course) -> Array:
        """Return the mean of the patients' exact probabilities, as the trial sees them."""
        return course.mean(self.of_patients(course))

    def of_patients(self, course: Course) -> Array:
        """Return the probabilities (day, patient) that the trial sees no progression so far."""
        own = course.free(self.days)
        if self._at_once == 1.0:
            return own
        return self._at_once * own + (1.0 - self._at_once) * course.free(self._looked)

    def of_dataset(self, ds: xr.Dataset, model: Model) -> np.ndarray:
        """Return the Kaplan-Meier curve, as the trial sees it."""
        own = progression_free_survival(ds, self.days).values
        if self._at_once == 1.0:
            return own
        looked = progression_free_survival(ds, self._looked).values
        return self._at_once * own + (1.0 - self._at_once) * looked


def _on_days(curve: Curve, days: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the days (day,) and the trial's survival on them."""
    at = np.arange(0.0, min(400.0, curve.last) + 1e-9, 10.0) if days is None else days
    at = np.atleast_1d(in_days("days", at))
    inside = at.ndim == 1 and at.size > 1 and (np.diff(at) > 0).all()
    if not (inside and at[0] >= 0 and at[-1] <= curve.last):
        raise VcohortError(
            f"days must increase, at least two of them, from 0 to the trial's last day, "
            f"{curve.last:g}. By default they are 10 days apart."
        )
    target = curve.at(at)
    if (target == 1).all() or (target == 0).all():
        raise VcohortError(
            f"The trial's survival is {target[0]:g} on all days compared, from {at[0]:g} to "
            f"{at[-1]:g}: nothing there tells one population from another. Give later days, or a "
            "trial in which some patients progress."
        )
    return at, target
