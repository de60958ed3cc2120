"""Who the patients of an analysis data set are, and of which arm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vcohort.errors import VcohortError
from vcohort.exchange.rows import CSV, TRANSPORT, check_rows, write_labelled

if TYPE_CHECKING:
    import pandas as pd

LABELS = {
    "STUDYID": "Study Identifier",
    "USUBJID": "Unique Subject Identifier",
    "SUBJID": "Subject Identifier for the Study",
    "TRTP": "Planned Treatment",
    "TRTPN": "Planned Treatment (N)",
    "PARAMCD": "Parameter Code",
    "PARAM": "Parameter",
}
"""Columns that all data sets have, in their order, with the labels that ADaM gives them."""

# Of one arm that has no name.
_TREATMENT = "CAR T cells"


def data_set(
    of_arms: Callable[[Mapping[str, Any], str], pd.DataFrame], patients: Any, path: Any, study: str
) -> pd.DataFrame:
    """Return what ``of_arms`` makes of the arms of a study, and write it if wanted."""
    study = checked_text("study", study)
    if path is not None:
        check_rows(path, CSV, TRANSPORT)
    table = of_arms(arms_of(patients), study)
    if path is not None:
        write_labelled(table, path)
    return table


def arms_of(patients: Any) -> dict[str, Any]:
    """Return what is given by arm; one alone is the only arm."""
    if not isinstance(patients, Mapping) or hasattr(patients, "data_vars"):
        return {_TREATMENT: patients}
    if not patients or not all(isinstance(name, str) and name.strip() for name in patients):
        raise VcohortError('Give each arm by its name: {"one dose": ds, "two doses": other}.')
    return dict(patients)


def checked_text(name: str, value: Any) -> str:
    """Return a text that is none without letters."""
    if not isinstance(value, str) or not value.strip():
        raise VcohortError(f"{name} = {value!r} is no text. Try {name}='VIRTUAL-1'.")
    return value.strip()


def columns_of_subjects(
    study: str, arm: str, number: int, labels: Sequence[str], alone: bool
) -> dict[str, Any]:
    """Return the columns (patient,) that say who each is.

    ``alone``: of the only arm a label is unique; of several an arm comes before it.
    """
    subjects = np.array(labels, object)
    unique = subjects if alone else np.array([f"{arm}-{label}" for label in labels], object)
    return {"STUDYID": study, "USUBJID": unique, "SUBJID": subjects, "TRTP": arm, "TRTPN": number}


def described(table: pd.DataFrame, name: str, labels: Mapping[str, str]) -> pd.DataFrame:
    """Return a table with its name and the labels of its columns as attributes.

    :raises VcohortError: where an arm's name and a label together are those of another subject.
    """
    known: dict[str, tuple[str, str]] = {}
    for subject, *who in zip(table["USUBJID"], table["TRTP"], table["SUBJID"], strict=True):
        arm, label = known.setdefault(subject, tuple(who))
        if (arm, label) != tuple(who):
            raise VcohortError(
                f"Patient {label!r} of the arm {arm!r} is {subject!r}, and so is {who[1]!r} of "
                f"{who[0]!r}. Rename an arm."
            )
    table.attrs = {"name": name, "labels": {str(each): labels[str(each)] for each in table.columns}}
    return table
