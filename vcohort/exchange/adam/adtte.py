"""Times to progression, as the data set ADTTE."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED
from vcohort.exchange.adam.subjects import (
    LABELS,
    columns_of_subjects,
    data_set,
    described,
)
from vcohort.exchange.cohorts import one_cohort
from vcohort.results.followed import Followed
from vcohort.results.needed import need
from vcohort.results.trial import follow
from vcohort.trials.trial_data import TrialData

if TYPE_CHECKING:
    import pandas as pd

_LABELS = LABELS | {
    "AVAL": "Analysis Value",
    "AVALU": "Analysis Value Unit",
    "CNSR": "Censor",
    "EVNTDESC": "Event or Censoring Description",
    "CNSDTDSC": "Censor Date Description",
    "ENTRY": "Day from Which on Watched",
    "LASTFREE": "Last Day Seen Free of the Event",
}

# CNSR and the texts of an outcome: why a patient's time ends.
_ENDS = {
    PROGRESSION: (0, "PROGRESSION", ""),
    UNDECIDED: (1, "NO PROGRESSION", "LAST DAY FOLLOWED"),
    CURE: (2, "CURED, NO PROGRESSION", "LAST DAY FOLLOWED"),
}


def to_adtte(
    patients: TrialData | xr.Dataset | Mapping[str, Any],
    path: str | os.PathLike[str] | None = None,
    *,
    study: str = "VIRTUAL",
) -> pd.DataFrame:
    """Return times to progression as CDISC's ADTTE, a row a patient, and write them if wanted.

    Columns: ``STUDYID``, ``USUBJID`` (the patient's label; of several arms the arm before it),
    ``SUBJID``, ``TRTP`` and ``TRTPN`` (the arm, and its number from 1 on), ``PARAMCD`` (``PFS``)
    and ``PARAM``, ``AVAL`` in ``AVALU``, days since the first infusion, which is day 0; ``CNSR``:
    0 progression, 1 censored, 2 censored since cured; ``EVNTDESC`` and ``CNSDTDSC`` say the same in
    words. Who is watched from a later day on (``ENTRY``), or seen free of an event later seen on
    ``AVAL`` (``LASTFREE``), has columns for that. Censored is who is so in
    :func:`vcohort.kaplan_meier`, whose curve a survival analysis of ``AVAL`` and ``CNSR`` gives.

    :param patients: a dataset of :func:`vcohort.simulate`, or as seen at visits
        (:func:`vcohort.seen_at_visits`); a trial of :func:`vcohort.read_trial` with events; or
        several, arms by their names.
    :param path: file to write: ``.csv``, or ``.xpt``, a transport file of SAS (version 5, with
        labels; needs ``pip install "vcohort[clinical]"``).
    :param study: ``STUDYID``.
    :return: the table; ``attrs["labels"]`` are those of its columns.
    :raises VcohortError: for what has no events, and texts that a transport file cannot hold.
    """
    return data_set(_of_arms, patients, path, study)


def _of_arms(arms: Mapping[str, Any], study: str) -> pd.DataFrame:
    """Return the table of arms by name."""
    import pandas as pd  # noqa: PLC0415

    parts = [_of_arm(study, arm, number, each, len(arms) == 1)
             for number, (arm, each) in enumerate(arms.items(), 1)]  # fmt: skip
    table = pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)
    # Most trials watch all from the infusion on, and see each event on its day.
    told = {"ENTRY": table["ENTRY"].to_numpy().any(),
            "LASTFREE": np.isfinite(table["LASTFREE"].to_numpy()).any()}  # fmt: skip
    table = table.drop(columns=[name for name, is_told in told.items() if not is_told])
    return described(table, "ADTTE", _LABELS)


def _of_arm(study: str, arm: str, number: int, patients: Any, alone: bool) -> dict[str, Any]:
    is_trial = isinstance(patients, TrialData)
    told = _of_trial(patients) if is_trial else _of_cohort(arm, patients)
    ends = [_ENDS[outcome] for outcome in told.outcome]
    return columns_of_subjects(study, arm, number, told.labels, alone) | {
        "PARAMCD": "PFS",
        "PARAM": "Progression-Free Survival (Days)",
        "AVAL": told.followed.time.astype(float),
        "AVALU": "DAYS",
        "CNSR": [code for code, _, _ in ends],
        "EVNTDESC": [event for _, event, _ in ends],
        "CNSDTDSC": [censored for _, _, censored in ends],
        "ENTRY": told.followed.start,
        "LASTFREE": told.last_free,
    }


class _Told(NamedTuple):
    """Of each patient (patient,): who it is, why and when its time ends."""

    labels: Sequence[str]
    outcome: Sequence[int]
    followed: Followed
    last_free: np.ndarray


def _of_trial(trial: TrialData) -> _Told:
    """Return the patients with an event or a last day; a trial knows no cure."""
    followed, events = follow(trial), trial.events
    assert events is not None
    labels = [trial.patients[place] for place in events.patient]
    outcome = np.where(events.event, PROGRESSION, UNDECIDED)
    return _Told(labels, outcome.tolist(), followed, events.last_free)


def _of_cohort(arm: str, whole: Any) -> _Told:
    """Return virtual patients whose outcome is known."""
    need(
        whole, "vc.simulate, or vc.read_trial with survival=…,",
        dict.fromkeys(("outcome", "event_time"), ("patient",)), what=f"arm {arm!r}",
    )  # fmt: skip
    ds, labels = one_cohort(whole)
    outcome = ds["outcome"].values.astype(int)
    return _Told(labels, outcome.tolist(), follow(ds), np.full(len(labels), np.nan))
