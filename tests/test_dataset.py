"""The schema, provenance, and the way through a NetCDF file."""

import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from vcohort import data


@pytest.fixture(scope="module")
def ds():
    cohort = vc.Population("kimmel2021", 0.05, r_B=0.1).sample(250, seed=1)
    return vc.simulate(cohort, save_at=[0, 7, 14, 28], seed=3, progress=False)


def test_it_keeps_the_schema(ds):
    assert vc.validate(ds) is ds
    assert ds["outcome"].dtype == np.int8
    assert ds["outcome"].attrs["flag_meanings"] == "undecided cure progression missing"
    assert ds["outcome"].attrs["flag_values"].tolist() == [0, 1, 2, -1]
    for name in vc.car_t().parameters:
        assert ds[name].dims == ("patient",)
    for name in "NCB":
        assert ds[name].dims == ("patient", "time") and ds[name].attrs["units"] == "cells"


def test_it_says_where_it_comes_from(ds):
    expected = {"method": "hybrid", "seed": "3", "preset": "kimmel2021", "sigma": "0.05",
                "override_r_B": "0.1", "dtype": "float32", "cohort_seed": "1"}  # fmt: skip
    assert expected.items() <= ds.attrs.items()
    assert ds.attrs["error_estimate"] <= ds.attrs["tolerance"]
    assert {0.0, 7.0, 14.0, 28.0, 2000.0} <= set(ds.attrs["time_grid"])


def test_through_netcdf_and_back(ds, tmp_path):
    path = vc.save(ds, tmp_path / "cohort.nc")
    again = vc.load(path)
    xr.testing.assert_equal(again, ds)
    assert again.attrs.keys() == ds.attrs.keys()
    assert [entry.name for entry in tmp_path.iterdir()] == ["cohort.nc"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda ds: ds.drop_vars("outcome"), "variable outcome is missing"),
        (lambda ds: ds.drop_attrs(deep=False), "attributes missing"),
        (lambda ds: ds.assign_attrs(schema_version=99), "newer than"),
        (lambda ds: ds.assign(event_time=-ds["event_time"]), "event_time"),
        (lambda ds: ds.assign(outcome=ds["outcome"] + 7), "outcome"),
        (lambda ds: ds.rename(time="t"), "units|variable|dimension"),
    ],
)
def test_damage_is_told(ds, damage, message):
    broken = damage(ds)
    if "t" in broken.dims:
        broken = broken.assign(extra=("t", np.zeros(4)))
    with pytest.raises(vc.VcohortError, match=message):
        vc.validate(broken)


def test_clinical_data():
    volumes = data.baseline_tumour_volumes()
    assert volumes.sizes["patient"] == 96
    assert float(volumes.min()) == 2.3 and float(volumes.max()) == 1275.3
    assert float(data.baseline_tumour_cells().min()) == pytest.approx(2.3e9)
    pfs = data.progression_free_survival()
    assert float(pfs[0]) == 1 and (np.diff(pfs) <= 0).all()
    counts = data.t_cell_counts()
    assert float(counts["car_t_median"].sel(day=7)) == pytest.approx(31.55036408)
    assert float(data.moffitt_car_t_counts()["n"].sel(day=14)) == 23
    for item in (volumes, pfs, counts):
        assert item.attrs["source"]
    for array in (volumes, pfs, counts["alc_median"]):
        assert array.attrs["units"]
