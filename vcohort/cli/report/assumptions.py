"""What is assumed: the laws, what counts as an event, how chance enters; and what it costs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from vcohort.cli.report.findings.words import number
from vcohort.results.kinds import kind_of

_METHODS = {
    "hybrid": "the tumour follows its differential equation while it is large, and is a "
    "birth-death process below {threshold:g} cells",
    "exact": "the fate of every tumour is drawn from the closed form of the birth-death process: "
    "chance has its part at all sizes",
    "gillespie": "the tumour follows its differential equation while it is large, and event by "
    "event below {threshold:g} cells",
    "deterministic": "the tumour follows its differential equation at all sizes: chance has no "
    "part in it, and no tumour dies out",
}


def assumptions_of(ds: Any) -> Iterator[str]:
    """Yield sentences on what the numbers of a dataset rest on."""
    attrs = _settings(ds)
    laws = {name.removeprefix("law_"): formula for name, formula in attrs.items()
            if str(name).startswith("law_")}  # fmt: skip
    if laws:
        formulas = ", ".join(f"{kind} ({formula})" for kind, formula in laws.items())
        yield f"Rates per cell and day: {formulas}."
    elif "model" in attrs:
        yield f"The model is {attrs['model']}."
    if "progression" in attrs:
        yield (
            f"Progression is a tumour of {float(attrs['progression']):g} times its first size. "
            "Cure is the death of its last cell."
        )
    if "method" in attrs and str(attrs["method"]) in _METHODS:
        words = _METHODS[str(attrs["method"])]
        yield (
            f"Method {attrs['method']}: "
            + words.format(threshold=float(attrs.get("threshold", np.nan)))
            + "."
        )
    if "regimen" in attrs:
        yield (
            "Treatment: CAR T cells on day 0"
            + ("." if attrs["regimen"] == "Regimen()" else f", and {attrs['regimen']}.")
        )
    if "horizon" in attrs:
        yield (
            f"Patients are followed to day {float(attrs['horizon']):g}; they do not die of other "
            "causes, and get no other treatment."
        )
    if kind_of(ds) in {"fit", "profile", "comparison"}:
        yield "Errors of the data are normal in what the loss compares, and independent."
    if kind_of(ds) == "population_fit":
        yield (
            "Random effects are normal on the scales of their parameters, errors of the data on "
            "that of each observable; all are independent but where a correlation is estimated."
        )
    yield "A patient's parameters do not change with time."


def accuracy_of(ds: Any) -> Iterator[str]:
    """Yield sentences on the numerical error: of time steps, of numbers, of chance."""
    attrs = _settings(ds)
    tolerance = attrs.get("tolerance")
    seen = _largest_error(ds, attrs)
    if seen is not None:
        text = (
            f"The largest error of the time steps that was seen is {seen:.1g}, in ln N, ln C and "
            "ln B, by comparison with half as many steps"
        )
        if tolerance is not None:
            kept = "kept" if seen <= float(tolerance) else "NOT kept"
            text += f"; the tolerance, {float(tolerance):g}, was {kept}"
        yield f"{text}."
    elif tolerance is not None:
        yield (
            f"The number of time steps was chosen for an error of at most {float(tolerance):g} in "
            "ln N, ln C and ln B; the error that was reached is not kept with this result."
        )
    if "dtype" in attrs:
        digits = {"float32": "7", "float64": "16"}.get(str(attrs["dtype"]), "an unknown number of")
        yield f"Numbers are {attrs['dtype']}, of about {digits} digits."
    missing = attrs.get("patients_missing", attrs.get("evaluations_left_out"))
    if missing is not None:
        count = int(float(missing))
        yield (
            f"{count:,} patients could not be followed, and are left out of all numbers."
            if count
            else "No patient was lost: the equations of all could be followed."
        )
    yield from _chance(ds)


def _chance(ds: Any) -> Iterator[str]:
    """Say how far so many virtual patients leave a share open."""
    kind = kind_of(ds)
    if kind == "cohort":
        count = int((ds["outcome"] >= 0).sum())
        yield (
            f"The standard error of a share of {count:,} patients is at most "
            f"{100 * 0.5 / np.sqrt(max(count, 1)):.2g} percentage points: chance of the sample."
        )
    elif kind == "sweep":
        count = int(ds.attrs["patients_per_cell"])
        yield (
            f"Of each cell's {count:,} patients a share has a standard error of at most "
            f"{100 * 0.5 / np.sqrt(count):.2g} percentage points."
        )
    elif kind == "arms":
        worst = float(ds["difference_error"].sel(statistic="cure").max())
        yield f"The standard error of a difference of cures is at most {100 * worst:.2g} points."
    elif kind == "planned_trial":
        worst = float(ds["power_error"].max())
        if np.isfinite(worst):
            yield (
                f"The standard error of the power is at most {100 * worst:.2g} percentage points, "
                f"of {int(ds.attrs['trials']):,} trials."
            )


def _largest_error(ds: Any, attrs: Mapping[str, Any]) -> float | None:
    if kind_of(ds) == "sweep":
        return float(ds["error_estimate"].max())
    found = attrs.get("error_estimate")
    return None if found is None else float(found)


def _settings(ds: Any) -> dict[str, Any]:
    """Return the attributes; of arms those that all have, with the worst of their errors."""
    if "arms_record" not in ds.attrs:
        return {str(name): value for name, value in ds.attrs.items()}
    arms = list(json.loads(ds.attrs["arms_record"]).values())
    alike = {name: value for name, value in arms[0].items()
             if all(each.get(name) == value for each in arms)}  # fmt: skip
    errors = [each["error_estimate"] for each in arms if "error_estimate" in each]
    return alike | ({"error_estimate": max(errors)} if errors else {})


def differing(ds: Any) -> list[list[str]]:
    """Return the settings in which arms differ, a row each: its name, and what each arm has."""
    arms = json.loads(ds.attrs.get("arms_record", "{}"))
    names = dict.fromkeys(name for each in arms.values() for name in each)
    rows: list[list[str]] = []
    for name in names:
        values = [each.get(name, "none") for each in arms.values()]
        if len(set(map(str, values))) > 1 and not name.endswith("_record"):
            texts = [number(value) if isinstance(value, float) else value for value in values]
            rows.append([name.replace("_", " "), *texts])
    return rows
