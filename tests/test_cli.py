"""The command line as a user would try it, mistakes included."""

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from vcohort.cli.app import main

STUDY = """
preset = "kimmel2021-figures"
patients = 200
sigma = 0.05
seed = 7
method = "exact"
horizon = 800.0

[set]
r_B = "lognormal(0.07, 0.1)"
B0 = "empirical(zuma1)"
"""


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def vcohort(monkeypatch, capsys, tmp_path):
    """Run the command line in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["vcohort", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return Result(code, *capsys.readouterr())

    return run


def on_a_full_disk(folder, *arguments, limit_bytes):
    """Run it in a process that can write no larger file: what a full disk does to one."""
    program = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes})); "
        "from vcohort.__main__ import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip


def refused(result, message, folder=None):
    text = " ".join(result.stderr.split())
    assert result.returncode == 2, result.stderr
    assert message in text, text
    assert "Traceback" not in result.stderr
    if folder is not None:
        assert not [entry for entry in folder.iterdir() if entry.suffix == ".nc"]


def test_a_study_file_and_the_same_flags_give_the_same_dataset(vcohort, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(STUDY)
    first = vcohort("simulate", study, "-o", tmp_path / "a.nc")
    assert first.returncode == 0, first.stderr
    assert "a.nc" in first.stdout and "200" in first.stdout
    second = vcohort(
        "simulate", "-o", tmp_path / "b.nc", "--preset", "kimmel2021-figures", "-n", 200,
        "--sigma", 0.05, "--seed", 7, "--method", "exact", "--horizon", 800,
        "--set", "r_B=lognormal(0.07, 0.1)", "--set", "B0=empirical(zuma1)",
    )  # fmt: skip
    assert second.returncode == 0, second.stderr
    a, b = vc.load(tmp_path / "a.nc"), vc.load(tmp_path / "b.nc")
    assert a.identical(b)
    # The echoed study is a study file again.
    study.write_text(a.attrs["study"])
    third = vcohort("simulate", study, "-o", tmp_path / "c.nc")
    assert third.returncode == 0, third.stderr
    assert vc.load(tmp_path / "c.nc").identical(a)


def test_flags_override_the_study_file(vcohort, tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    result = vcohort("simulate", "study.toml", "-n", 50, "--set", "r_B=0.1")
    assert result.returncode == 0, result.stderr
    ds = vc.load(tmp_path / "cohort.nc")
    assert ds.sizes["patient"] == 50 and 'r_B = "0.1"' in ds.attrs["study"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "kimel2021"], "Did you mean 'kimmel2021'?"),
        (["--set", "K_c=1e11"], "Did you mean 'K_C'?"),
        (["--set", "K_C"], "Write NAME=VALUE"),
        (["--set", "K_C=lots"], "neither a number nor a distribution"),
        (["--set", "K_C=nan"], "K_C = nan is impossible"),
        (["--set", "K_C=-5"], "K_C = -5 is impossible"),
        (["--set", "r_B=lognormal(0.1)"], "lognormal takes 2 numbers"),
        (["--set", "r_B=logormal(0.1, 1)"], "Did you mean 'lognormal'?"),
        (["--set", "B0=empirical(zuma2)"], "Did you mean 'zuma1'?"),
        (["-n", "0"], "n = 0 is impossible"),
        (["-n", "-4"], "n = -4 is impossible"),
        (["-n", "10000000000000"], "GiB"),
        (["-n", "many"], "Invalid value for '-n'"),
        (["--method", "hybird"], "Did you mean 'hybrid'?"),
        (["--design", "sobl"], "Did you mean 'sobol'?"),
        (["--horizon", "-1"], "horizon = -1.0 is impossible"),
        (["--save-at", "3,1"], "increasing order"),
        (["--save-at", "0,9999"], "outside the run"),
        (["--save-at", "a,b"], "list of days"),
        (["--seed", "-1"], "seed = -1 is impossible"),
        (["--methd", "exact"], "No such option: --methd"),
        (["nowhere.toml"], "There is no study file nowhere.toml"),
        (["-o", "nowhere/cohort.nc"], "there is no folder nowhere"),
        (["-o", "."], "it is a folder"),
        (["--sigma", "nan"], "sigma = nan is impossible"),
        (["--horizon", "inf"], "horizon = inf is impossible"),
        (["--tolerance", "0"], "tolerance = 0.0 is impossible"),
        (["--dtype", "float16"], "Unknown dtype"),
        (["--set", "B0=empirical()"], "Unknown data set"),
        (["--seed", str(2**64)], "is impossible"),
    ],
)
def test_mistakes(arguments, message, vcohort, tmp_path):
    refused(vcohort("simulate", *arguments), message, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient = 10", "Unknown key 'patient' in the study. Did you mean 'patients'?"),
        ("[model]\nfeedbak = 'B'", "Did you mean 'feedback'?"),
        ("[model]\nfeedback = 'C'", "Unknown feedback law 'C'"),
        ("patients = 'ten'", "patients = 'ten' is impossible"),
        ("set = 3", "set = 3 is impossible"),
        ("[set]\nr_B = [1, 2]", "set.r_B = [1, 2] is impossible"),
        ("save_at = ['a']", "save_at.0 = 'a' is impossible"),
        ("model = 'simple'", "model = 'simple' is impossible"),
        ("sweep.axis = 3", "sweep.axis"),
        ("[sweep]\naxes = 3", "sweep.axes = 3 is impossible"),
        ("patients = [", "is not TOML"),
        ("\x00", "is not TOML"),
        ("[set]\nK_C = -1", "K_C = -1 is impossible"),
    ],
)
def test_mistakes_in_a_study_file(text, message, vcohort, tmp_path):
    (tmp_path / "study.toml").write_text(text)
    refused(vcohort("simulate", "study.toml"), message, tmp_path)


def test_an_unreadable_study_file(vcohort, tmp_path):
    (tmp_path / "study.toml").write_bytes(b"\xff\xfe\x00binary")
    refused(vcohort("simulate", "study.toml"), "not text in UTF-8", tmp_path)
    refused(vcohort("simulate", tmp_path), "Cannot read the study file", tmp_path)


def test_a_full_disk_leaves_nothing_behind_and_keeps_the_older_file(tmp_path):
    options = ("simulate", "-n", 5000, "--method", "deterministic", "-o", "full.nc", "--force")
    (tmp_path / "full.nc").write_text("older")
    refused(on_a_full_disk(tmp_path, *options, limit_bytes=100_000), "Could not write full.nc")
    assert [entry.name for entry in tmp_path.iterdir()] == ["full.nc"]
    assert (tmp_path / "full.nc").read_text() == "older"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "taken"], "taken is a file"),
        (["-n", "0"], "n = 0 is impossible"),
        (["-o", "taken/deeper"], "taken"),
    ],
)
def test_mistakes_in_the_demo(arguments, message, vcohort, tmp_path):
    (tmp_path / "taken").write_text("")
    refused(vcohort("demo", *arguments), message, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("chosen", [{}, {"JAX_COMPILATION_CACHE_DIR": "mine"}])
def test_compiled_programs_are_kept_where_the_user_keeps_caches(chosen, tmp_path):
    """In Python as on the command line; what the user chose is left alone."""
    program = "import vcohort.engine, jax; print(jax.config.jax_compilation_cache_dir)"
    left = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    told = subprocess.run(
        [sys.executable, "-c", program], env={**left, "XDG_CACHE_HOME": str(tmp_path), **chosen},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert told == "mine" if chosen else Path(told).parent == tmp_path / "vcohort"
    assert chosen or Path(told).is_dir()


def test_info_lists_what_there_is(vcohort):
    result = vcohort("info")
    assert result.returncode == 0
    for word in ("jax", "kimmel2021-figures", "rho_C", "gompertz", "crowded", "/day"):
        assert word in result.stdout
    # On eighty columns no number is cut.
    assert "7.083e+10" in result.stdout and "…" not in result.stdout


def test_demo_writes_datasets_and_a_picture(vcohort, tmp_path):
    result = vcohort("demo", "-n", 200, "-o", tmp_path / "demo")
    assert result.returncode == 0, result.stderr
    names = sorted(entry.name for entry in (tmp_path / "demo").iterdir())
    assert names == [
        "published-presets.png", "virtual-zuma1-calibrated.nc", "virtual-zuma1-courses.nc",
        "virtual-zuma1-kimmel2021-figures.nc", "virtual-zuma1-kimmel2021.nc",
        "virtual-zuma1-second-infusion.nc", "virtual-zuma1.png",
    ]  # fmt: skip
    assert "cured" in result.stdout and "patients per second" in result.stdout


SWEEP = """
preset = "kimmel2021-figures"
patients = 40
sigma = 0.05
seed = 1
tolerance = 1e-2

