"""The shares of patients whose tumour responded."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from jax.scipy.special import ndtr
from numpy.typing import ArrayLike

from vcohort.analysis.calibration.targets.base import Course, Target, errors_of
from vcohort.endpoints import BestResponse, Endpoint
from vcohort.endpoints.response import CR, PR
from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.models import Model
from vcohort.tables.days import day_of, days_of

# Where nothing is blurred a share has steps, of patients near the limit; so little is no blur.
_NO_NOISE = 1e-6


class ResponseTarget(Target):
    """Shares of best responses until a day: see :class:`vcohort.BestResponse`.

    :param complete: share of complete responses, from 0 to 1.
    :param overall: share of complete and partial responses.
    :param until: last day that counts.
    :param detection_limit: cells below which no tumour is seen, by default 0.1 ml: a complete
        response.
    :param partial: size, relative to the first, of a partial response.
    :param visits: days on which the trial looked at its patients, if it did not do so all the time.
    :param error: standard error of each share; of 100 patients at most 0.05.
    :raises VcohortError: without any share, and for impossible ones.
    """

    def __init__(
        self,
        *,
        complete: float | None = None,
        overall: float | None = None,
        until: float = 180.0,
        detection_limit: float | None = None,
        partial: float = 0.5,
        visits: ArrayLike = (),
        error: float = 0.05,
    ) -> None:
        limit = {} if detection_limit is None else {"detection_limit": detection_limit}
        looks = tuple(days_of("visits", visits)) if np.size(visits) else ()
        last = day_of("ResponseTarget: until", until)
        self.best = BestResponse(last, partial=partial, visits=looks, **limit)
        given = {"complete": complete, "overall": overall}
        self.shares = {
            name: number(f"ResponseTarget: {name}", share)
            for name, share in given.items() if share is not None
        }  # fmt: skip
        for name, share in self.shares.items():
            if not 0 <= share <= 1:
                raise VcohortError(
                    f"ResponseTarget: {name} = {share:g} is impossible: it is a share, 0 to 1."
                )
        if not self.shares:
            raise VcohortError("ResponseTarget: give complete=0.54, overall=0.82 or both.")
        if len(self.shares) == 2 and self.shares["complete"] > self.shares["overall"]:
            raise VcohortError(
                "ResponseTarget: a complete response counts in overall, which must not be less."
            )
        self._errors = errors_of("ResponseTarget", error, len(self.shares))

    @property
    def labels(self) -> tuple[str, ...]:
        """One per share."""
        return tuple(f"{name}_response_{self.best.until:g}" for name in self.shares)

    @property
    def values(self) -> np.ndarray:
        """The shares."""
        return np.array(list(self.shares.values()))

    @property
    def errors(self) -> np.ndarray:
        """One for all."""
        return self._errors

    @property
    def required_days(self) -> tuple[float, ...]:
        """The last day that counts, and the visits until then."""
        return self.best.required_days

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The patients' best responses."""
        return (self.best,)

    def of_course(self, course: Course) -> Array:
        """Return the shares of tumours that were small enough before any progression."""
        first = course.path.log_tumour[0]
        complete = jnp.full_like(first, jnp.log(self.best.detection_limit))
        limits = {
            "complete": complete,
            "overall": jnp.maximum(first + jnp.log(self.best.partial), complete),
        }
        reached = self._at_visits if self.best.looks else self._at_any_time
        return course.mean(jnp.stack([reached(course, limits[name]) for name in self.shares]))

    def _at_visits(self, course: Course, log_limit: Array) -> Array:
        """Return P(below a limit at a visit) (patient,); the first tumour is seen, too."""
        return course.reached(log_limit, np.array([0.0, *self.best.looks]))

    def _at_any_time(self, course: Course, log_limit: Array) -> Array:
        """Return whether the mean tumour falls below a limit (patient,), blurred."""
        log_tumour, largest = course.path.log_tumour, course.path.largest
        last = course.points(np.array([self.best.until]))
        within = jnp.arange(log_tumour.shape[0])[:, None] <= last
        before = jax.lax.cummax(largest) < course.log_level
        smallest = jnp.where(within & before, log_tumour, log_tumour[0]).min(axis=0)
        return ndtr((log_limit - smallest) / jnp.maximum(course.noise, _NO_NOISE))

    def of_dataset(self, ds: xr.Dataset, model: Model) -> np.ndarray:
        """Return the shares of the patients that were followed."""
        response = ds["best_response"].values
        followed = response[response >= 0]
        wanted = {"complete": followed == CR, "overall": (followed == CR) | (followed == PR)}
        return np.array([wanted[name].mean() for name in self.shares])
