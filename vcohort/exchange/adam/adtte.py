"""Times to progression, as the data set ADTTE."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED
from vcohort.exchange.adam.subjects import (
    LABELS,
    arms_of,
    checked_text,
    columns_of_subjects,
    described,
)
from vcohort.exchange.cohorts import labels_of_patients
from vcohort.exchange.rows import CSV, TRANSPORT, check_rows, write_labelled
from vcohort.results.followed import Followed
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
    study = checked_text("study", study)
    if path is not None:
        check_rows(path, CSV, TRANSPORT)
    table = _of_arms(arms_of(patients), study)
    if path is not None:
        write_labelled(table, path)
    return table


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
    followed = follow(patients)
    ends = [_ENDS[outcome] for outcome in _outcomes(patients, followed)]
    labels = _labels(patients, followed)
    return columns_of_subjects(study, arm, number, labels, alone) | {
        "PARAMCD": "PFS",
        "PARAM": "Progression-Free Survival (Days)",
        "AVAL": followed.time.astype(float),
        "AVALU": "DAYS",
        "CNSR": [code for code, _, _ in ends],
        "EVNTDESC": [event for _, event, _ in ends],
        "CNSDTDSC": [censored for _, _, censored in ends],
        "ENTRY": followed.start,
        "LASTFREE": _last_free(patients, followed),
    }


def _outcomes(patients: Any, followed: Followed) -> Sequence[int]:
    """Return why the time of each ends; a trial knows no cure."""
    if isinstance(patients, TrialData):
        return np.where(followed.event, PROGRESSION, UNDECIDED).tolist()
    return patients["outcome"].values[followed.kept].astype(int).tolist()


def _labels(patients: Any, followed: Followed) -> Sequence[str]:
    if isinstance(patients, TrialData):
        assert patients.events is not None
        return [patients.patients[place] for place in patients.events.patient]
    return labels_of_patients(patients.isel(patient=followed.kept))


def _last_free(patients: Any, followed: Followed) -> np.ndarray:
    if isinstance(patients, TrialData) and patients.events is not None:
        return patients.events.last_free
    return np.full(followed.time.size, np.nan)