[sweep]
days = [90, 400]
chunk = 2

[sweep.axes]
K_C = "6.8e10:7.2e10:3"
gamma_B = [1.0, 1.2]
"""


def test_a_sweep_is_run_verified_mended_and_reported(vcohort, tmp_path):
    (tmp_path / "study.toml").write_text(SWEEP)
    result = vcohort("sweep", "study.toml", "--dry-run", "--price", 2)
    assert result.returncode == 0, result.stderr
    assert "240" in result.stdout and "cost" in result.stdout
    assert not list(tmp_path.glob("*.zarr"))
    result = vcohort("sweep", "study.toml", "-o", "out.zarr")
    assert result.returncode == 0, result.stderr
    assert "K_C 3 × gamma_B 2: 6 cells, 240 patients" in result.stdout
    flags = vcohort(
        "sweep", "-o", "flags.zarr", "--preset", "kimmel2021-figures", "-n", 40, "--sigma", 0.05,
        "--seed", 1, "--tolerance", 1e-2, "--days", "90,400", "--chunk", 3, "--axis",
        "K_C=6.8e10:7.2e10:3", "--axis", "gamma_B=1.0,1.2",
    )  # fmt: skip
    assert flags.returncode == 0, flags.stderr
    first, second = (vc.open_sweep(tmp_path / name) for name in ("out.zarr", "flags.zarr"))
    assert first.load().drop_attrs().identical(second.load().drop_attrs())
    assert vcohort("verify", "out.zarr").stdout.startswith("3 of 3 chunks are whole")
    damaged = tmp_path / "out.zarr" / "cured" / "c" / "1" / "0"
    damaged.write_bytes(damaged.read_bytes()[:-4])
    found = vcohort("verify", "out.zarr")
    assert found.returncode == 1 and "chunk 1: " in found.stdout
    assert "vcohort resume out.zarr --repair" in found.stderr
    assert "wrote out.zarr" in vcohort("resume", "out.zarr", "--repair").stdout
    for again in (("resume", "out.zarr"), ("resume", "out.zarr", "--repair"),
                  ("sweep", "study.toml", "-o", "out.zarr")):  # fmt: skip
        found = vcohort(*again)
        assert found.returncode == 0 and "wrote" not in found.stdout
        assert "out.zarr was whole already: there was nothing to do" in found.stdout
    assert vcohort("verify", "out.zarr").returncode == 0
    result = vcohort("report", "out.zarr", "-o", "out.html")
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "out.html").read_text()
    assert page.count("data:image/png;base64,") == 7
    assert "6 cells, 240 virtual patients" in page and "http" not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep"], "Nothing is swept"),
        (["sweep", "--axis", "K_c=1,2"], "Did you mean 'K_C'"),
        (["sweep", "--axis", "K_C=1:2:0"], "is not understood"),
        (["sweep", "--axis", "K_C=0:2:3:log"], "is not understood"),
        (["sweep", "--axis", "K_C"], "NAME=VALUE"),
        (["sweep", "--axis", "K_C=7e10", "--days", "a"], "--days 'a' is no list"),
        (["sweep", "--axis", "K_C=7e10", "-o", "nowhere/a.zarr"], "mkdir -p nowhere"),
        (["sweep", "--axis", "K_C=7e10", "-o", "taken"], "is no store of a sweep"),
        (["sweep", "--axis", "K_C=7e10", "--workers", "0"], "--workers N from 1 on"),
        (["sweep", "--axis", "K_C=7e10", "-n", "0"], "n = 0 is impossible"),
        (["resume", "none.zarr"], "none.zarr does not exist"),
        (["verify", "taken"], "is no store of a sweep"),
        (["report", "none.zarr"], "none.zarr does not exist"),
    ],
)
def test_mistakes_in_sweeps(vcohort, tmp_path, arguments, message):
    (tmp_path / "taken").write_text("")
    result = vcohort(*arguments)
    refused(result, message)
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]


DATA = """# three of the trial's counts
day,observable,value
7,C_per_ul,31.6
14,C_per_ul,9.1
28,C_per_ul,2.0
"""


def test_fit_writes_its_file_and_picture(vcohort, tmp_path):
    (tmp_path / "data.csv").write_text(DATA)
    result = vcohort(
        "fit", "data.csv", "--free", "K_C", "--starts", 4, "--tolerance", 1e-2, "--set",
        "r_B=0.1", "--bounds", "K_C=1e10:2e11", "-o", "fit.nc", "--plot", "fit.png",
    )  # fmt: skip
    assert result.returncode == 0
    assert "K_C" in result.stdout and "wrote fit.png" in result.stdout
    with xr.open_dataset(tmp_path / "fit.nc") as ds:
        assert ds["estimate"].sizes == {"patient": 1, "parameter": 1}
        assert float(ds["upper"][0]) == pytest.approx(2e11)
    assert (tmp_path / "fit.png").read_bytes()[:4] == b"\x89PNG"


def test_calibrate_takes_the_patients_of_a_trial(vcohort, tmp_path):
    """Whose curve, by hand, is one half from day 60 on. A patient twice is refused."""
    (tmp_path / "trial.csv").write_text("id;time;event\n1;20,5;0\n2;60;1\n3;90;0\n")
    command = "calibrate", "--trial", "trial.csv", "--free", "r_B", "-n", 64, "--starts", 1
    assert vcohort(*command).returncode == 0
    with xr.open_dataset("calibration.nc") as ds:
        assert (ds["trial"] == xr.where(ds["day"] < 60, 1.0, 0.5)).all()
    (tmp_path / "trial.csv").write_text("id,time,event\n1,20,1\n1.0,60,1\n")
    result = vcohort(*command, "--force")
    assert result.returncode == 2 and "Patient 1 comes again in line 3" in result.stderr


def test_sensitivity_and_optimize_write_their_files(vcohort, tmp_path):
    preset, spread = ("--preset", "kimmel2021-figures"), ("--sigma", "0.05")
    kinds = {
        "local": ("--days", "50"),
        "morris": ("-n", "4", *spread),
        "map": ("-n", "2", "--axis", "K_C=6e10:8e10:3", "--axis", "r_B=0.05:0.1:2", *spread),
    }
    for how, more in kinds.items():
        files = ("-o", f"{how}.nc", "--plot", f"{how}.pdf")
        result = vcohort("sensitivity", "--how", how, *preset, *more, *files)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / f"{how}.pdf").stat().st_size > 1000
    result = vcohort(
        "optimize", *preset, *spread, "-n", 8, "--field", "day=50:150", "--plot", "best.png"
    )
    assert result.returncode == 0, result.stderr
    assert "95th centile of C_max" in result.stdout


@pytest.mark.filterwarnings("default::vcohort.VcohortWarning")
def test_local_sensitivities_need_no_data_that_could_tell_all_parameters_apart(vcohort, tmp_path):
    # The tumour has grown back by day 720: its cells alone fill the information.
    preset = ("--preset", "kimmel2021-figures")
    result = vcohort("sensitivity", "--how", "local", *preset, "--outputs", "rmst_720")
    assert result.returncode == 0, result.stderr
    assert "the Fisher information has no inverse" in result.stderr
    with xr.open_dataset("sensitivity.nc") as ds:
        assert "removed" not in ds and (ds["output_sensitivity"] != 0).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "nosuch.csv"], "There is no file nosuch.csv"),
        (["fit", "zuma1", "--loss", "log"], "take another loss, such as 'linear'"),
        (["fit", "zuma1", "--free", "K_c"], "Did you mean 'K_C'"),
        (["fit", "zuma1", "--how", "profil"], "Did you mean 'profile'"),
        (["fit", "zuma1", "--plot", "fit.foo"], "ends in .png"),
        (["fit", "zuma1", "-o", "nosuch/fit.nc"], "mkdir -p nosuch"),
        (["fit", "zuma1", "--bounds", "K_C"], "NAME=VALUE"),
        (["sensitivity", "--how", "sobool"], "Did you mean 'sobol'"),
        (["fit", "zuma1", "--how", "compare", "--free", "K_N,K_C"], "--free K_C says nothing"),
        (["fit", "zuma1", "--how", "compare", "--free", "K_c"], "--free K_c says nothing"),
        (["simulate", "--deplete", "100"], "too few parts. Write DAY:SURVIVAL."),
        (["simulate", "--infuse", "day100"], "Write DAY or DAY:CELLS, finite numbers."),
        (["sweep", "--axis", "K_C=6e10:8e10", "-o", "a.zarr"], "6e10:8e10:21, or which"),
        (["sweep", "--axis", "K_C=6e10:8e10", "--layout", "table", "-o", "a.zarr"], "is a range"),
        (["sensitivity"], "nothing varies"),
        (["sensitivity", "--how", "map", "--axis", "K_C=1:2"], "LOW:HIGH:COUNT"),
        (["sensitivity", "--sigma", "0.1", "--outputs", "cured"], "Did you mean 'cure'"),
        (["calibrate", "--free", "r_b"], "Did you mean 'r_B'"),
        (["calibrate", "--free", "r_B", "--trial", "nosuch.csv"], "There is no file"),
        (["optimize", "--field", "dya=1:2"], "Did you mean 'day'"),
    ],
)
def test_mistakes_in_analyses(vcohort, tmp_path, arguments, message):
    result = vcohort(*arguments)
    assert result.returncode == 2
    assert message in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("always:K_C = 139")
def test_text_in_brackets_is_shown_as_it_is(vcohort):
    quick = ("simulate", "-n", 5, "--horizon", 5, "--method", "deterministic", "-o")
    for name in ("a[b]c.nc", "x[red].nc", ":dog:.nc"):
        assert f"wrote {name}" in vcohort(*quick, name).stdout
    refused(vcohort("simulate", "--preset", "[/red]"), "Unknown preset '[/red]'")
    refused(vcohort("simulate", "--set", "r_B=[/x]"), "'[/x]' is neither a number")
    refused(vcohort("verify", "no[/]thing.zarr"), "no[/]thing.zarr does not exist")
    refused(vcohort("sweep"), "or [sweep.axes] in the study")
    warned = vcohort(*quick, "w.nc", "--set", "K_C=139")
    assert "Warning: K_C = 139 cells is far" in warned.stderr


def test_names_that_are_not_text(vcohort, tmp_path):
    """A file name is bytes: those that are no UTF-8 are shown as escapes."""
    name = os.fsdecode(b"b\xff")
    refused(vcohort("simulate", "-n", 5, "-o", f"{name}.nc"), r"b\udcff.nc: its name is not text")
    refused(vcohort("sensitivity", "-o", f"{name}.nc"), r"b\udcff.nc: its name is not text")
    refused(vcohort("simulate", f"{name}.toml"), r"no study file b\udcff.toml")
    refused(vcohort("fit", f"{name}.csv"), r"no file b\udcff.csv")
    assert not list(tmp_path.iterdir())
    (tmp_path / f"{name}.toml").write_text(STUDY)
    result = vcohort("simulate", f"{name}.toml", "-n", 5, "--horizon", 5, "--method",
                     "deterministic")  # fmt: skip
    assert result.returncode == 0 and "wrote cohort.nc" in result.stdout


def test_a_stream_that_has_few_letters(tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", "from vcohort.__main__ import main; main()", "simulate", "-n", "5",
         "--horizon", "5", "--method", "deterministic", "-o", "\N{MICRO SIGN}l.nc"],
        capture_output=True, cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"},
        check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert rb"wrote \xb5l.nc" in found.stdout and not found.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sensitivity", "-n", "0", "--sigma", "0.1"], "n = 0 is impossible"),
        (["sensitivity", "-n", "0", "--sigma", "0.1", "--how", "morris"], "n = 0"),
        (["optimize", "--field", "day=50:99", "--field", "day=60:70"], "--field gives day twice"),
        (["sweep", "--axis", "K_C=1,2", "--axis", "K_C=3"], "--axis gives K_C twice"),
        (["simulate", "--set", "r_B=1", "--set", "r_B=2"], "--set gives r_B twice"),
        (["fit", "zuma1", "--set", "r_B=1", "--set", "r_B=2"], "--set gives r_B twice"),
        (
            ["fit", "zuma1", "--bounds", "a=1:2", "--bounds", "a=1:3"],
            "--bounds gives a twice",
        ),
        (
            ["sensitivity", "--how", "map", "--axis", "a=1:2:2", "--axis", "a=1:3:2"],
            "--axis gives a twice",
        ),
        (["sensitivity", "--how", "map", "--axis", "a=1:2:2.7"], "LOW:HIGH:COUNT, the last"),
        (["sweep", "--axis", "K_C=1e10:2e10:2.7"], "is not understood"),
    ],
)
def test_what_is_given_twice_or_in_part_is_refused(vcohort, arguments, message):
    refused(vcohort(*arguments), message)


@pytest.mark.filterwarnings("always")
def test_a_warning_is_told_once(vcohort):
    told = vcohort("simulate", "-n", 5, "--preset", "kimmel2021", "--sigma", 0.1, "--set", "C0=0.5",
                   "--method", "deterministic", "--horizon", 5)  # fmt: skip
    assert told.returncode == 0 and told.stderr.count("C0 = 0.5 cells is far from") == 1


INTERRUPTED = """
import vcohort.studies.study
from vcohort.__main__ import main
def interrupted(self):
    raise KeyboardInterrupt
