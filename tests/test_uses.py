"""Whatever a study or a flag says reaches what is computed, or is refused by its name.

The computations are stand-ins that note what they are called with: all commands are gone through,
in all their ways, with all fields of a study and all flags.
"""

import sys
import warnings

import numpy as np
import pytest
import tomli_w
import typer

import vcohort as vc
from vcohort.cli.app import app, main
from vcohort.studies.study import Study
from vcohort.studies.uses import UNREAD

VARIED = ["--set", "b=lognormal(0.3,0.2)"]

COMMANDS = {
    "simulate": ["simulate", *VARIED],
    "sweep": ["sweep", "--axis", "K_C=6e10,7e10"],
    "sweep --dry-run": ["sweep", "--dry-run", "--axis", "K_C=6e10,7e10"],
    "fit": ["fit", "zuma1", "--free", "rho_C"],
    "fit --how profile": ["fit", "zuma1", "--free", "rho_C", "--how", "profile"],
    "fit --how compare": ["fit", "zuma1", "--how", "compare"],
    "fit --how posterior": ["fit", "zuma1", "--free", "rho_C", "--how", "posterior"],
    "fit-population": ["fit-population", "patients.csv", "--random", "rho_C"],
    "sensitivity --how sobol": ["sensitivity"],
    "sensitivity --how morris": ["sensitivity", "--how", "morris"],
    "sensitivity --how map": ["sensitivity", "--how", "map"],
    "sensitivity --how local": ["sensitivity", "--how", "local"],
    "calibrate": ["calibrate", "--free", "rho_C"],
    "optimize": ["optimize", "--field", "day=50:100", *VARIED],
}

FIELDS = {
    "preset": "kimmel2021-figures",
    "patients": 32,
    "sigma": 0.1,
    "design": "latin-hypercube",
    "seed": 5,
    "method": "deterministic",
    "horizon": 900.0,
    "threshold": 50.0,
    "progression": 2.0,
    "save_at": [0.0, 7.0],
    "endpoints": ["BestResponse(until=40)"],
    "tolerance": 5e-3,
    "dtype": "float64",
    "set": {"r_B": 0.09},
    "infusion": [{"day": 20.0, "cells": 5e9}],
    "lymphodepletion": [{"day": 20.0, "survival": [0.1, 0.2]}],
    "model": {"growth": "logistic"},
    "sweep": {"axes": {"K_C": [7e10, 8e10]}, "days": [50.0], "until": 90.0},
}

FLAGS = {
    "--preset": ["kimmel2021-figures"],
    "--set": ["r_B=0.09"],
    "--law": ["memory=linear"],
    "--patients": ["32"],
    "--sigma": ["0.1"],
    "--design": ["latin-hypercube"],
    "--seed": ["5"],
    "--method": ["deterministic"],
    "--horizon": ["900"],
    "--threshold": ["50"],
    "--progression": ["2"],
    "--save-at": ["0,7"],
    "--endpoint": ["BestResponse(until=40)"],
    "--infuse": ["20:5e9"],
    "--deplete": ["20:0.1"],
    "--tolerance": ["5e-3"],
    "--dtype": ["float64"],
    "--axis": ["r_B=0.05:0.1:3"],
    "--layout": ["table"],
    "--cells": ["4"],
    "--independent": [],
    "--days": ["90"],
    "--keep-patients": [],
    "--chunk": ["1"],
    "--workers": ["1"],
    "--scheduler": ["tcp://127.0.0.1:9"],
    "--price": ["2"],
    "--random": ["rho_C,a"],
    "--fixed": ["a"],
    "--covariate": ["rho_C=AGE"],
    "--together": ["all"],
    "--errors": ["proportional"],
    "--censored": ["M1"],
    "--survival": ["survival.csv"],
    "--observable": ["C_per_ul=N_per_ul"],
    "--unit": ["C_per_ul=cells/ml"],
    "--limit": ["5"],
    "--doses": ["doses.csv"],
    "--free": ["rho_C,a"],
    "--loss": ["linear"],
    "--bounds": ["rho_C=0.01:0.2"],
    "--starts": ["7"],
    "--outputs": ["C_max"],
    "-n": ["16"],
    "--trial": ["trial.csv"],
    "--weights": [],
    "--field": ["survival=0.1:0.5"],
    "--objective": ["pfs_365"],
    "--max-c-max": ["1e12"],
}

# Where files go, and which way is meant, is looked at elsewhere.
ELSEWHERE = {"--output", "--plot", "--report", "--force", "--how", "--dry-run", "--help",
             "--study"}  # fmt: skip


class SeenError(Exception):
    """A stand-in was called."""


