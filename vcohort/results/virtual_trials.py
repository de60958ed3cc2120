"""What trials of few patients would have shown, were they of a virtual cohort."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from vcohort.errors import VcohortError
from vcohort.given import confidence_of, whole
from vcohort.results.needed import need
from vcohort.results.survival import progression_free_survival
from vcohort.tables.days import days_of

# Trials at most: their quantiles are known to some hundredths then.
_TRIALS = 400


def virtual_trials(
    ds: xr.Dataset, days: ArrayLike, patients: int, confidence: float = 0.9
) -> xr.DataArray:
    """Return where progression-free survival of trials of so many patients lies, on each day.

    The cohort is dealt out to trials of ``patients`` each, in its order, 400 at most. The band says
    what chance does to a trial's curve; that of :func:`progression_free_survival` says how well the
    whole cohort tells its own.

    :return: the median of the trials (day,), with the coordinates ``lower`` and ``upper``, between
        which the share ``confidence`` of them lies; attributes ``trials`` and ``patients``.
    :raises VcohortError: for a cohort that is not enough for ten trials.
    """
    need(ds, "vc.simulate", dict.fromkeys(("outcome", "event_time"), ("patient",)))
    at, size = days_of("days", days), whole("patients", patients, least=1)
    confidence = confidence_of(confidence)
    trials = min(_TRIALS, ds.sizes.get("patient", 0) // size)
    if trials < 10:
        raise VcohortError(
            f"A cohort of {ds.sizes.get('patient', 0)} makes {trials} trials of {size} patients; "
            "ten is the least. Simulate more patients."
        )
    curves = [progression_free_survival(each, at).values for each in dealt(ds, size, trials)]
    tails = [(1.0 - confidence) / 2.0, 0.5, (1.0 + confidence) / 2.0]
    lower, middle, upper = np.quantile(curves, tails, axis=0)
    about = {"units": "1", "long_name": f"{100 * confidence:g} % of virtual trials"}
    return xr.DataArray(
        middle,
        dims="day",
        coords={"day": at, "lower": ("day", lower, about), "upper": ("day", upper, about)},
        name="pfs",
        attrs={
            "units": "1", "long_name": "progression-free survival of virtual trials, median",
            "trials": trials, "patients": size,
        },
    )  # fmt: skip


def dealt(ds: xr.Dataset, size: int, most: int) -> Iterator[xr.Dataset]:
    """Yield trials of ``size`` patients each, in the cohort's order, ``most`` of them at most."""
    for trial in range(min(most, ds.sizes["patient"] // size)):
        yield ds.isel(patient=slice(trial * size, (trial + 1) * size))
