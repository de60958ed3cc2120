"""The settings of a run: one record, from which all that speaks of them derives."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import vcohort as vc

POPULATION = vc.Population("kimmel2021-figures", 0.05)
COHORT = POPULATION.sample(8, seed=1)
TREATED = vc.Regimen(vc.Infusion(day=40.0, cells=1e9))
FIT = (vc.data.fit_table(), ["K_C"])
FEW = {"starts": 4, "progress": False}

# Each function, with settings that it reads.
READERS = {
    "simulate": (
        lambda **more: vc.simulate(COHORT, progress=False, **more)["event_time"],
        {"method": "exact", "horizon": 700.0, "progression": 1.5, "seed": 3, "regimen": TREATED,
         "endpoints": [vc.Nadir()], "tolerance": 0.01, "dtype": "float64"},
    ),
    "cure_probability": (
        lambda **more: vc.cure_probability(COHORT, **more),
        {"horizon": 700.0, "regimen": TREATED, "tolerance": 0.01, "dtype": "float64"},
    ),
    "progression_free_probability": (
        lambda **more: vc.progression_free_probability(COHORT, [90.0, 300.0], **more),
        {"progression": 1.5, "regimen": TREATED, "tolerance": 0.01, "dtype": "float64"},
    ),
    "sweep": (
        lambda **more: vc.sweep(POPULATION, {"K_C": [7e10]}, 8, progress=False, **more)["rmst"],
        {"method": "exact", "horizon": 700.0, "progression": 1.5, "regimen": TREATED, "seed": 3,
         "endpoints": [vc.Nadir()], "tolerance": 0.01, "dtype": "float64"},
    ),
    "sensitivity_map": (
        lambda **more: vc.sensitivity_map(
            POPULATION, {"K_C": [7e10], "r_B": [0.1]}, 4, progress=False, **more
        )["cure_probability"],
        {"horizon": 700.0, "regimen": TREATED, "seed": 3, "tolerance": 0.01},
    ),
    "local_sensitivity": (
        lambda **more: vc.local_sensitivity(
            COHORT, [0.0, 30.0], ["K_C"], outputs=["pfs_30"], progress=False, **more
        )["output_value"],
        {"progression": 1.5, "regimen": vc.Regimen(vc.Infusion(10.0, 1e9)), "tolerance": 0.01},
    ),
    "fit": (
        lambda **more: vc.fit(*FIT, loss="kimmel2021", **FEW, **more)["estimate"],
        {"regimen": vc.Regimen(vc.Infusion(day=3.0, cells=1e9)), "seed": 3, "tolerance": 0.01},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_keywords_and_a_run_say_the_same(name):
    use, settings = READERS[name]
    np.testing.assert_array_equal(use(**settings), use(run=vc.Run(**settings)))


# Datasets that record with which settings they were made.
QUIET = {"progress": False}
PLAIN = {"method": "exact", "endpoints": [vc.Nadir()], "dtype": "float64"}
RECORDERS = {
    "simulate": lambda **more: vc.simulate(COHORT, **QUIET, **more),
    "sweep": lambda **more: vc.sweep(POPULATION, {"K_C": [7e10]}, 4, **QUIET, **more),
    "sobol_indices": lambda **more: vc.sobol_indices(POPULATION, ["C_max"], 2, **QUIET, **more),
    "morris": lambda **more: vc.morris(POPULATION, ["C_max"], 2, **QUIET, **more),
    "sensitivity_map": lambda **more: vc.sensitivity_map(
        POPULATION, {"K_C": [7e10], "r_B": [0.1]}, 2, **QUIET, **more
    ),
    "fit": lambda **more: vc.fit(*FIT, loss="kimmel2021", **FEW, **more),
    "calibrate": lambda **more: vc.calibrate(
        POPULATION, {"day": [0, 50, 90], "pfs": [1.0, 0.7, 0.5]}, ["r_B"], n=16, starts=1,
        days=[30.0, 60.0], **QUIET, **more,
    ),
}  # fmt: skip


# Some wait for the slow tests: of the fit the test above tells that it reads its settings.
EACH = [
    pytest.param(name, marks=pytest.mark.slow if name in {"fit", "calibrate"} else [])
    for name in RECORDERS
]


@pytest.mark.parametrize("name", EACH)
@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_dataset_tells_with_which_settings_it_was_made(name):
    """Left to the default, or given in either way."""
    make, beside = RECORDERS[name], PLAIN if name in {"simulate", "sweep"} else {}
    assert make(**beside).attrs["seed"] == "0"
    settings = {"seed": 3, "regimen": TREATED, **beside}
    for ds in (make(**settings), make(run=vc.Run(**settings))):
        assert ds.attrs["seed"] == "3" and "day=40" in ds.attrs["regimen"]


@pytest.mark.parametrize("name", READERS)
def test_both_at_once_are_refused_whatever_they_say(name):
    use, settings = READERS[name]
    each = next(iter(settings))
    for run in (vc.Run(), vc.Run(**settings)):
        with pytest.raises(vc.VcohortError, match=f"was given run= and {each}"):
            use(run=run, **{each: settings[each]})


@pytest.mark.parametrize("name", ["cure_probability", "sensitivity_map", "fit"])
def test_what_is_not_read_is_refused(name):
    use, _ = READERS[name]
    with pytest.raises(vc.VcohortError, match=r"no use for the run's threshold, save_at\."):
        use(run=vc.Run(threshold=50.0, save_at=[0.0]))
    with pytest.raises(vc.VcohortError, match="is no run"):
        use(run={"horizon": 20.0})


def test_a_run_can_be_changed():
    """What is left to the defaults follows the horizon."""
    short = replace(vc.Run(), horizon=20.0, tolerance=0.01)
    assert short.horizon == 20.0 and max(short.required_days) <= 20.0
    assert vc.Run(horizon=np.float32(20)) == vc.Run(horizon=20)
    with pytest.raises(vc.VcohortError, match="greater than 0 days"):
        replace(short, horizon=-1.0)


def with_one_line_more(folder):
    """Copy the package, with a made-up setting in the one place of settings."""
    source = Path(vc.__file__).parent
    shutil.copytree(source, folder / "vcohort", ignore=shutil.ignore_patterns("__pycache__"))
    place = folder / "vcohort" / "simulation" / "run.py"
    line = '    dtype: str = _setting("float32"'
    text = place.read_text(encoding="utf-8")
    assert text.count(line) == 1
    more = '    warmth: float = _setting(3.0, "Made up.")\n'
    place.write_text(text.replace(line, more + line), encoding="utf-8")


def test_a_setting_is_one_line_in_one_file(tmp_path):
    """A made-up one reaches flags, study files, attributes, records and the report."""
    with_one_line_more(tmp_path)

    def vcohort(*arguments):
        found = subprocess.run(
            [sys.executable, "-m", "vcohort", *arguments], cwd=tmp_path, check=False,
            env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
        )  # fmt: skip
        assert found.returncode == 0, found.stderr
        return found.stdout

    assert "--warmth" in vcohort("simulate", "--help")
    (tmp_path / "study.toml").write_text(
        'warmth = 4.0\npatients = 5\nhorizon = 20.0\nmethod = "exact"\n'
    )
    vcohort("simulate", "study.toml", "-o", "a.nc")
    vcohort("simulate", "study.toml", "--warmth", "5", "-o", "b.nc")
    for name, value in (("a.nc", 4.0), ("b.nc", 5.0)):
        with xr.open_dataset(tmp_path / name) as ds:
            assert ds.attrs["warmth"] == value and f"warmth = {value}" in ds.attrs["study"]
    vcohort("sweep", "study.toml", "--axis", "K_C=7e10", "--warmth", "6")
    with xr.open_zarr(tmp_path / "sweep.zarr") as ds:
        assert ds.attrs["warmth"] == json.loads(ds.attrs["study_record"])["run"]["warmth"] == 6.0
    vcohort("report", "sweep.zarr")
    assert "warmth" in (tmp_path / "report.html").read_text()
