"""A trial's patients in one object: measurements, doses, events, covariates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vcohort.measurements.observations import Observations
from vcohort.regimens.regimen import Regimen
from vcohort.regimens.treatments import Infusion


@dataclass(frozen=True)
class Events:
    """Who progressed when, or was last seen free; arrays (event,), at most one of a patient.

    ``patient``: the index of each. ``start``: from which day on it was watched (left truncation;
    0: from the infusion on). ``time``: the day of progression, or the last day followed.
    ``event``: whether it progressed. ``last_free``: the last day on which a patient who progressed
    was seen free of it, so that the event lies between that and ``time``; NaN where its day is
    exact, and where there is none.
    """

    patient: np.ndarray
    start: np.ndarray
    time: np.ndarray
    event: np.ndarray
    last_free: np.ndarray

    def __len__(self) -> int:
        return self.time.size


@dataclass(frozen=True)
class TrialData:
    """A trial's own patients, checked; see :func:`vcohort.read_trial`.

    ``patients``: their labels, in the order of first appearance. ``observations``: what was
    measured, of the same patients in the same order, those without a row among them. ``regimen``:
    their doses, a value for each patient; None where the table has none. ``events``: None without
    a survival table. ``covariates``: by name, (patient,), numbers (NaN where missing) or texts
    ("" where missing).
    """

    patients: tuple[str, ...]
    observations: Observations
    regimen: Regimen | None
    events: Events | None
    covariates: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.patients)

    def __repr__(self) -> str:
        return f"TrialData({'; '.join(self.told())})"

    def told(self) -> list[str]:
        """Say what was read, a text for each part."""
        rows = self.observations
        names = np.array(rows.observable)
        parts = ["1 patient" if len(self) == 1 else f"{len(self)} patients"]
        for kind in rows.kinds:
            mine = names == kind.name
            below = int(rows.below[mine].sum())
            parts.append(
                f"{int(mine.sum())} of {kind.name}" + f", {below} below a limit" * (below > 0)
            )
        if self.regimen is not None:
            given = self.regimen.treatments
            what = "infusion" if all(isinstance(each, Infusion) for each in given) else "treatment"
            count = len(given)
            parts.append(f"one {what} each" if count == 1 else f"up to {count} {what}s each")
        if self.events is not None:
            parts.append(f"{int(self.events.event.sum())} of {len(self.events)} progressed")
        if self.covariates:
            parts.append(f"covariates {', '.join(self.covariates)}")
        return parts
