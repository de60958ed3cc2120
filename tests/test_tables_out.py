"""Datasets as CSV, Parquet and Arrow, a block of rows at a time; posteriors as ArviZ has them."""

import json
import sys
import tracemalloc
import warnings
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import vcohort as vc
from tests.test_cli import vcohort as vcohort
from vcohort.results import tidy
from vcohort.results.kinds import KINDS

needs_pyarrow = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")

ENDINGS = [".csv", *(pytest.param(each, marks=needs_pyarrow) for each in (".parquet", ".arrow"))]


def read(path):
    """Return a file's table, as programs of others read it."""
    if path.suffix == ".csv":
        return pd.read_csv(path, float_precision="round_trip", dtype={"K_C": np.float32})
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_feather(path)


def blocked(monkeypatch, rows=7):
    monkeypatch.setattr(tidy, "_BLOCK", rows)


def patients(count, days=0):
    """Return patients by hand: numbers, flags of which one is missing, texts, a state."""
    codes = np.resize(np.array([0, 1, 2, -1], np.int8), count)
    flags = {"flag_values": np.array([0, 1, 2], np.int8), "units": "1",
             "flag_meanings": "undecided cure progression"}  # fmt: skip
    of_days = {"B": (("patient", "time"), np.arange(count * days).reshape(count, days) / 8)}
    return xr.Dataset(
        {
            "outcome": ("patient", codes, flags),
            "K_C": ("patient", np.geomspace(1.0, 1e11, count, dtype=np.float32),
                    {"units": "cells", "long_name": "capacity of CAR T cells"}),
            "site": ("patient", np.resize(["A", "Ä, B"], count)),
            "treated": ("patient", np.arange(count) % 2 == 0),
            "r_B": ((), 0.1, {"units": "/day"}),
            **(of_days if days else {}),
        },
        {"patient": np.arange(count), **({"time": np.arange(days) * 7.0} if days else {})},
        {"kind": "cohort", "horizon": 100.0, "time_grid": np.arange(3.0)},
    )  # fmt: skip


def patient_rows(count):
    """Return the same rows by hand."""
    words = {0: "undecided", 1: "cure", 2: "progression", -1: None}
    return pd.DataFrame({
        "patient": range(count), "outcome": [words[(0, 1, 2, -1)[i % 4]] for i in range(count)],
        "K_C": np.geomspace(1.0, 1e11, count, dtype=np.float32),
        "site": [("A", "Ä, B")[i % 2] for i in range(count)],
        "treated": [i % 2 == 0 for i in range(count)], "r_B": [0.1] * count,
    })  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("count", [1, 7, 20])
def test_rows_are_what_the_dataset_holds(ending, count, tmp_path, monkeypatch):
    blocked(monkeypatch)
    path = vc.save_table(patients(count), tmp_path / f"it{ending}")
    found, wanted = read(path), patient_rows(count)
    assert found["outcome"].isna().tolist() == wanted["outcome"].isna().tolist()
    pd.testing.assert_frame_equal(
        found.fillna({"outcome": ""}), wanted.fillna({"outcome": ""}), check_dtype=False,
        check_exact=True,
    )  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_over_two_dimensions(ending, tmp_path, monkeypatch):
    blocked(monkeypatch)
    path = vc.save_table(patients(5, days=3), tmp_path / f"it{ending}", ["patient", "time"])
    found = read(path)
    assert found["patient"].tolist() == np.repeat(np.arange(5), 3).tolist()
    assert found["time"].tolist() == [0.0, 7.0, 14.0] * 5
    assert found["B"].tolist() == (np.arange(15) / 8).tolist()


@needs_pyarrow
def test_columns_keep_units_and_meanings_and_the_file_its_attributes(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    blocked(monkeypatch)
    vc.save_table(patients(20), tmp_path / "it.parquet")
    vc.save_table(patients(20), tmp_path / "it.arrow")
    file = parquet.ParquetFile(tmp_path / "it.parquet")
    assert [file.metadata.row_group(k).num_rows for k in range(3)] == [7, 7, 6]
    arrow = pyarrow.ipc.open_file(tmp_path / "it.arrow")
    assert arrow.num_record_batches == 3
    for schema in (file.schema_arrow, arrow.schema):
        assert schema.field("K_C").type == pyarrow.float32()
        about = schema.field("K_C").metadata
        assert about[b"units"] == b"cells" and about[b"long_name"] == b"capacity of CAR T cells"
        assert schema.field("outcome").type == pyarrow.string()
        attrs = json.loads(schema.metadata[b"vcohort"])
        assert attrs == {"kind": "cohort", "horizon": 100.0, "time_grid": [0.0, 1.0, 2.0]}
    units = pd.read_parquet(tmp_path / "it.parquet").attrs["units"]
    assert units == {"outcome": "1", "K_C": "cells", "r_B": "/day"}


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_more_than_a_block_is_in_memory(ending, tmp_path, monkeypatch):
    blocked(monkeypatch, 5_000)
    ds = patients(100_000)[["outcome", "K_C", "site"]]
    tracemalloc.start()
    try:
        vc.save_table(ds, tmp_path / f"it{ending}")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    table = vc.to_dataframe(ds)
    assert len(table) == 100_000
    assert peak < 0.2 * table.memory_usage(deep=True).sum()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_fails_halfway_is_not_there(ending, tmp_path, monkeypatch):
    blocked(monkeypatch)
    path = tmp_path / f"it{ending}"
    vc.save_table(patients(3), path)
    before = path.read_bytes()

    def broken(ds, rows):
        yield tidy.to_dataframe(ds.isel(patient=slice(0, 7)), rows)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vcohort.exchange.table.blocks_of", broken)
    with pytest.raises(vc.VcohortError, match="No space left"):
        vc.save_table(patients(20), path)
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]
    with pytest.raises(vc.VcohortError, match="is there already"):
        vc.save_table(patients(3), path, overwrite=False)


