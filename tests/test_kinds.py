"""Each kind of dataset goes through a file and comes back as it was; what cannot is refused."""

from functools import cache
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from tests.conftest import FEW
from vcohort.results.kinds import KINDS

QUIET = {"progress": False}
POPULATION = vc.Population("kimmel2021-figures", 0.05)
PATIENT = vc.Population("kimmel2021-figures").sample(1)
TABLE = {"day": [7.0, 14.0, 28.0], "observable": ["C_per_ul"] * 3, "value": [31.6, 9.1, 2.0]}
TRIAL = xr.DataArray([1.0, 0.8, 0.6, 0.5], dims="day", coords={"day": [0.0, 50.0, 100.0, 200.0]})
COHORT = {"n": 5, "seed": 1}


def decline(values, day):
    return jnp.exp(values["start"] - values["rate"] * day)


SEVERAL = {
    "patient": [1, 1, 1, 2, 2, 2, 3, 3, 3], "day": [0.0, 5.0, 9.0] * 3, "observable": ["size"] * 9,
    "value": [9.0, 5.0, 4.0, 12.0, 9.0, 6.0, 7.0, 3.5, 3.0],
}  # fmt: skip


@cache
def of_several():
    return vc.fit_population(
        SEVERAL, ["start"], ["rate"], predict=decline, typical={"start": 2.0, "rate": 0.1},
        starts=1, **QUIET,
    )  # fmt: skip


@cache
def local():
    return vc.local_sensitivity(PATIENT, np.linspace(0.0, 60.0, 7), outputs=["C_max"], **QUIET)


def swept(**options):
    return vc.sweep(
        POPULATION, {"K_C": [6e10, 7e10], "r_B": [0.1]}, 8, days=(30.0,), tolerance=1e-2,
        **options, **QUIET,
    )  # fmt: skip


MAKERS = {
    "cohort": lambda: vc.simulate(
        POPULATION.sample(**COHORT), "deterministic", save_at=[0, 7], **QUIET
    ),
    "sweep": swept,
    "fit": lambda: vc.fit(TABLE, ["K_C"], starts=2, tolerance=1e-2, **QUIET),
    "population_fit": of_several,
    "diagnostics": lambda: vc.diagnostics(of_several(), SEVERAL, predict=decline, replicates=20),
    "profile": lambda: vc.profile_likelihood(
        TABLE, ["K_C"], starts=2, points=4, tolerance=1e-2, **QUIET
    ),
    "comparison": lambda: vc.compare_models(
        TABLE, {"paper": vc.car_t()}, loss="log", starts=2,
        fixed=["K_N", "r_B", "r_N", "a", "b", "gamma_B", "k_B", "rho_C"], **QUIET,
    ),
    "posterior": lambda: vc.posterior(
        TABLE, ["K_C"], chains=1, warmup=5, draws=8, seed=0, **QUIET
    ),
    "local_sensitivity": local,
    "identifiability": lambda: vc.identifiability(local()),
    "sobol": lambda: vc.sobol_indices(POPULATION, ["C_max"], 4, second_order=True, **QUIET),
    "morris": lambda: vc.morris(POPULATION, ["C_max"], 4, **QUIET),
    "sensitivity_map": lambda: vc.sensitivity_map(
        POPULATION, {"K_C": [7e10], "r_B": [0.05, 0.1]}, 2, **QUIET
    ),
    "calibration": lambda: vc.calibrate(
        vc.Population("kimmel2021", 0.2), TRIAL, ["r_B"], days=[0, 50, 100, 150, 200], n=64,
        starts=1, **QUIET,
    ),
    "entropy_weights": lambda: vc.entropy_weights(np.arange(6.0), [2.0]),
    "selection": lambda: vc.select_patients({"peak": np.arange(6.0)}, {"peak": (1.0, 4.0)}, n=2),
    "arms": lambda: vc.compare({each: MAKERS["cohort"]() for each in ("one", "two")}),
    "planned_trial": lambda: vc.Trial({"one": MAKERS["cohort"]()}, 5).predict(trials=10),
    "survival": lambda: vc.kaplan_meier([30.0, 90.0, 60.0, 30.0], [1, 1, 0, 1]),
    "hazard_ratios": lambda: vc.cox(
        {"time": [30.0, 90.0, 60.0, 45.0], "event": [1, 1, 0, 1], "AGE": [50, 60, 55, 70]}, ["AGE"]
    ),
    "regimen": lambda: vc.optimize_regimen(
        POPULATION.sample(**COHORT), {"day": (50.0, 100.0)}, grid=2, **QUIET
    ),
}  # fmt: skip

