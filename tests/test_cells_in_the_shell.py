"""Memory cells and clones from the shell and from study files, as from Python."""

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import vcohort as vc
from vcohort.cli.app import app
from vcohort.studies.endpoint_names import parse_endpoint
from vcohort.studies.notation import parse_depletion


def cli(*arguments):
    return CliRunner().invoke(app, list(arguments))


MEMORY = {"k_CM": 0.02, "f_M": 0.1}
SETTINGS = [f"--set={name}={value}" for name, value in MEMORY.items()]


def test_survival_by_compartment_is_that_of_python(tmp_path):
    by_name = {"N": 0.01, "C": 0.1, "M": 0.5}
    population = vc.Population(model=vc.car_t(memory="linear"), **MEMORY)
    wanted = vc.simulate(
        population.sample(3), horizon=60.0, save_at=[50.0], progress=False,
        regimen=vc.Regimen(vc.Lymphodepletion(30.0, by_name)),
    )  # fmt: skip
    flags = ["-n", "3", "--horizon", "60", "--save-at", "50", "--law", "memory=linear", *SETTINGS]
    study = tmp_path / "study.toml"
    study.write_text(
        'patients = 3\nhorizon = 60.0\nsave_at = [50.0]\nmodel.memory = "linear"\n'
        + "".join(f"set.{name} = {value}\n" for name, value in MEMORY.items())
        + "[[lymphodepletion]]\nday = 30.0\nsurvival = {N = 0.01, C = 0.1, M = 0.5}\n"
    )
    for number, typed in enumerate(([*flags, "--deplete", "30:N=0.01,C=0.1,M=0.5"], [str(study)])):
        path = tmp_path / f"{number}.nc"
        assert cli("simulate", *typed, "-o", str(path)).exit_code == 0
        ds = xr.open_dataset(path)
        for name in "NCM":
            np.testing.assert_array_equal(ds[name], wanted[name])


@pytest.mark.parametrize(
    ("text", "survival"),
    [("30:0.1", 0.1), ("30:0.1,0.2", [0.1, 0.2]), ("30:M=0.5", {"M": 0.5})],
)
def test_forms_of_a_depletion(text, survival):
    assert parse_depletion("--deplete", text) == {"day": 30.0, "survival": survival}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("30:N=", "no setting"), ("30:N=x", "not understood"), ("x:N=0.1", "not understood"),
        ("30:0.1,", "not understood"), ("30:N=0.1,0.2", "no setting"), ("30:N=nan", "finite"),
        ("30:N=0.1,N=0.2", "gives N twice"),
    ],
)  # fmt: skip
def test_depletions_that_are_none(text, message):
    with pytest.raises(vc.VcohortError, match=message):
        parse_depletion("--deplete", text)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("Escaped", vc.Escaped()), (" Nadir() ", vc.Nadir()),
        ("Kinetics(auc_until=60)", vc.Kinetics(auc_until=60.0)),
        ("Response(days=[30, 90], partial=0.4)", vc.Response((30.0, 90.0), partial=0.4)),
    ],
)  # fmt: skip
def test_endpoints_by_name(text, endpoint):
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Escape", "Unknown endpoint 'Escape'. Did you mean 'Escaped'"),
        ("Kinetics(60)", "is not understood"), ("Kinetics(until=60)", "argument of Kinetics"),
        ("Kinetics(auc_until=-1)", "auc_until"), ("", "is not understood"),
        ("print('x')", "is not understood"), ("Nadir; Nadir", "is not understood"),
        ("Kinetics(**{})", "argument of Kinetics 'None'"),
        ("Kinetics(auc_until=60, auc_until=30)", "an argument twice"),
        ("ProgressionAtVisits", "lacks visits"), ("-" * 100_000 + "1", "is not understood"),
        ("Kinetics(auc_until=print(1))", "is not understood"), ("TumourEndpoint", "Unknown"),
    ],
)  # fmt: skip
def test_endpoints_that_are_none(text, message):
    with pytest.raises(vc.VcohortError, match=message):
        parse_endpoint(text)


def test_kinds_of_relapse_from_the_shell_and_in_the_summary(tmp_path):
    """Counted by hand; without the endpoint they are not told."""
    path = tmp_path / "escape.nc"
    done = cli(
        "simulate", "--preset", "kimmel2021-figures", "--sigma", "0.1", "-n", "400",
        "--law", "escape=mutation", "--set", "u=1e-9", "--horizon", "600",
        "--endpoint", "Escaped", "-o", str(path),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "antigen-positive" in done.output and "antigen-negative" in done.output
    ds = xr.open_dataset(path)
    found = vc.summarise(ds)
    kinds, progressed = ds["relapse"].values, ds["outcome"].values == 2
    assert found.antigen_positive == np.mean(kinds == 1)
    assert found.antigen_negative == np.mean(kinds == 2) > 0
    assert found.antigen_positive + found.antigen_negative == pytest.approx(progressed.mean())
    bare = vc.summarise(ds.drop_vars("relapse"))
    assert bare.antigen_positive is None and bare.antigen_negative is None


def test_a_compartment_that_is_not_there_is_refused(tmp_path):
    done = cli("simulate", "--preset", "kimmel2021", "-n", "3", "--deplete", "30:M=0.5",
               "-o", str(tmp_path / "x.nc"))  # fmt: skip
    assert "Unknown compartment of a lymphodepletion 'M'" in str(done.exception)
