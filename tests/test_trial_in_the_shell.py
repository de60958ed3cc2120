"""A trial's tables on the command line."""

import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from tests.test_cli import refused
from tests.test_cli import vcohort as vcohort
from vcohort.cli.trial_tables import is_plain, measurements, read_flags

ROWS = (
    "ID;TIME;AMT;EVID;DVID;DV\n1;0;1,8e8;1;.;.\n1;7;.;0;1;31500\n1;7;.;0;2;9,5\n1;14;.;0;1;<500\n"
)
WIDE = "patient,day,CART\na,7,31.5\na,14,9.1\n"
PLAIN = "day,observable,value\n7,C_per_ul,31.5\n14,C_per_ul,9.1\n"


def read(path, observable=None, unit=None, limit=None, doses=None):
    return measurements(str(path), read_flags(observable, unit, limit, doses))


def test_flags_say_what_the_tables_hold(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text(ROWS.replace("1;7;.;0;2;9,5\n", ""))
    trial = read(path, ["1=C_per_ul"], ["C_per_ul=cells/ml"])
    assert trial.observations.value.tolist() == [31.5, 0.5]
    assert trial.observations.below.tolist() == [False, True]
    assert float(trial.regimen.treatments[0].cells) == 1.8e8
    trial = read(path, ["1=C_per_ul"], ["C_per_ul=copies/ug:0.05", "time=weeks", "dose=1e3 cells"])
    assert trial.observations.value.tolist() == [1575.0, 25.0]
    assert trial.observations.day.tolist() == [49.0, 98.0]
    assert float(trial.regimen.treatments[0].cells) == 1.8e11


def test_a_wide_table_with_a_limit_and_doses(tmp_path):
    path, doses = tmp_path / "trial.csv", tmp_path / "doses.csv"
    path.write_text(WIDE)
    doses.write_text("ID,TIME,AMT\na,0,2e8\n")
    trial = read(path, ["CART=C_per_ul"], limit=["C_per_ul=10"], doses=doses)
    assert trial.observations.value.tolist() == [31.5, 10.0]
    assert trial.observations.below.tolist() == [False, True]
    assert float(trial.regimen.treatments[0].cells) == 2e8
    assert read(path, ["CART=C_per_ul"], limit=["10"]).observations.value[1] == 10


def test_a_plain_table_stays_one(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text(PLAIN)
    assert is_plain(str(path)) and read(path) == str(path)
    assert isinstance(read(path, limit=["1"]), vc.TrialData)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "DVID = 1 in line 3: what it measures"),
        (["--observable", "1=C_per_ul"], "DVID = 2 in line 4: what it measures"),
        (["--observable", "1=C_per_ul", "--observable", "1=B_ml"], "--observable gives 1 twice"),
        (["--observable", "1=C_per_l", "--observable", "2=B_ml"], "Did you mean 'C_per_ul'"),
        (["--unit", "C_per_ul"], "is no setting"),
        (["--unit", "C_per_ul=copies/ug:many"], "'many' is no number"),
        (["--limit", "low"], "'low' is no number"),
        (["--limit", "C_per_ul=nan"], "'nan' is no number"),
        (["--doses", "nosuch.csv", "--observable", "1=C_per_ul", "--observable", "2=none"],
         "doses in AMT, and in"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(vcohort, tmp_path, flags, message):
    (tmp_path / "trial.csv").write_text(ROWS)
    refused(vcohort("fit", "trial.csv", "--free", "K_C", *flags), message)


def test_of_the_built_in_table_all_is_known(vcohort):
    refused(vcohort("fit", "zuma1", "--limit", "1"), "What zuma1 holds is known")


def test_a_fit_of_a_trial(vcohort, tmp_path):
    (tmp_path / "trial.csv").write_text(ROWS)
    told = vcohort("fit", "trial.csv", "--free", "K_C", "--starts", 2, "--tolerance", 0.01,
                   "--observable", "1=C_per_ul", "--observable", "2=none",
                   "--unit", "C_per_ul=cells/ml", "-o", "fit.nc")  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "1 patient; 2 of C_per_ul, 1 below a limit; one infusion each" in told.stdout
    with xr.open_dataset("fit.nc") as ds:
        np.testing.assert_array_equal(ds["value"], [[31.5, 0.5]])
        assert ds.attrs["regimen"] == "Regimen(Infusion(day=0, cells=1.8e+08))"
    (tmp_path / "study.toml").write_text("[[infusion]]\nday = 0.0\ncells = 1e8\n")
    told = vcohort("fit", "trial.csv", "--observable", "1=C_per_ul", "--observable", "2=none",
                   "--study", "study.toml", "-o", "more.nc")  # fmt: skip
    refused(told, "The trial has doses, and the study treatments")


def test_survival_of_a_table_and_of_a_cohort(vcohort, tmp_path):
    (tmp_path / "trial.csv").write_text("id;time;event\n1;20,5;0\n2;60;1\n3;90;0\n")
    told = vcohort("survival", "trial.csv", "--until", 80, "--days", "0,60,90")
    assert told.returncode == 0, told.stderr
    assert "median 60 days (60 to inf); mean 70 ± 7.1" in told.stdout
    until = vcohort("survival", "trial.csv", "--until", 80, "-o", "80.nc").stdout
    assert "80" in [line.split()[0] for line in until.splitlines() if line.split()]
    wanted = vc.kaplan_meier([20.5, 60, 90], [0, 1, 0], until=80)
    with xr.open_dataset("survival.nc") as ds:
        xr.testing.assert_equal(ds, wanted)
    cohort = vc.Population("kimmel2021-figures", 0.1).sample(30, seed=1)
    ds = vc.simulate(cohort, "exact", endpoints=[vc.Outcome()], progress=False)
    vc.save(ds, tmp_path / "cohort.nc")
    assert vcohort("survival", "cohort.nc", "-o", "own.nc", "--landmark", 50).returncode == 0
    xr.testing.assert_equal(vc.load("own.nc"), vc.kaplan_meier(ds, landmark=50))


@pytest.mark.parametrize(
    ("table", "flags", "message"),
    [
        ("id,time\n1,20\n", [], "It is not plain what"),
        ("id,time,event\n1,20,1\n1.0,60,1\n", [], "Patient 1 comes again in line 3"),
        ("id,time,event\n1,20,1\n", ["--days", "21"], "followed from 0 to 20"),
        ("id,time,event\n1,20,1\n", ["--landmark", "21"], "nobody is free"),
        ("id,time,event\n1,20,1\n", ["--endpoint", "PFS"], "no AVAL and CNSR"),
        ("USUBJID,PARAMCD,AVAL,CNSR\n1,PFS,20,0\n1,OS,30,1\n", [], "endpoint='PFS'"),
    ],
)
def test_no_such_survival(vcohort, tmp_path, table, flags, message):
    (tmp_path / "trial.csv").write_text(table)
    refused(vcohort("survival", "trial.csv", *flags), message)
    assert not (tmp_path / "survival.nc").exists()


FOUR = "ID,TIME,AMT,EVID,DV,AGE\n" + "".join(
    f"{who},0,2e8,1,.,{30 + who}\n"
    + "".join(f"{who},{day},.,0,{size * (1 + 0.1 * who)},{30 + who}\n"
              for day, size in ((4, 12), (7, 20), (14, 6), (28, 1.5)))
    for who in range(1, 5)
)  # fmt: skip
POPULATION = ("--observable", "C_per_ul", "--preset", "kimmel2021-median")


@pytest.mark.parametrize(
    ("rows", "flags", "message"),
    [
        (FOUR.split("2,0,")[0], ["--random", "K_C"], "The trial has one patient, '1'"),
        (FOUR, ["--random", "K_C,K_C"], "K_C"),
        (FOUR, ["--random", "K_C", "--fixed", "K_C"], "K_C is twice among random and fixed"),
        (FOUR, ["--random", "K_C", "--how", "sae"], "Did you mean 'saem'"),
        (FOUR, ["--random", "K_C", "--covariate", "rho_C=AGE"], "'rho_C', which is not estimated"),
        (FOUR, ["--random", "K_C", "--covariate", "K_C=AEG"], "AEG"),
        (FOUR, ["--random", "K_C", "--report", "fit.txt"], "Give it a name that ends in .html"),
        (FOUR, ["--random", "K_C", "--together", "K_C,rho_C"], "rho_C of a block"),
    ],
)  # fmt: skip
def test_a_population_that_cannot_be_fitted_is_refused(vcohort, tmp_path, rows, flags, message):
    (tmp_path / "trial.csv").write_text(rows)
    refused(vcohort("fit-population", "trial.csv", *POPULATION, *flags), message)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
def test_the_page_of_a_population_shows_its_diagnostics(vcohort, tmp_path):
    (tmp_path / "trial.csv").write_text(FOUR)
    vcohort("fit-population", "trial.csv", *POPULATION, "--random", "K_C", "--starts", 1,
            "-o", "fit.nc", "--report", "fit.html")  # fmt: skip
    page = (tmp_path / "fit.html").read_text(encoding="utf-8")
    # Courses, random effects, the way; goodness of fit and the predictive check.
    assert page.count("<img") == 5
    assert "Diagnostics" in page and "normalised prediction distribution errors of 16 data" in page