def test_what_cannot_be_written_is_refused(tmp_path):
    for attempt, message in (
        (lambda: vc.save_table(patients(3), tmp_path / "it.xlsx"), "ends in .csv or .parquet"),
        (lambda: vc.save_table(patients(3), tmp_path / "it.csv", ["patent"]), "Did you mean"),
        (lambda: vc.save_table(xr.Dataset({"x": ("k", [1])}), tmp_path / "it.csv"), "over="),
        (
            lambda: vc.save_table(xr.DataTree(), tmp_path / "it.csv"),
            "what a row of this dataset is",
        ),
        (lambda: vc.save_table([1.0], tmp_path / "it.csv"), "is a list"),
        (lambda: vc.save_table(patients(3), tmp_path / "no" / "it.csv"), "there is no folder"),
    ):
        with pytest.raises(vc.VcohortError, match=message):
            attempt()
    assert not [*tmp_path.iterdir()]


@needs_pyarrow
def test_in_the_shell(vcohort, tmp_path):
    made = vcohort("simulate", "-n", 8, "--sigma", 0.1, "--save-at", "0,7", "-o", "it.nc")
    assert made.returncode == 0, made.stderr
    wanted = vc.to_dataframe(vc.load(tmp_path / "it.nc"))
    for name in ("parquet", "arrow"):
        told = vcohort("export", "it.nc", "--format", name, "-o", f"it.{name}")
        assert told.returncode == 0, told.stderr
        assert "--over patient,time" in told.stdout
        pd.testing.assert_frame_equal(read(tmp_path / f"it.{name}"), wanted)


def posterior(**attrs):
    """Return draws by hand, in the form of a posterior."""
    draws = np.random.default_rng(1).normal(5.0, 2.0, (4, 500, 2))
    over = {"chain": np.arange(4), "draw": np.arange(500), "patient": ["a", "b"]}
    names = {name: (("parameter", "patient"), np.ones((1, 2)))
             for name in KINDS["posterior"].variables}  # fmt: skip
    return xr.DataTree.from_dict({
        "/": xr.Dataset(attrs={"kind": "posterior", "model": "base"} | attrs),
        "posterior": xr.Dataset({"K_C": (("chain", "draw", "patient"), draws)}, over),
        "sample_stats": xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 500), bool))}),
        "observed_data": xr.Dataset({"value": ("row", [31.5])}),
        "summary": xr.Dataset(names, {"parameter": ["K_C"], "patient": ["a", "b"]}),
    })  # fmt: skip


@pytest.fixture
def arviz():
    with warnings.catch_warnings():
        # ArviZ 0.23 tells of its successor when it is imported.
        warnings.simplefilter("ignore")
        return pytest.importorskip("arviz", reason="ArviZ is not installed")


def test_arviz_takes_a_posterior(arviz):
    tree = posterior()
    found = vc.to_inference_data(tree)
    is_former = arviz.__version__.startswith("0.")
    assert type(found).__name__ == ("InferenceData" if is_former else "DataTree")
    groups = found.groups() if is_former else list(found.children)
    assert set(groups) == {"posterior", "sample_stats", "observed_data"}
    draws = tree["posterior"]["K_C"].values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = arviz.summary(found, round_to="none")
    np.testing.assert_allclose(table["mean"].astype(float), draws.mean((0, 1)), rtol=1e-9)
    np.testing.assert_allclose(
        table["sd"].astype(float), draws.reshape(-1, 2).std(0, ddof=1), rtol=1e-3
    )
    assert found.attrs["model"] == "base"


def test_what_has_no_draws_is_no_inference_data():
    for other, told in (
        (patients(3), "dataset of the kind 'cohort'"), ([1.0], "this is a list"),
        (posterior(kind="mine"), "kind 'mine'"),
    ):  # fmt: skip
        with pytest.raises(vc.VcohortError, match=told):
            vc.to_inference_data(other)


def test_without_arviz_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(vc.VcohortError, match=r'pip install "vcohort\[arviz\]"'):
        vc.to_inference_data(posterior())


def test_of_a_tree_the_group_of_its_kind_is_the_table():
    table = vc.to_dataframe(posterior())
    assert table.columns.tolist() == ["parameter", "patient", *KINDS["posterior"].variables]
    assert table["patient"].tolist() == ["a", "b"]
