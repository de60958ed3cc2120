"""From rows of numbers to a dataset with units and names; of several populations, over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from vcohort.results.arms.differences import Difference
from vcohort.results.arms.hazards import Hazard

_ABOUT = {
    "value": "mean of the patients, their share or their median",
    "value_error": "standard error of the value",
    "difference": "difference to the reference",
    "difference_error": "standard error of the difference",
    "lower": "lower end of the difference, of so many virtual patients",
    "upper": "upper end of the difference, of so many virtual patients",
}
_CROSSING = "crossing_day"
_HAZARD = {
    "hazard_ratio": "hazard of progression, relative to the reference",
    "hazard_ratio_lower": "lower end of the hazard ratio, of so many virtual patients",
    "hazard_ratio_upper": "upper end of the hazard ratio, of so many virtual patients",
    _CROSSING: "day on which the survival curves cross",
}
_UNITS = "that of the statistic: coordinate unit"


class Row(NamedTuple):
    """An arm: of each statistic its value, error and difference; and how many patients it has."""

    values: Sequence[float]
    errors: Sequence[float]
    differences: Sequence[Difference]
    patients: int
    paired: bool
    hazard: Hazard


def dataset_of(
    names: Sequence[str], labels: Sequence[tuple[str, str]], rows: Sequence[Row]
) -> xr.Dataset:
    """Return the dataset of one population."""
    both = np.array([[row.values, row.errors, *zip(*row.differences, strict=True)] for row in rows])
    found = {
        name: (("arm", "statistic"), both[:, place], {"units": _UNITS, "long_name": text})
        for place, (name, text) in enumerate(_ABOUT.items())
    }
    of_arms = {
        "patients": ([row.patients for row in rows], "patients with an outcome"),
        "paired": ([row.paired for row in rows], "compared with the reference patient by patient"),
    }
    of_arms |= {
        name: ([row.hazard[place] for row in rows], text)
        for place, (name, text) in enumerate(_HAZARD.items())
    }
    found |= {
        name: (("arm",), np.array(values), {"units": "1", "long_name": text})
        for name, (values, text) in of_arms.items()
    }
    found[_CROSSING][2]["units"] = "day"
    unit = ("statistic", [unit for _, unit in labels])
    return xr.Dataset(
        found, {"arm": list(names), "statistic": [name for name, _ in labels], "unit": unit}
    )


def over_populations(each: Sequence[xr.Dataset], confidence: float) -> xr.Dataset:
    """Return the means over populations, and how far apart these are.

    What is not known in one of them, such as a median that is not reached, is not known. Errors
    are means too. Populations may have their patients' chance in common, so that it does not
    fall with their number.
    """
    if len(each) == 1:
        return each[0]
    joined = xr.concat(each, "population", join="inner", combine_attrs="override")
    floats = [str(name) for name in joined.data_vars if name in _ABOUT]
    mean = joined[floats].mean("population", skipna=False, keep_attrs=True)
    tails = [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0]
    ends = joined["difference"].quantile(tails, "population", skipna=False).values
    dims = ("arm", "statistic")
    share = f"{100 * confidence:g} % of the populations"
    more = {
        f"parameter_{side}": (
            dims, ends[place],
            {"units": _UNITS, "long_name": f"{side} end of the difference, {share}"},
        )
        for place, side in enumerate(("lower", "upper"))
    }  # fmt: skip
    of_each = joined["difference"].assign_attrs(long_name="difference in each population")
    counts = {
        "patients": joined["patients"].min("population", keep_attrs=True),
        "paired": joined["paired"].all("population", keep_attrs=True),
    }
    logs = np.log(joined[[name for name in _HAZARD if name != _CROSSING]])
    hazards = np.exp(logs.mean("population", skipna=False))
    crossing = joined[_CROSSING].min("population", keep_attrs=True)
    found: dict[str, Any] = {
        **{str(name): each.assign_attrs(joined[name].attrs) for name, each in hazards.items()},
        _CROSSING: crossing, "difference_of_each": of_each, **counts, **more,
    }  # fmt: skip
    return mean.assign(found)
