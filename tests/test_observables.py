"""Observables of one's own, as objects: fitted as the built-in ones are."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import vcohort as vc

QUICK = {"starts": 4, "tolerance": 1e-2, "progress": False}


def t_cells(cells):
    return jnp.logaddexp(cells.log_normal, cells.log_car)


def two(cells):
    return jnp.stack([cells.log_normal, cells.log_car])


CD3 = vc.Observable("CD3_per_ul", "cells/ul", 5e8, "T cells in blood", t_cells, "N")


def table_of(observable):
    return pd.DataFrame({"day": [7.0, 14.0, 28.0, 90.0], "value": [100.0, 160.0, 210.0, 330.0],
                         "observable": [observable] * 4})  # fmt: skip


def test_an_own_observable_is_fitted_as_the_same_built_in_one(tmp_path):
    """N + C under another name: as an object in the column, and by its name in a CSV file."""
    path = tmp_path / "cd3.csv"
    table_of("CD3_per_ul").to_csv(path, index=False)
    truth = vc.fit(table_of("ALC"), ["r_N"], **QUICK)
    for ds in (
        vc.fit(table_of(CD3), ["r_N"], **QUICK),
        vc.fit(path, ["r_N"], observables=[CD3], **QUICK),
    ):
        for name in ("estimate", "standard_error", "loss", "predicted", "curve", "start_loss"):
            assert (ds[name].values == truth[name].values).all(), name
        assert list(ds["kind"].values) == ["CD3_per_ul"]


@pytest.mark.slow
def test_models_are_compared_by_own_observables_even_of_an_iterator():
    options = {"models": {"T": vc.car_t(), "none": vc.car_t(feedback="none")}, "loss": "log",
               "fixed": sorted(set(vc.car_t().parameters) - {"r_N"})} | QUICK  # fmt: skip
    truth = vc.compare_models(table_of("ALC"), **options)
    ds = vc.compare_models(table_of("CD3_per_ul"), observables=iter([CD3]), **options)
    assert (ds["aic"].values == truth["aic"].values).all()


@pytest.mark.parametrize(
    ("table", "options", "text"),
    [
        (
            {"observable": [CD3, vc.Observable("CD3_per_ul", "cells/ul", 5e9, "", t_cells)] * 2},
            {}, "two different observables",
        ),
        (
            {"observable": [vc.Observable("ALC", "cells", 1.0, "", t_cells)] * 4},
            {}, "two different observables",
        ),
        ({"observable": ["CD3_per_ul"] * 4}, {}, "Unknown observable"),
        ({"observable": ["CD3_per_ul"] * 4}, {"observables": CD3}, "no list"),
        ({"observable": ["CD3_per_ul"] * 4}, {"observables": ["CD3"]}, "is no observable"),
        (
            {"observable": [vc.Observable("all", "cells", 1.0, "", t_cells)] * 4},
            {"loss": "kimmel2021"}, "weighed_as",
        ),
        (
            {"observable": [vc.Observable("two", "cells", 1.0, "", two)] * 4},
            {}, "returns the shape",
        ),
    ],
)  # fmt: skip
def test_observables_that_mean_nothing_are_refused(table, options, text):
    with pytest.raises(vc.VcohortError, match=text):
        vc.fit(table_of("ALC").assign(**table), ["r_N"], **QUICK, **options)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"cells": 0.0}, "must stand for a number"),
        ({"cells": np.inf}, "must stand for a number"),
        ({"name": " "}, "needs a name"),
        ({"log": 3.0}, "is no function"),
        ({"weighed_as": "T"}, "Unknown state"),
    ],
)
def test_impossible_observables(fields, text):
    good = {"name": "x", "unit": "cells", "cells": 1.0, "description": "", "log": t_cells}
    with pytest.raises(vc.VcohortError, match=text):
        vc.Observable(**(good | fields))
