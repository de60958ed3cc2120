"""From a file to a picture and to a table, in the shell and in Python."""

import inspect
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import vcohort as vc
from tests.test_cli import refused
from tests.test_cli import vcohort as vcohort
from tests.test_kinds import MAKERS, SLOW
from vcohort.cli.pictures import PICTURES
from vcohort.results import tidy
from vcohort.results.kinds import KINDS, of_its_kind
from vcohort.results.tidy import left_out, rows_of

DRAWN = {name for names in PICTURES.values() for name in names}
CODES = {0: "undecided", 1: "cure", 2: "progression"}


def test_every_picture_is_of_some_kind():
    public = {name for name, each in vars(vc.plots).items() if inspect.isfunction(each)}
    assert public - {"attach"} == DRAWN
    assert PICTURES.keys() <= {"cohort", *KINDS}


@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in MAKERS]
)
def test_each_kind_is_a_table_of_its_numbers(kind, tmp_path, monkeypatch):
    ds = of_its_kind(MAKERS[kind]())
    rows = rows_of(ds)
    table = vc.to_dataframe(ds)
    assert len(table) == np.prod([ds.sizes[name] for name in rows])
    assert table.columns[: len(rows)].tolist() == list(rows)
    shape = xr.DataArray(np.zeros([ds.sizes[name] for name in rows]), dims=rows)
    missing = left_out(ds, rows)
    others = {name for names in missing.values() for name in names}
    assert {str(name) for name in ds.data_vars} == {*others, *(ds.data_vars.keys() & {*table})}
    for name in set(table) - set(rows):
        if "flag_meanings" not in ds[name].attrs:
            whole = ds[name].broadcast_like(shape).transpose(*rows)
            np.testing.assert_array_equal(table[name].to_numpy(), whole.values.ravel())
    for dims in missing:
        assert len(vc.to_dataframe(ds, dims)) == np.prod([ds.sizes[name] for name in dims])
    if find_spec("pyarrow") is not None:
        monkeypatch.setattr(tidy, "_BLOCK", 3)
        for number, over in enumerate([None, *missing]):
            path = vc.save_table(ds, tmp_path / f"{number}.parquet", over)
            pd.testing.assert_frame_equal(
                pd.read_parquet(path), vc.to_dataframe(ds, over), check_dtype=False,
                check_exact=True,
            )  # fmt: skip


def test_codes_become_words_and_units_are_kept(run, figures):
    ds = run(figures(0.1).sample(40, seed=1))
    table = vc.to_dataframe(ds)
    assert table["outcome"].tolist() == [CODES[code] for code in ds["outcome"].values.tolist()]
    assert table.attrs["units"]["event_time"] == "day"
    ds["outcome"][3] = -1
    assert vc.to_dataframe(ds)["outcome"][3] == "missing"


def test_rows_that_a_dataset_has_not_are_refused(run, figures):
    ds = run(figures().sample(2))
    for over, message in ((["patent"], "Did you mean 'patient'"), ([], "must name dimensions"),
                          (["patient", "patient"], "each once")):  # fmt: skip
        with pytest.raises(vc.VcohortError, match=message):
            vc.to_dataframe(ds, over)
    with pytest.raises(vc.VcohortError, match="Name dimensions"):
        vc.to_dataframe(xr.Dataset({"x": ("k", [1.0])}))


@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
def test_a_cohort_is_drawn_and_exported(vcohort, tmp_path):
    made = vcohort("simulate", "-n", 8, "--sigma", 0.1, "--save-at", "0,7", "-o", "it.nc")
    assert made.returncode == 0, made.stderr
    assert vcohort("plot", "it.nc").returncode == 0
    assert (tmp_path / "it-progression-free-survival.png").stat().st_size > 5000
    refused(vcohort("plot", "it.nc"), "is there already")
    for name in PICTURES["cohort"]:
        told = vcohort("plot", "it.nc", name.replace("_", "-"), "-o", f"{name}.svg")
        if name == "tumour_responses":
            refused(told, "vc.BestResponse()")
            assert not (tmp_path / f"{name}.svg").exists()
        else:
            assert (tmp_path / f"{name}.svg").read_text().startswith("<?xml"), told.stderr
    found = vcohort("export", "it.nc", "-o", "it.csv")
    assert "--over patient,time" in found.stdout
    ds, table = (
        vc.load(tmp_path / "it.nc"),
        pd.read_csv(tmp_path / "it.csv", float_precision="round_trip"),
    )
    np.testing.assert_array_equal(table["K_C"], ds["K_C"])
    vcohort("export", "it.nc", "-o", "course.csv", "--over", "patient,time")
    course = pd.read_csv(tmp_path / "course.csv")
    np.testing.assert_allclose(course["B"], ds["B"].values.ravel(), rtol=1e-6)


