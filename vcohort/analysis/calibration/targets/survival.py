"""A trial's progression-free survival, on some days."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import ArrayLike

from vcohort.analysis.calibration.targets.base import Course, Target, errors_of
from vcohort.endpoints import Endpoint, ProgressionAtVisits
from vcohort.endpoints.visits import checked_visits
from vcohort.errors import VcohortError
from vcohort.models import Model
from vcohort.results.survival import progression_free_survival
from vcohort.results.trial import Curve, Trial, read_curve
from vcohort.results.visits import checked_share, seen_at_visits
from vcohort.tables.days import days_of, in_days

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
        one is seen at the first visit at which the tumour has its progression size
        (:class:`vcohort.ProgressionAtVisits`).
    :param unscheduled: share of these progressions that show by themselves, on the day from which
        on the tumour had that size.
    :raises VcohortError: for a curve that is no survival or in which nobody progresses, for days
        outside it, and for visits that end before them.
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
        self.visits = _visits(visits, self.days[-1])
        self.unscheduled = checked_share(unscheduled)
        if self.unscheduled and not self.visits:
            raise VcohortError("unscheduled is a share of what visits see: give visits=[28, 91].")
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
        """The days compared, and the visits."""
        return tuple(sorted({*self.days.tolist(), *self.visits}))

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What is seen at the visits."""
        return (ProgressionAtVisits(self.visits),) if self.visits else ()

    def of_course(self, course: Course) -> Array:
        """Return the mean of the patients' exact probabilities, as the trial sees them."""
        return course.mean(self.of_patients(course))

    def of_patients(self, course: Course) -> Array:
        """Return the probabilities (day, patient) that the trial sees no progression so far."""
        if not self.visits:
            return course.free(self.days)
        visits = np.array(self.visits)
        at_visits = course.unseen(visits)
        before = jnp.concatenate([jnp.ones_like(at_visits[:1]), at_visits])
        seen = before[np.searchsorted(visits, self.days, side="right")]
        begun = jnp.minimum(seen, course.not_begun(visits, self.days))
        return self.unscheduled * begun + (1.0 - self.unscheduled) * seen

    def of_dataset(self, ds: xr.Dataset, model: Model) -> np.ndarray:
        """Return the Kaplan-Meier curve, as the trial sees it."""
        if not self.visits:
            return progression_free_survival(ds, self.days).values
        seen, begun = (
            progression_free_survival(seen_at_visits(ds, share), self.days).values
            for share in (0.0, 1.0)
        )
        return self.unscheduled * begun + (1.0 - self.unscheduled) * seen


def _visits(given: ArrayLike, last: float) -> tuple[float, ...]:
    """Return the visits up to the first that sees the last day compared; none where none is."""
    if not np.size(given):
        return ()
    visits = checked_visits(days_of("visits", given))
    if visits[-1] < last:
        raise VcohortError(
            f"The last visit is on day {visits[-1]:g}, and survival is compared until day "
            f"{last:g}: nobody is seen later. Give later visits, or fewer days."
        )
    return visits[: 1 + int(np.searchsorted(visits, last))]


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
