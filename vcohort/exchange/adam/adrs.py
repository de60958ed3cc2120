"""Tumour responses, as the data set ADRS."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from vcohort.endpoints.outcome import MISSING
from vcohort.endpoints.response import RESPONSES
from vcohort.errors import VcohortError
from vcohort.exchange.adam.subjects import (
    LABELS,
    columns_of_subjects,
    data_set,
    described,
)
from vcohort.exchange.cohorts import one_cohort
from vcohort.results.needed import need
from vcohort.simulation.missing import check_kept

if TYPE_CHECKING:
    import pandas as pd

_LABELS = LABELS | {
    "AVISIT": "Analysis Visit",
    "AVISITN": "Analysis Visit (N)",
    "ADY": "Analysis Relative Day",
    "AVAL": "Analysis Value",
    "AVALC": "Analysis Value (C)",
}

_MEANINGS = str(RESPONSES["flag_meanings"]).split()
_ON_A_DAY = re.compile(r"response_day_(\d+(?:\.\d+)?)")
_BEST = "best_response"
_SOURCE = "vc.simulate with endpoints=[vc.Response([28, 91]), vc.BestResponse()]"


def to_adrs(
    patients: xr.Dataset | Mapping[str, xr.Dataset],
    path: str | os.PathLike[str] | None = None,
    *,
    study: str = "VIRTUAL",
) -> pd.DataFrame:
    """Return tumour responses as CDISC's ADRS, and write them if wanted.

    A row for each patient and day of :class:`vcohort.Response` (``PARAMCD`` ``OVRLRESP``), and one
    for its :class:`vcohort.BestResponse` (``BOR``). Columns: those that say who, as of
    :func:`vcohort.to_adtte`; ``PARAMCD`` and ``PARAM``; ``AVISIT`` (``DAY 28``) and ``AVISITN``,
    the days since the first infusion; ``ADY``, by CDISC's count, in which the infusion is on day 1;
    all three empty of BOR; ``AVALC``, CR, PR, SD or PD, and ``AVAL``, 1 to 4 of these. After
    progression a tumour's response stays PD.

    :param patients: a dataset of :func:`vcohort.simulate`, or several, arms by their names.
    :param path, study: as of :func:`vcohort.to_adtte`.
    :return: the table; ``attrs["labels"]`` are those of its columns.
    :raises VcohortError: for what has no responses, and texts that a transport file cannot hold.
    """
    return data_set(_of_arms, patients, path, study)


def _of_arms(arms: Mapping[str, Any], study: str) -> pd.DataFrame:
    """Return the table of arms by name, the rows of each patient together."""
    import pandas as pd  # noqa: PLC0415

    parts = [part for number, (arm, each) in enumerate(arms.items(), 1)
             for part in _of_arm(study, arm, number, each, len(arms) == 1)]  # fmt: skip
    table = pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)
    order = np.lexsort((table["AVISITN"].fillna(np.inf), table.pop("place"), table["TRTPN"]))
    return described(table.iloc[order].reset_index(drop=True), "ADRS", _LABELS)


def _of_arm(
    study: str, arm: str, number: int, patients: Any, alone: bool
) -> Iterator[dict[str, Any]]:
    """Yield columns (patient,) for each day, and for the best response."""
    need(patients, _SOURCE, {"outcome": ("patient",)}, what=f"arm {arm!r}")
    days = {str(name): float(found[1]) for name in patients.data_vars
            if (found := _ON_A_DAY.fullmatch(str(name)))}  # fmt: skip
    names = {**days, **({_BEST: np.nan} if _BEST in patients else {})}
    if not names:
        raise VcohortError(f"This dataset has no tumour response. Give what {_SOURCE} returns.")
    ds, labels = one_cohort(patients)
    for name, day in names.items():
        places, is_best = _responded(ds[name]), name == _BEST
        codes = ds[name].values[places].astype(int)
        who = [labels[place] for place in places]
        yield columns_of_subjects(study, arm, number, who, alone) | {
            "PARAMCD": "BOR" if is_best else "OVRLRESP",
            "PARAM": "Best Overall Response" if is_best else "Overall Response",
            "AVISIT": "" if is_best else f"DAY {np.format_float_positional(day, trim='-')}",
            "AVISITN": day,
            "ADY": day + 1.0,
            "AVAL": codes + 1.0,
            "AVALC": np.array(_MEANINGS, object)[codes],
            "place": places,
        }


def _responded(codes: xr.DataArray) -> np.ndarray:
    """Return the places of the patients whose response is known; warn of others.

    :raises VcohortError: for what is no response, and where none is known.
    """
    known = np.isin(codes.values, range(len(_MEANINGS)))
    wrong = codes.values[~(known | (codes.values == MISSING) | codes.isnull().values)]
    if wrong.size:
        raise VcohortError(
            f"{codes.name} holds {wrong[0]}: CR, PR, SD and PD are 0, 1, 2 and 3, and {MISSING} is "
            "missing."
        )
    return np.flatnonzero(check_kept(known, f"have no {codes.name}", stacklevel=7))