SLOW = {"comparison", "diagnostics", "population_fit", "posterior", "calibration", "regimen"}


def groups(ds):
    return {"/": ds} if isinstance(ds, xr.Dataset) else {
        each.path: each.to_dataset(inherit=False) for each in ds.subtree
    }  # fmt: skip


def assert_comes_back(ds, path):
    again = vc.load(vc.save(ds, path))
    assert type(again) is type(ds)
    assert groups(again).keys() == groups(ds).keys()
    for found, was in zip(groups(again).values(), groups(ds).values(), strict=True):
        xr.testing.assert_identical(found, was)
        assert set(found.coords) == set(was.coords)
        for name, variable in was.variables.items():
            assert found[name].dims == variable.dims
            kinds = {found[name].dtype.kind, variable.dtype.kind}
            assert kinds == {"U"} or found[name].dtype == variable.dtype, name


def test_every_kind_has_a_maker():
    assert MAKERS.keys() == {"cohort", *KINDS}


@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in MAKERS]
)
def test_each_kind_comes_back_as_it_was(kind, tmp_path):
    ds = MAKERS[kind]()
    assert groups(ds)["/"].attrs["kind"] == kind
    assert_comes_back(ds, tmp_path / "it.nc")
    if isinstance(ds, xr.Dataset):
        assert vc.validate(ds) is ds
    if kind in KINDS:
        needed = KINDS[kind]
        broken = {path: group.copy() for path, group in groups(ds).items()}
        lacking = next(iter(needed.variables))
        broken[needed.group] = broken[needed.group].drop_vars(lacking)
        whole = broken["/"] if len(broken) == 1 else xr.DataTree.from_dict(broken)
        with pytest.raises(vc.VcohortError, match=f"no {kind}, .* {lacking} is missing"):
            vc.save(whole, tmp_path / "broken.nc")
        assert not (tmp_path / "broken.nc").exists()


def test_a_store_of_a_sweep_comes_back_from_a_file_too(tmp_path):
    swept(store=tmp_path / "it.zarr", keep_patients=True)
    assert_comes_back(vc.open_sweep(tmp_path / "it.zarr").load(), tmp_path / "it.nc")


def test_survival_curves_are_saved_as_datasets(tmp_path):
    ds = vc.simulate(POPULATION.sample(**COHORT), "exact", endpoints=FEW, **QUIET)
    curve = vc.progression_free_survival(ds, [0.0, 30.0])
    with pytest.raises(vc.VcohortError, match=r"to_dataset\(name='progression_free_survival'\)"):
        vc.save(curve, tmp_path / "curve.nc")
    assert_comes_back(curve.to_dataset(name="pfs"), tmp_path / "curve.nc")


OWN = xr.Dataset(
    {
        "flag": ("x", [True, False, True]),
        "text": ("x", ["a", "", "\N{MICRO SIGN}l"]),
        "small": ("x", np.array([1, -2, 3], np.int8), {"units": "1", "flag_values": np.arange(3)}),
        "large": ("x", np.array([2**64 - 1, 0, 1], np.uint64)),
        "number": ((), 3.5),
        "single": (("y", "x"), np.full((2, 3), np.nan, np.float32)),
        "none": (("x", "empty"), np.zeros((3, 0))),
    },
    {"x": [3.0, 1.0, 2.0], "label": ("y", ["p", "q"]), "at": 7},
    {"kind": "mine", "empty": "", "count": 2**63, "nan": np.nan, "units": "days since 2020-01-01"},
)