@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
def test_a_store_is_drawn_and_exported_and_what_it_lacks_is_told(vcohort, tmp_path):
    MAKERS["sweep"](store=tmp_path / "it.zarr")
    assert vcohort("plot", "it.zarr", "lines").returncode == 0
    assert (tmp_path / "it-lines.png").exists()
    assert vcohort("export", "it.zarr", "-o", "it.nc").returncode == 0
    assert vcohort("export", "it.zarr", "-o", "it.csv").returncode == 0
    xr.testing.assert_equal(vc.load(tmp_path / "it.nc"), vc.open_sweep(tmp_path / "it.zarr").load())
    assert pd.read_csv(tmp_path / "it.csv")["K_C"].tolist() == [6e10, 7e10]
    (tmp_path / "it.zarr" / "cured" / "c" / "1" / "0").write_bytes(b"nothing")
    refused(vcohort("export", "it.zarr", "-o", "broken.csv"), "resume it.zarr --repair")
    assert not (tmp_path / "broken.csv").exists()


def test_parquet_is_written_where_it_can_be(vcohort, tmp_path):
    ds = xr.Dataset({"cured": ("K_C", [0.25, 0.5])}, {"K_C": [6e10, 7e10]})
    vc.save(ds, tmp_path / "own.nc")
    told = vcohort("export", "own.nc", "-o", "it.parquet", "--over", "K_C")
    if find_spec("pyarrow") is None:
        refused(told, 'pip install "vcohort[parquet]"')
        assert not (tmp_path / "it.parquet").exists()
    else:
        assert told.returncode == 0, told.stderr
        table = pd.read_parquet(tmp_path / "it.parquet")
        assert table.to_dict("list") == {"K_C": [6e10, 7e10], "cured": [0.25, 0.5]}


def test_of_a_tree_the_group_of_its_kind_is_the_table(vcohort, tmp_path):
    names = KINDS["posterior"].variables
    over = {"parameter": ["K_C", "r_B"], "patient": ["A"]}
    about = {"units": "1", "long_name": "of a test"}
    values = {name: (("parameter", "patient"), np.array([[k], [k + 0.5]]), about)
              for k, name in enumerate(names)}  # fmt: skip
    groups_of = {"/": xr.Dataset(attrs={"kind": "posterior"}), "/summary": xr.Dataset(values, over)}
    vc.save(xr.DataTree.from_dict(groups_of), tmp_path / "it.nc")
    told = vcohort("export", "it.nc", "-o", "it.csv")
    assert told.returncode == 0, told.stderr
    table = pd.read_csv(tmp_path / "it.csv")
    assert table.columns.tolist() == ["parameter", "patient", *names]
    assert table["mean"].tolist() == [0.0, 0.5]


def test_what_cannot_be_looked_at_is_refused(vcohort, tmp_path):
    vc.save(xr.Dataset({"x": ("k", [1.0])}), tmp_path / "own.nc")
    for arguments, message in {
        ("plot", "nothing.nc"): "There is no file",
        ("plot", "own.nc", "kinetix"): "Unknown picture",
        ("plot", "own.nc", "-o", "it.gif"): ".png, .pdf or .svg",
        ("plot", "own.nc"): "no picture of this kind",
        ("plot", "own.nc", "heatmap"): "no picture",
        ("export", "own.nc", "-o", "it.xlsx"): ".csv",
        ("export", "own.nc", "-o", "it.csv"): "Name dimensions",
        ("export", "own.nc", "-o", "it.nc", "--over", "k"): "netcdf does not read it",
    }.items():
        refused(vcohort(*arguments), message)


@pytest.mark.parametrize("axes", [
    {"K_C": [7e10], "r_B": [0.05, 0.1]}, {"K_C": [6e10, 7e10, 8e10], "r_B": [0.1]},
    {"K_C": [6e10, 7e10], "r_B": [0.05, 0.1]},
])  # fmt: skip
def test_a_map_is_drawn_over_one_name_or_two(axes):
    ds = vc.sensitivity_map(vc.Population("kimmel2021-figures", 0.05), axes, 2, progress=False)
    panels = vc.plots.sensitivity_map(ds)
    varied = [name for name, values in axes.items() if len(values) > 1]
    if len(varied) == 1:
        (line,) = panels[0].lines
        np.testing.assert_allclose(line.get_xdata(), axes[varied[0]])
        np.testing.assert_allclose(line.get_ydata(), ds["cure_probability"].values.ravel())
    else:
        drawn = panels[0].collections[0].get_array()
        np.testing.assert_allclose(np.ravel(drawn), ds["cure_probability"].values.ravel())


def test_a_map_of_one_point_is_no_picture():
    population = vc.Population("kimmel2021-figures", 0.05)
    ds = vc.sensitivity_map(population, {"K_C": [7e10], "r_B": [0.1]}, 2, progress=False)
    with pytest.raises(vc.VcohortError, match="one point"):
        vc.plots.sensitivity_map(ds)
