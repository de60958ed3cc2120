"""Units in files: those that UDUNITS knows, by the library itself, and ours again once read."""

import cf_units
import pytest
import xarray as xr

import vcohort as vc
from vcohort.measurements.observables import OBSERVABLES
from vcohort.models.model import known_parameters
from vcohort.results.cf import to_udunits, with_own_units, with_udunits


@pytest.mark.parametrize(("own", "same"), [
    ("1", "1"), ("cells", "1"), ("/day", "1/day"), ("cells/day", "1/day"), ("cells day", "day"),
    ("cells/ul", "1/microliter"), ("copies/ug", "1/microgram"), ("/cell", "1"), ("ml", "1e-6 m3"),
    ("mg/dl", "10 g/m3"), ("day", "86400 s"),
])  # fmt: skip
def test_a_unit_is_what_it_was(own, same):
    one = cf_units.Unit(to_udunits(own)).convert(1.0, cf_units.Unit(same))
    assert one == pytest.approx(1.0, rel=1e-12)


def test_every_unit_of_the_package_is_known():
    endpoints = (vc.Outcome(), vc.Nadir(), vc.Kinetics(), vc.Response(), vc.BestResponse())
    units = {each.unit for each in known_parameters().values()}
    units |= {each.unit for each in OBSERVABLES.values()}
    units |= {variable.units for each in endpoints for variable in each.variables}
    assert {"cells", "/day"} <= units
    for unit in units:
        cf_units.Unit(to_udunits(unit))


def datasets():
    model = vc.car_t(memory="linear", escape="mutation")
    cohort = vc.Population("kimmel2021-figures", 0.1, model=model).sample(4, seed=1)
    yield vc.simulate(cohort, "hybrid", save_at=[0, 7, 30], progress=False)
    one = vc.Cohort.from_values("kimmel2021-figures")
    yield vc.local_sensitivity(one, days=[7.0, 30.0])
    yield vc.kaplan_meier([3.0, 5.0, 8.0], [1, 0, 1])


def test_files_have_units_that_udunits_knows_and_give_back_ours(tmp_path):
    for ds in datasets():
        before = {name: dict(each.attrs) for name, each in ds.variables.items()}
        path = vc.save(ds, tmp_path / "file.nc")
        with xr.open_dataset(path, decode_times=False) as seen:
            for variable in seen.variables.values():
                cf_units.Unit(variable.attrs.get("units", "1"))
            for name in seen.indexes:
                assert "_FillValue" not in seen[name].encoding
            if "C0" in seen:
                cells = seen["C0"].load()
                vc.Population("kimmel2021-figures").sample(4, seed=1).replace(C0=cells)
        xr.testing.assert_identical(vc.load(path), ds)
        assert {name: dict(each.attrs) for name, each in ds.variables.items()} == before


@pytest.mark.filterwarnings("ignore")  # Of the checker's own.
def test_a_checker_of_cf_finds_no_error_but_that_time_is_no_date(tmp_path):
    runner = pytest.importorskip("compliance_checker.runner", reason="no compliance-checker here")
    suite = runner.CheckSuite()
    suite.load_all_available_checkers()
    for ds in datasets():
        path = vc.save(ds, tmp_path / "file.nc", overwrite=True)
        found, failed = suite.run_all(suite.load_dataset(str(path)), ["cf:1.11"])["cf:1.11"]
        errors = [each for each in found if each.weight == 3 and each.value[0] < each.value[1]]
        # It takes differences of coordinates that are texts, and fails.
        assert {*failed} <= {"check_coordinate_variables_strict_monotonicity"} and len(found) > 10
        told = [text for each in errors for text in each.msgs]
        assert all("'time' should have standard_name='time'" in text for text in told), told


def test_a_store_has_units_that_udunits_knows_and_gives_back_ours(tmp_path):
    population = vc.Population("kimmel2021-figures", sigma=0.05)
    axes = {"K_C": [6e10, 7e10], "r_B": [0.05, 0.06]}
    path = tmp_path / "store.zarr"
    vc.sweep(population, axes, 8, path, horizon=100.0, keep_patients=True, progress=False)
    with xr.open_zarr(path, decode_times=False) as seen:
        for variable in seen.variables.values():
            cf_units.Unit(variable.attrs.get("units", "1"))
        assert (seen["K_C"].attrs["units"], seen["r_B"].attrs["units"]) == ("1", "day-1")
    with vc.open_sweep(path) as ours:
        assert (ours["K_C"].attrs["units"], ours["r_B"].attrs["units"]) == ("cells", "/day")
    assert vc.verify(path).is_whole


def test_what_is_of_several_units_has_none_in_a_file():
    ds = xr.Dataset({"estimate": ("row", [1.0, 2.0], {"units": "as the parameter"})})
    written = with_udunits(ds)
    assert "units" not in written["estimate"].attrs
    assert with_own_units(written)["estimate"].attrs == ds["estimate"].attrs
