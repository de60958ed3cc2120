"""The shares of patients whose tumour responded."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from jax.scipy.special import ndtr

from vcohort.analysis.calibration.targets.base import Course, Target, errors_of
from vcohort.endpoints import BestResponse, Endpoint
from vcohort.endpoints.response import CR, PR
from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.models import Model

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
        error: float = 0.05,
    ) -> None:
        limit = {} if detection_limit is None else {"detection_limit": detection_limit}
        self.best = BestResponse(until, partial=partial, **limit)
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
        """The last day that counts."""
        return (self.best.until,)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The patients' best responses."""
        return (self.best,)

    def of_course(self, course: Course) -> Array:
        """Return the shares of tumours whose smallest size, before progression, is small enough."""
        log_tumour, largest = course.path.log_tumour, course.path.largest
        last = course.points(np.array([self.best.until]))
        within = jnp.arange(log_tumour.shape[0])[:, None] <= last
        before = jax.lax.cummax(largest) < course.log_level
        smallest = jnp.where(within & before, log_tumour, log_tumour[0]).min(axis=0)
        limits = {
            "complete": jnp.log(self.best.detection_limit),
            "overall": jnp.maximum(
                log_tumour[0] + jnp.log(self.best.partial), jnp.log(self.best.detection_limit)
            ),
        }
        blur = jnp.maximum(course.noise, _NO_NOISE)
        reached = [ndtr((limits[name] - smallest) / blur) for name in self.shares]
        return course.mean(jnp.stack(reached))

    def of_dataset(self, ds: xr.Dataset, model: Model) -> np.ndarray:
        """Return the shares of the patients that were followed."""
        response = ds["best_response"].values
        followed = response[response >= 0]
        wanted = {"complete": followed == CR, "overall": (followed == CR) | (followed == PR)}
        return np.array([wanted[name].mean() for name in self.shares])
