"""Clinical data, each with its unit and its source, as xarray objects."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from vcohort.errors import VcohortError, one_of
from vcohort.given import number
from vcohort.units import CELLS_PER_ML

QUARTILES = ("q1", "median", "q3")


class SyntheticTrial(NamedTuple):
    """Two tables of a trial: ``measurements``, with the doses, and ``survival``."""

    measurements: pd.DataFrame
    survival: pd.DataFrame


def baseline_tumour_volumes() -> xr.DataArray:
    """Return the baseline tumour volumes (patient,) of ZUMA-1, in ml."""
    columns, source = _read("zuma1_baseline_tumour_volume.csv")
    attrs = {"units": "ml", "long_name": "baseline tumour volume", "source": source}
    return xr.DataArray(columns["volume_ml"], dims="patient", name="volume", attrs=attrs)


def baseline_tumour_cells() -> xr.DataArray:
    """Return the baseline tumours (patient,) of ZUMA-1 in cells, at 1e9 cells a millilitre."""
    volumes = baseline_tumour_volumes()
    attrs = volumes.attrs | {"units": "cells", "long_name": "baseline tumour"}
    return (volumes * CELLS_PER_ML).rename("B0").assign_attrs(attrs)


def progression_free_survival() -> xr.DataArray:
    """Return the progression-free survival (day,) of ZUMA-1, 101 patients.

    A step function: each value holds from its day to the next.
    """
    columns, source = _read("zuma1_pfs.csv")
    attrs = {
        "units": "1",
        "long_name": "progression-free survival, ZUMA-1",
        "label": "ZUMA-1 (n = 101)",
        "source": source,
    }
    return xr.DataArray(
        columns["pfs"], dims="day", coords={"day": _days(columns["day"])}, name="pfs", attrs=attrs
    )


def t_cell_counts() -> xr.Dataset:
    """Return T cell counts (day,) of ZUMA-1: quartiles of CAR T cells, median lymphocytes.

    All in cells per microlitre of blood.
    """
    columns, source = _read("zuma1_t_cell_counts.csv")
    return _counts(columns, source)


def fit_table(*quartiles: str, detection_limit: float | None = None) -> xr.Dataset:
    """Return the paper's eleven data for each quartile, as a long table (row,) to fit.

    Five CAR T cell counts, five of normal T cells (median lymphocytes less CAR T cells) and no
    tumour on day 30. ``quartiles``: of ``"q1"``, ``"median"``, ``"q3"``, by default all, each a
    patient. ``detection_limit``: ml below which a tumour is not seen; by default none was
    there, which a loss of logs cannot take.

    :raises VcohortError: for an unknown quartile, one twice, a limit that is not above 0.
    """
    if len(set(map(str, quartiles))) < len(quartiles):
        raise VcohortError(f"A quartile comes twice: {', '.join(map(str, quartiles))}.")
    limit = 0.0 if detection_limit is None else number("detection_limit", detection_limit)
    if detection_limit is not None and not 0 < limit < np.inf:
        raise VcohortError(f"detection_limit = {limit:g} is impossible: it must be above 0 ml.")
    counts = t_cell_counts()
    days = list(counts["day"].values)
    columns: dict[str, list[float | str]] = {
        name: [] for name in ("patient", "day", "observable", "value", "below")
    }
    for quartile in quartiles or QUARTILES:
        one_of("quartile", quartile, QUARTILES)
        car = counts[f"car_t_{quartile}"].values
        columns["patient"] += [quartile] * (2 * len(days) + 1)
        columns["day"] += [*days, *days, 30.0]
        columns["observable"] += ["C_per_ul"] * len(days) + ["N_per_ul"] * len(days) + ["B_ml"]
        columns["value"] += [*car, *(counts["alc_median"].values - car), limit]
        columns["below"] += [0.0] * 2 * len(days) + [float(detection_limit is not None)]
    variables = {name: ("row", np.array(column)) for name, column in columns.items()}
    return xr.Dataset(variables, attrs={"source": counts.attrs["source"]})


def moffitt_car_t_counts() -> xr.Dataset:
    """Return CAR T cell counts (day,) of the ZUMA-1 patients treated at Moffitt.

    Median and quartiles in cells per microlitre of blood, and the number of patients.
    """
    columns, source = _read("moffitt_car_t_counts.csv")
    return _counts(columns, source)


def synthetic_trial() -> SyntheticTrial:
    """Return the tables of a trial that was simulated: 40 patients whose truth is known.

    ``measurements``: in the format of NONMEM, with a dose of 2e6 CAR T cells per kg on day 0, CAR T
    cells per microlitre (``DVID`` 1) and tumour volumes in ml (2) until progression or censoring,
    gaps, ``BLQ`` and ``LLOQ``, and covariates ``AGE``, ``WT`` and ``SEX``. ``survival``: ``id``,
    ``time`` in days, ``event`` (1: progression). ``attrs["source"]`` of each says what is true:
    medians and spreads of the parameters, errors, the effect of ``AGE``. Read them by
    :func:`vcohort.read_trial`.
    """
    return SyntheticTrial(*map(_frame, ("synthetic_trial.csv", "synthetic_trial_survival.csv")))


def _frame(name: str) -> pd.DataFrame:
    with (files("vcohort.data") / name).open(encoding="utf-8") as file:
        table = pd.read_csv(file, comment="#", na_values=".")
    table.attrs["source"] = _source(name)
    return table


def _counts(columns: dict[str, np.ndarray], source: str) -> xr.Dataset:
    """Return all columns but the day as variables over the day."""
    names = {"n": ("1", "number of patients")}
    variables = {
        name: ("day", values, dict(zip(("units", "long_name"), names[name], strict=True)))
        if name in names
        else ("day", values, {"units": "cells/ul", "long_name": name.replace("_", " ")})
        for name, values in columns.items()
        if name != "day"
    }
    return xr.Dataset(variables, coords={"day": _days(columns["day"])}, attrs={"source": source})


def _days(values: np.ndarray) -> tuple[str, np.ndarray, dict[str, str]]:
    return ("day", values, {"units": "day", "long_name": "days since infusion"})


def _read(name: str) -> tuple[dict[str, np.ndarray], str]:
    """Return the columns of a data file, and its comment lines: the source."""
    lines = _lines(name)
    header, *rows = [line for line in lines if line and not line.startswith("#")]
    table = np.array([[float(field) for field in row.split(",")] for row in rows])
    return dict(zip(header.split(","), table.T, strict=True)), _source(name)


def _source(name: str) -> str:
    """Return the comment lines of a data file."""
    return " ".join(line.lstrip("# ") for line in _lines(name) if line.startswith("#"))


def _lines(name: str) -> list[str]:
    return (files("vcohort.data") / name).read_text(encoding="utf-8").splitlines()