def test_what_is_the_users_own_comes_back(tmp_path):
    assert_comes_back(OWN, tmp_path / "own.nc")
    assert_comes_back(OWN.drop_attrs(), tmp_path / "plain.nc")
    assert_comes_back(xr.Dataset(), tmp_path / "nothing.nc")
    assert_comes_back(
        xr.DataTree.from_dict({"/": OWN, "inside": OWN.drop_vars("text"), "more": OWN}),
        tmp_path / "tree.nc",
    )


def attribute(value):
    return OWN.assign_attrs(odd=value)


def variable(values, **attrs):
    return OWN.assign(odd=("z", values, attrs))


@pytest.mark.parametrize(
    ("ds", "message"),
    [
        (attribute(None), "odd of the dataset is None, a NoneType"),
        (attribute(True), "a bool"),
        (attribute({"a": 1}), "a dict"),
        (attribute((1, 2)), "a tuple"),
        (attribute(["one", "two"]), "a list"),
        (attribute([True, False]), "a list"),
        (attribute([1]), "a list"),
        (attribute(np.array([1.0])), "two numbers or more"),
        (attribute(2**64), "an? int"),
        (attribute("a\0b"), "a str"),
        (attribute(np.array(["a", "b"])), "a ndarray"),
        (attribute(1j), "a complex"),
        (OWN.assign_attrs({1: "one"}), "the name 1 is no text"),
        (OWN.assign_attrs(coordinates="x"), "take the attribute coordinates"),
        (variable([1.0], _FillValue=3.0), "take the attribute _FillValue"),
        (variable([1.0], scale_factor=3.0), "take the attribute scale_factor"),
        (variable([1.0], long_name=None), "long_name of odd is None"),
        (variable(np.array([{}, None], object)), "type object"),
        (variable(np.array(["a", np.nan], object)), "type object"),
        (variable(np.array(["2020-01-01"], "datetime64[ns]")), "days as numbers"),
        (variable(np.array([1], "timedelta64[ns]")), "days as numbers"),
        (variable(np.array([1j])), "real and imaginary"),
        (variable(np.array([1], np.float16)), "type float16"),
        (variable(np.array([1], np.longdouble)), "Try .astype"),
        (variable(np.array([b"a"])), r"\.astype\(str\)"),
        (variable(["\udcff"]), "not in UTF-8"),
        (OWN.rename(number="a/b"), "has a slash"),
        (OWN.rename(number=""), "it is empty"),
        (OWN.rename({"number": 3}), "the name 3 is no text"),
        (OWN.rename(label="a label"), "a space in its name"),
        (OWN.drop_vars("none").stack(both=("x", "y")), "both is of the type object"),
        ("text", "A str is no xarray.Dataset"),
    ],
)
def test_what_would_not_come_back_is_refused(ds, message, tmp_path):
    with pytest.raises(vc.VcohortError, match=message):
        vc.save(ds, tmp_path / "odd.nc")
    assert not list(tmp_path.iterdir())


def test_a_file_is_not_replaced_where_that_is_said(tmp_path):
    path = vc.save(OWN, tmp_path / "own.nc")
    before = path.read_bytes()
    with pytest.raises(vc.VcohortError, match="is there already"):
        vc.save(OWN, path, overwrite=False)
    assert path.read_bytes() == before
    assert vc.save(OWN, path) == path


def test_what_is_no_file_of_ours_is_told(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "table.csv").write_text("day,value\n1,2\n")
    (tmp_path / "empty.nc").touch()
    for name, message in {
        "folder": "a folder", "table.csv": "Is it a NetCDF file", "empty.nc": "Is it a NetCDF file",
    }.items():  # fmt: skip
        with pytest.raises(vc.VcohortError, match=message):
            vc.load(tmp_path / name)
    swept(store=tmp_path / "it.zarr")
    with pytest.raises(vc.VcohortError, match=r"vc.open_sweep"):
        vc.load(tmp_path / "it.zarr")


def test_the_page_on_the_schema_tells_every_kind():
    page = (Path(__file__).parent.parent / "docs" / "schema.md").read_text(encoding="utf-8")
    for kind, needed in KINDS.items():
        _, _, section = page.partition(f"(`{kind}`)")
        section = section.partition("\n#")[0]
        missing = [name for name in needed.variables if f"`{name}`" not in section]
        assert section and not missing, (kind, missing)