vcohort.studies.study.Study.simulate = interrupted
main()
"""


def test_an_interrupt_ends_in_one_line(tmp_path):
    result = subprocess.run([sys.executable, "-c", INTERRUPTED, "simulate", "-n", "5"],
                            capture_output=True, cwd=tmp_path, text=True, check=False)  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "Stopped.\n")
    assert not list(tmp_path.iterdir())


FILES = [
    (("simulate", "-n", 5, "--horizon", 5, "--method", "deterministic"), "-o", "it.nc"),
    (("sensitivity", "--how", "local", "--days", 50), "-o", "it.nc"),
    (("sensitivity", "--how", "local", "--days", 50), "--plot", "it.png"),
]


@pytest.mark.parametrize(("command", "flag", "name"), FILES)
def test_a_file_is_replaced_with_force_alone(command, flag, name, vcohort, tmp_path):
    (tmp_path / name).write_text("older")
    refused(vcohort(*command, flag, name), f"{name} is there already")
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "older"
    assert vcohort(*command, flag, name, "--force").returncode == 0
    assert (tmp_path / name).read_bytes()[:5] != b"older"


@pytest.mark.parametrize(
    "command",
    [
        ("fit", "zuma1"), ("sensitivity", "--sigma", "0.1"), ("calibrate", "--free", "r_B"),
        ("optimize", "--field", "day=1:9"), ("simulate",),
    ],
)  # fmt: skip
def test_names_say_the_format(command, vcohort, tmp_path):
    for name in ("x", "x.csv", "x.zarr", "x.nc.txt"):
        refused(vcohort(*command, "-o", name), "ends in .nc or .nc4", tmp_path)
    if command != ("simulate",):
        refused(vcohort(*command, "--plot", "x.jpg"), "ends in .png, .pdf or .svg", tmp_path)
    refused(vcohort("sweep", "--axis", "K_C=7e10", "-o", "x.nc"), "ends in .zarr", tmp_path)


def test_what_the_demo_and_a_report_would_replace(vcohort, tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "virtual-zuma1.png").write_text("older")
    refused(vcohort("demo", "-n", 5), "virtual-zuma1.png is there already")
    (tmp_path / "report.html").write_text("older")
    refused(vcohort("report", "none.zarr"), "report.html is there already")
    refused(vcohort("report", "none.zarr", "-o", "x.pdf"), "ends in .html")
    assert (tmp_path / "report.html").read_text() == "older"


def test_long_words_in_tables_are_folded_and_not_cut(vcohort, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    name = "[b]" + "patient-of-the-long-name" * 4
    _, header, *lines = DATA.splitlines()
    rows = "".join(f"{line},{name}\n" for line in lines)
    (tmp_path / "data.csv").write_text(f"{header},patient\n{rows}")
    result = vcohort("fit", "data.csv", "--free", "K_C", "--starts", 2, "--tolerance", 1e-2)
    assert result.returncode == 0, result.stderr
    shown = "".join(letter for letter in result.stdout if letter.isalnum() or letter in "[]-")
    assert shown.count(name) == 1 and "\N{HORIZONTAL ELLIPSIS}" not in result.stdout


@pytest.mark.parametrize("design", ["sobol", "latin-hypercube"])
def test_a_design_of_patients_who_are_all_alike_is_refused(design, vcohort, tmp_path):
    quick = ("simulate", "-n", 4, "--horizon", 5, "--method", "deterministic")
    arguments = (*quick, "--preset", "kimmel2021", "--design", design)
    refused(vcohort(*arguments), "here nothing varies", tmp_path)
    for varied in (("--sigma", 0.05), ("--set", "r_B=lognormal(0.1, 0.2)")):
        assert vcohort(*arguments, *varied, "--force").returncode == 0


@pytest.mark.filterwarnings("default::vcohort.VcohortWarning")
def test_a_slip_of_units_is_told_once(vcohort):
    quick = ("simulate", "-n", 5, "--horizon", 5, "--method", "deterministic", "--force")
    for slip in (("--infuse", "2:0.36"), ("--set", "K_C=139.28")):
        told = vcohort(*quick, *slip).stderr
        assert told.count("is far from the usual") == 1


def test_without_a_preset_the_calibrated_population_is_run(vcohort, tmp_path):
    """Its own laws with it; the echoed study is a study file again."""
    quick = ("--horizon", 5, "--method", "deterministic")
    first = vcohort("simulate", "-n", 5, "-o", "a.nc", *quick)
    assert first.returncode == 0, first.stderr
    ds = vc.load(tmp_path / "a.nc")
    cohort = vc.Population("zuma1").sample(5)
    np.testing.assert_array_equal(ds["gamma_B"], cohort["gamma_B"])
    assert "k_CM" in ds and 'preset = "zuma1"' in ds.attrs["study"]
    (tmp_path / "again.toml").write_text(ds.attrs["study"])
    again = vcohort("simulate", "again.toml", "-o", "b.nc")
    assert again.returncode == 0, again.stderr
    assert vc.load(tmp_path / "b.nc").identical(ds)
    (tmp_path / "bare.toml").write_text("patients = 5\n")
    assert vcohort("simulate", "bare.toml", "-o", "c.nc", *quick).returncode == 0
    np.testing.assert_array_equal(vc.load(tmp_path / "c.nc")["gamma_B"], cohort["gamma_B"])
    assert "zuma1: a calibrated population" in vcohort("info").stdout


def test_laws_that_are_named_are_those_of_the_paper_s_values(vcohort, tmp_path):
    """The calibrated population has laws of its own."""
    quick = ("simulate", "-n", 2, "--horizon", 5, "--method", "deterministic")
    refused(vcohort(*quick, "--preset", "zuma1", "--law", "memory=none"), "start from a preset",
            tmp_path)  # fmt: skip
    assert vcohort(*quick, "--law", "memory=linear", "--preset", "zuma1").returncode == 0
    assert vcohort(*quick, "-o", "b.nc", "--law", "memory=none").returncode == 0
    ds = vc.load(tmp_path / "b.nc")
    assert 'preset = "kimmel2021"' in ds.attrs["study"] and "k_CM" not in ds


@pytest.mark.filterwarnings("default::vcohort.VcohortWarning")
def test_a_run_without_variability_is_told_of(vcohort):
    quick = ("simulate", "--horizon", 5, "--method", "deterministic", "--force")
    told = "have the same parameters"
    assert told in vcohort(*quick, "-n", 5, "--preset", "kimmel2021").stderr
    for varied in (("--sigma", 0.05), ("--set", "r_B=lognormal(0.1, 0.2)")):
        assert told not in vcohort(*quick, "-n", 5, "--preset", "kimmel2021", *varied).stderr
    assert told not in vcohort(*quick, "-n", 1, "--preset", "kimmel2021").stderr
    assert told not in vcohort(*quick, "-n", 5).stderr