def told(value):
    """Return all that a value says, as text."""
    if isinstance(value, vc.Cohort):
        return value.model.name + told({name: np.asarray(value[name]) for name in value.values})
    if isinstance(value, vc.Population):
        return value.model.name + repr(value)
    if isinstance(value, vc.TrialData):
        rows = value.observations
        return told([value.patients, rows.observable, rows.value, rows.below, value.regimen,
                     value.events is None, dict(value.covariates)])  # fmt: skip
    if isinstance(value, list | tuple):
        return str([told(each) for each in value])
    if isinstance(value, dict):
        return str({name: told(each) for name, each in value.items()})
    return str(value.tolist()) if isinstance(value, np.ndarray) else repr(value)


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Return (exit status, messages, what was called with what) of a command line."""
    calls = []

    def stand_in(name):
        def note(*arguments, **more):
            calls.append((name, [told(each) for each in arguments], told(more)))
            raise SeenError

        return note

    def client(*_, **__):
        raise SeenError

    for name in ("fit", "fit_population", "profile_likelihood", "compare_models", "posterior",
                 "sobol_indices", "morris", "sensitivity_map", "local_sensitivity", "calibrate",
                 "optimize_regimen", "simulate"):  # fmt: skip
        monkeypatch.setattr(vc, name, stand_in(name))
    monkeypatch.setattr(vc, "sweep", stand_in("sweep"))
    monkeypatch.setattr(vc, "estimate_sweep", stand_in("estimate_sweep"))
    monkeypatch.setattr("vcohort.sweeps.execution.cluster.distributed", stand_in("distributed"))
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    (tmp_path / "trial.csv").write_text("day,pfs\n0,1\n100,0.5\n400,0.3\n")

    (tmp_path / "patients.csv").write_text(
        "patient,day,observable,value,AGE\n1,7,C_per_ul,9,50\n2,7,C_per_ul,4,60\n"
    )
    (tmp_path / "survival.csv").write_text("id,time,event\n1,100,1\n2,200,0\n")
    (tmp_path / "doses.csv").write_text("ID,TIME,AMT\n1,0,1e8\n2,0,2e8\n")

    def run(command, *more):
        calls.clear()
        monkeypatch.setattr(sys, "argv", ["vcohort", *COMMANDS[command], *more])
        status = 0
        with warnings.catch_warnings():
            warnings.simplefilter("always", vc.VcohortWarning)
            try:
                main()
            except SeenError:
                pass
            except SystemExit as ended:
                status = ended.code
        return status, capsys.readouterr().err, list(calls)

    return run


def study_of(command, field, tmp_path):
    """Return the flags that name a study file with one field."""
    (tmp_path / "study.toml").write_text(tomli_w.dumps(field))
    if command.split()[0] in {"simulate", "sweep"}:
        return ["study.toml"]
    return ["--study", "study.toml"]


def used_or_refused(found, plain, *names):
    status, message, calls = found
    if status:
        assert status == 2 and not calls
        return any(name in message for name in names)
    assert calls
    # That the spread of a patient in the middle has no part is said aloud.
    return calls != plain or "the spread of" in message


def test_all_there_is_is_looked_at():
    assert UNREAD.keys() <= COMMANDS.keys()
    assert FIELDS.keys() == Study.model_fields.keys()
    for name, unread in UNREAD.items():
        assert unread.keys() <= {*FIELDS, *FLAGS, *(f"--{field}" for field in FIELDS)}, name


@pytest.mark.parametrize("command", COMMANDS)
def test_every_field_of_a_study_is_used_or_refused(command, call, tmp_path):
    status, message, plain = call(command)
    assert (status, len(plain)) == (0, 1), message
    fields = dict(FIELDS)
    if command.startswith("fit"):
        fields["preset"] = "kimmel2021"
    for name, value in fields.items():
        found = call(command, *study_of(command, {name: value}, tmp_path))
        assert used_or_refused(found, plain, name), (name, found)
        exact = command.startswith("sweep") and name == "threshold"
        assert (found[0] == 2) == (exact or name in UNREAD.get(command, {})), (name, found)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_is_used_or_refused(command, call):
    _, _, plain = call(command)
    known = typer.main.get_command(app).commands[COMMANDS[command][0]]
    flags = [param.opts[-1] for param in known.params if param.param_type_name == "option"]
    for flag in flags:
        if flag in ELSEWHERE:
            continue
        values = FLAGS[flag]
        if flag == "--preset" and command.startswith("fit"):
            values = ["kimmel2021"]
        if flag in COMMANDS[command] and flag not in {"--axis", "--field", "--set"}:
            assert "is given twice" in call(command, flag, *values)[1]
            continue
        found = call(command, flag, *values)
        assert used_or_refused(found, plain, flag, flag.strip("-").replace("-", "_")), (flag, found)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["sensitivity", "--seed", "1", "--seed", "2"], "--seed is given twice"),
        (["simulate", "-n", "5", "--patients", "6"], "--patients is given twice"),
        (["simulate", "--sigma", "nan"], "sigma = nan is impossible"),
        (["simulate", "-n", "9" * 400], "more than 64 bits"),
        (["demo", "-n", "9" * 400], "more than 64 bits"),
        (["optimize", "--field", "day=1:9", "--max-c-max", "inf"], "finite number"),
        (["simulate", "--infuse", "inf"], "finite numbers"),
        (["simulate", "--save-at", "0,nan"], "no list of days"),
        (["sweep", "--axis", "K_C=7e10,inf"], "is not understood"),
        (["sweep", "--axis", "K_C=6e10,7e10", "--set", "K_C=7e10"], "both swept and given"),
        (["sweep", "--axis", "sigma=0.1,0.2", "--sigma", "0.1"], "both swept and given"),
        (["fit", "zuma1", "--free", "K_C", "--set", "K_C=7e10"], "both set and free"),
        (["fit", "zuma1", "--free", "K_C,K_C"], "--free gives K_C twice"),
        (["fit", "zuma1", "--free", ""], "--free '' lacks a name"),
        (["fit", "zuma1", "--set", "r_B=uniform(0.1,0.2)"], "Give a number"),
        (["simulate", "--set", "B0=empirical(zuma1, 3)"], "takes 1 data set, not 2"),
        (["sensitivity", "--outputs", "cure,cure"], "--outputs gives cure twice"),
    ],
)
def test_what_would_be_lost_is_refused(given, message, call, monkeypatch, capsys):
    monkeypatch.setitem(COMMANDS, "it", given)
    status, told, _ = call("it")
    assert status == 2 and message in " ".join(told.split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("horizon = true", "horizon = True is impossible"),
        ('horizon = "2000"', "horizon = '2000' is impossible"),
        ("patients = 10.0", "patients = 10.0 is impossible"),
        ("seed = true", "seed = True is impossible"),
        ("preset = 3", "preset = 3 is impossible"),
        ('preset = ""', "Unknown preset ''"),
        ("tolerance = nan", "tolerance = nan is impossible"),
        ("horizon = 1e400", "horizon = inf is impossible"),
        ("horizon = 2020-01-01", "is impossible"),
        ("save_at = [0, true]", "save_at.1 = True is impossible"),
        ("[set]\nr_B = true", "set.r_B = True is impossible"),
        ('[set]\nr_B = ""', "neither a number nor a distribution"),
        ("[set]\nr_B = 1\nr_B = 2", "is not TOML"),
        ("[[infusion]]\nday = '3'", "infusion.0.day = '3' is impossible"),
        ("[[infusion]]\nday = inf", "infusion.0.day = inf is impossible"),
        ("[[infusion]]\nday = 3\ncels = 5", "Did you mean 'cells'?"),
        ("[[lymphodepletion]]\nday = 3", "lymphodepletion.0.survival is missing"),
        ("[[lymphodepletion]]\nday = 3\nsurvival = [0.1, 0.2, 0.3]", "at most 2 items"),
        ("[sweep]\nindependent = 1\naxes.K_C = [7e10]", "sweep.independent = 1 is impossible"),
        ("[sweep]\naxes.K_C = [7e10, true]", "sweep.axes.K_C.1 = True is impossible"),
        ("[sweep]\ncells = 3.0\naxes.K_C = [7e10]", "sweep.cells = 3.0 is impossible"),
    ],
)
def test_a_value_of_another_type_is_not_turned_into_one(text, message, call, tmp_path):
    (tmp_path / "study.toml").write_text(text)
    status, told, calls = call("simulate", "study.toml")
    assert status == 2 and message in " ".join(told.split()) and not calls


def test_the_study_of_a_dataset_is_a_study_again():
    study = Study(method="exact", patients=5, seed=3)
    again = Study.model_validate({"method": "exact", "patients": 5, "seed": 3})
    assert "threshold" not in study.to_toml() and again.to_toml() == study.to_toml()


def test_flags_take_the_place_of_what_the_study_says(call, tmp_path):
    study = study_of("simulate", {name: FIELDS[name] for name in ("infusion", "seed")}, tmp_path)
    _, _, calls = call("simulate", *study, "--infuse", "9", "--seed", "8")
    assert calls == call("simulate", "--infuse", "9", "--seed", "8")[2]
    assert calls != call("simulate", *study)[2]
