"""CDISC's ADTTE and ADRS: by hand, and as R reads them and fits survival to them."""

import shutil
import subprocess
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import vcohort as vc
from tests.test_cli import refused
from tests.test_cli import vcohort as vcohort

needs_xpt = pytest.mark.skipif(
    find_spec("pyreadstat") is None, reason="pyreadstat is not installed"
)

# The trial's variables, with the labels that CDISC's guide gives them.
WHO = ["STUDYID", "USUBJID", "SUBJID", "TRTP", "TRTPN", "PARAMCD", "PARAM"]


def cohort(outcome, days, horizon=1000.0, **more):
    """Return a dataset of patients by hand."""
    flags = {"flag_values": np.array([0, 1, 2], np.int8),
             "flag_meanings": "undecided cure progression"}  # fmt: skip
    return xr.Dataset(
        {
            "outcome": ("patient", np.array(outcome, np.int8), flags),
            "event_time": ("patient", np.array(days, float)),
            "followed_until": ("patient", np.full(len(days), horizon)),
            **{name: ("patient", np.array(values, np.int8)) for name, values in more.items()},
        },
        {"patient": np.arange(len(days))}, {"horizon": horizon},
    )  # fmt: skip


FOUR = cohort(
    [2, 1, 0, 2], [91.5, 60.0, 1000.0, 30.0],
    response_day_28=[1, 0, 2, 3], response_day_91=[0, 0, 2, 3], best_response=[0, 0, 2, 3],
)  # fmt: skip


@pytest.fixture(scope="module")
def simulated():
    """Return 300 patients in two arms, of different horizons and with dropouts."""
    population = vc.Population("zuma1")
    endpoints = [vc.Outcome(), vc.Response([28, 91]), vc.BestResponse()]
    arms = {"one dose": None, "two doses": vc.Regimen(vc.Infusion(60.0))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            name: vc.simulate(
                population.sample(300, seed=1), "exact", horizon=horizon, regimen=regimen,
                endpoints=endpoints, progress=False,
            )
            for (name, regimen), horizon in zip(arms.items(), (700.0, 500.0), strict=True)
        }  # fmt: skip


def test_times_to_events_by_hand():
    table = vc.to_adtte(FOUR, study="S1")
    assert table.columns.tolist() == [*WHO, "AVAL", "AVALU", "CNSR", "EVNTDESC", "CNSDTDSC"]
    assert table["USUBJID"].tolist() == ["0", "1", "2", "3"]
    assert table["AVAL"].tolist() == [91.5, 1000.0, 1000.0, 30.0]
    assert table["CNSR"].tolist() == [0, 2, 1, 0]
    assert table["EVNTDESC"].tolist() == [
        "PROGRESSION", "CURED, NO PROGRESSION", "NO PROGRESSION", "PROGRESSION",
    ]  # fmt: skip
    assert set(table["STUDYID"]) == {"S1"} and set(table["PARAMCD"]) == {"PFS"}
    assert table.attrs["labels"]["USUBJID"] == "Unique Subject Identifier"


def test_arms_stand_below_each_other():
    table = vc.to_adtte({"a": FOUR, "b": FOUR.isel(patient=[2])})
    assert table["USUBJID"].tolist() == ["a-0", "a-1", "a-2", "a-3", "b-2"]
    assert table["SUBJID"].tolist() == ["0", "1", "2", "3", "2"]
    assert table["TRTP"].tolist() == list("aaaab") and table["TRTPN"].tolist() == [1, 1, 1, 1, 2]


def test_two_subjects_never_have_one_name():
    rows = {"patient": ["1-2"], "day": [0], "B_ml": [1.0]}
    trial = vc.read_trial(rows, survival={"id": ["1-2"], "time": [90], "event": [1]})
    with pytest.raises(vc.VcohortError, match="'a-1-2', and so is '2' of 'a-1'"):
        vc.to_adtte({"a": trial, "a-1": FOUR})


def test_a_trial_keeps_from_when_on_its_patients_are_watched():
    trial = vc.read_trial(
        {"patient": ["x", "y", "z"], "day": [0, 0, 0], "B_ml": [1.0, 2.0, 3.0]},
        survival={"id": ["z", "x"], "time": [90, 365], "event": [1, 0], "start": [0, 28],
                  "last_free": [60, "."]},
    )  # fmt: skip
    table = vc.to_adtte(trial)
    assert table["USUBJID"].tolist() == ["z", "x"] and table["CNSR"].tolist() == [0, 1]
    assert table["ENTRY"].tolist() == [0, 28]
    np.testing.assert_array_equal(table["LASTFREE"], [60, np.nan])


def test_what_was_seen_at_visits_is_what_is_written():
    ds = FOUR.assign(
        seen_outcome=("patient", np.array([2, 1, 0, 0], np.int8)),
        seen_time=("patient", [182.0, 60.0, 1000.0, 1000.0], {"visits": "91, 182"}),
        seen_since=("patient", [91.5, 60.0, 1000.0, 1000.0]),
    )
    table = vc.to_adtte(vc.seen_at_visits(ds))
    assert table["AVAL"].tolist() == [182.0] * 4
    assert table["CNSR"].tolist() == [0, 2, 1, 1]


@pytest.mark.parametrize("write", [vc.to_adtte, vc.to_adrs])
def test_one_selected_patient_is_a_table(write):
    pd.testing.assert_frame_equal(
        write(FOUR.isel(patient=3)), write(FOUR).query("SUBJID == '3'").reset_index(drop=True)
    )


def test_responses_by_hand():
    table = vc.to_adrs(FOUR)
    assert table.columns.tolist() == [*WHO, "AVISIT", "AVISITN", "ADY", "AVAL", "AVALC"]
    own = table[table["USUBJID"] == "0"]
    assert own["PARAMCD"].tolist() == ["OVRLRESP", "OVRLRESP", "BOR"]
    assert own["AVISIT"].tolist() == ["DAY 28", "DAY 91", ""]
    np.testing.assert_array_equal(own["AVISITN"], [28, 91, np.nan])
    np.testing.assert_array_equal(own["ADY"], [29, 92, np.nan])
    assert own["AVALC"].tolist() == ["PR", "CR", "CR"] and own["AVAL"].tolist() == [2, 1, 1]
    best = table[table["PARAMCD"] == "BOR"]
    assert best["AVALC"].tolist() == ["CR", "CR", "SD", "PD"]


def test_days_of_visits_have_all_their_digits():
    days = {"response_day_1000.0001": FOUR["best_response"],
            "response_day_1000.0002": FOUR["best_response"]}  # fmt: skip
    table = vc.to_adrs(FOUR[["outcome", "event_time"]].assign(days))
    assert table["AVISIT"].tolist() == ["DAY 1000.0001", "DAY 1000.0002"] * 4


def test_who_has_no_outcome_is_left_out():
    ds = FOUR.assign(outcome=("patient", np.array([2, -1, 0, 2], np.int8)))
    for write in (vc.to_adtte, vc.to_adrs):
        with pytest.warns(vc.VcohortWarning, match="1 of 4 patients"):
            assert write(ds)["SUBJID"].unique().tolist() == ["0", "2", "3"]


@pytest.mark.parametrize("missing", [-1, np.nan])
def test_a_response_that_is_missing_has_no_row(missing):
    ds = FOUR.assign(response_day_28=("patient", [1, missing, 2, 3]))
    with pytest.warns(vc.VcohortWarning, match="1 of 4 patients have no response_day_28"):
        table = vc.to_adrs(ds)
    own = table[table["SUBJID"] == "1"]
    assert own["PARAMCD"].tolist() == ["OVRLRESP", "BOR"] and own["AVISITN"].iloc[0] == 91
    assert len(table) == 11


@needs_xpt
@pytest.mark.parametrize("write", [vc.to_adtte, vc.to_adrs])
def test_a_transport_file_is_read_back(write, simulated, tmp_path):
    pyreadstat = pytest.importorskip("pyreadstat")
    table = write(simulated, tmp_path / "it.xpt")
    found, about = pyreadstat.read_xport(str(tmp_path / "it.xpt"))
    # A missing text of SAS is an empty one.
    pd.testing.assert_frame_equal(found, table, check_dtype=False, check_exact=True)
    assert dict(zip(about.column_names, about.column_labels, strict=True)) == table.attrs["labels"]
    assert about.table_name == table.attrs["name"]
    for name, label in table.attrs["labels"].items():
        assert len(name) <= 8 and name.isupper() and len(label) <= 40
    assert (tmp_path / "it.xpt").read_bytes()[:80].startswith(b"HEADER RECORD*******LIBRARY HEADER")


CURVES = """
suppressMessages({library(survival); library(haven)})
read <- function(path) if (grepl("xpt$", path)) as.data.frame(read_xpt(path)) else read.csv(path)
told <- function(path, of) {
  fit <- summary(survfit(of, data = read(path)), censored = TRUE)
  arm <- if (is.null(fit$strata)) "all" else sub("^TRTP=", "", as.character(fit$strata))
  data.frame(arm = trimws(arm), time = fit$time, survival = fit$surv, at_risk = fit$n.risk,
             events = fit$n.event, censored = fit$n.censor)
}
args <- commandArgs(TRUE)
write.csv(format(told(args[1], as.formula(args[3])), digits = 16), args[2], row.names = FALSE)
"""


def by_r(program, *arguments):
    """Run a program of R."""
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    asked = "for (name in c('survival', 'haven')) if (!requireNamespace(name)) quit(status = 3)"
    if subprocess.run(["Rscript", "-e", asked], capture_output=True, check=False).returncode:
        pytest.skip("R lacks survival or haven")
    subprocess.run(["Rscript", "-e", program, *map(str, arguments)], check=True)


@pytest.mark.parametrize("ending", [".csv", pytest.param(".xpt", marks=needs_xpt)])
def test_r_fits_the_same_curves(ending, simulated, tmp_path):
    path, curves = tmp_path / f"adtte{ending}", tmp_path / "curves.csv"
    vc.to_adtte(simulated, path)
    by_r(CURVES, path, curves, "Surv(AVAL, CNSR == 0) ~ TRTP")
    found = pd.read_csv(curves)
    assert set(found["arm"]) == set(simulated)
    for name, ds in simulated.items():
        wanted, own = vc.kaplan_meier(ds), found[found["arm"] == name]
        at = wanted.sel(time=own["time"].to_numpy(), method="nearest")
        np.testing.assert_allclose(at["time"], own["time"], rtol=1e-12)
        assert own["events"].sum() == (ds["outcome"] == 2).sum()
        for column in ("survival", "at_risk", "events", "censored"):
            np.testing.assert_allclose(at[column], own[column], rtol=1e-12, atol=1e-14)


@needs_xpt
def test_r_fits_who_is_watched_from_later_on(tmp_path):
    tables = vc.data.synthetic_trial()
    start = np.where(np.arange(40) % 3 == 0, 20.0, 0.0)
    survival = tables.survival.assign(start=np.minimum(start, 0.5 * tables.survival["time"]))
    trial = vc.read_trial(
        tables.measurements, survival=survival, observables={1: "C_per_ul", 2: "B_ml"}
    )
    path, curves = tmp_path / "adtte.xpt", tmp_path / "curves.csv"
    vc.to_adtte(trial, path)
    by_r(CURVES, path, curves, "Surv(ENTRY, AVAL, CNSR == 0) ~ 1")
    found, wanted = pd.read_csv(curves), vc.kaplan_meier(trial)
    at = wanted.sel(time=found["time"].to_numpy())
    for column in ("survival", "at_risk", "events"):
        np.testing.assert_allclose(at[column], found[column], rtol=1e-12, atol=1e-14)


RESPONSES = """
library(haven)
args <- commandArgs(TRUE)
d <- read_xpt(args[1])
stopifnot(attr(d$AVALC, "label") == "Analysis Value (C)", is.numeric(d$AVISITN))
best <- d[d$PARAMCD == "BOR", ]
write.csv(as.data.frame(table(best$AVALC), stringsAsFactors = FALSE), args[2], row.names = FALSE)
"""


@needs_xpt
def test_r_counts_the_same_responses(simulated, tmp_path):
    ds = simulated["one dose"]
    vc.to_adrs(ds, tmp_path / "adrs.xpt")
    by_r(RESPONSES, tmp_path / "adrs.xpt", tmp_path / "counts.csv")
    found = pd.read_csv(tmp_path / "counts.csv")
    counts = {name: int((ds["best_response"] == code).sum())
              for code, name in enumerate(["CR", "PR", "SD", "PD"])}  # fmt: skip
    assert dict(zip(found["Var1"], found["Freq"], strict=True)) == {
        name: count for name, count in counts.items() if count
    }


REFUSED = {
    "no responses": (lambda: vc.to_adrs(cohort([2], [30.0])), "vc.BestResponse()"),
    "what is no response": (
        lambda: vc.to_adrs(FOUR.assign(best_response=("patient", [0, 7, 0, 0]))), "holds 7",
    ),
    "a text as response": (
        lambda: vc.to_adrs(FOUR.assign(response_day_28=("patient", list("abcd")))), "holds a",
    ),
    "a text as outcome": (
        lambda: vc.to_adtte(FOUR.assign(outcome=("patient", list("abcd")))), "must be numbers",
    ),
    "no outcome": (lambda: vc.to_adrs(xr.Dataset()), "no outcome"),
    "no events": (lambda: vc.to_adtte(vc.read_trial({"day": [0], "B_ml": [1.0]})), "survival=…"),
    "columns": (lambda: vc.to_adtte({"time": [90], "event": [1]}), "arm 'time' = [90] is a list"),
    "a file": (lambda: vc.to_adtte("it.csv"), "vc.read_trial with survival=…"),
    "a trial's responses": (lambda: vc.to_adrs(vc.read_trial({"day": [0], "B_ml": [1.0]})),
                            "vc.BestResponse()"),
    "no arm": (lambda: vc.to_adtte({}), "each arm by its name"),
    "a study": (lambda: vc.to_adtte(FOUR, study=" "), "study = ' ' is no text"),
    "joined": (
        lambda: vc.to_adtte(xr.concat([FOUR, FOUR], "patient")), "Two patients have the number 0",
    ),
    "an ending": (lambda: vc.to_adtte(FOUR, "it.sas7bdat"), "ends in .csv or .xpt"),
    "cells of a sweep": (
        lambda: vc.to_adrs(FOUR.expand_dims("K_C")), "no outcome (patient)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_written_is_refused(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    attempt, message = REFUSED[what]
    with pytest.raises(vc.VcohortError) as error:
        attempt()
    assert message in str(error.value)
    assert not [*tmp_path.iterdir()]


@needs_xpt
@pytest.mark.parametrize("name", ["Dosis für alle", "x" * 201, "two "])
def test_texts_that_sas_would_change_are_refused(name, tmp_path):
    with pytest.raises(vc.VcohortError, match="letters of ASCII"):
        vc.to_adtte({name: FOUR}, tmp_path / "it.xpt")
    assert not [*tmp_path.iterdir()]
    vc.to_adtte({name: FOUR}, tmp_path / "it.csv")


@needs_xpt
def test_a_transport_file_that_is_cut_off_is_not_there(tmp_path, monkeypatch):
    pyreadstat = pytest.importorskip("pyreadstat")
    whole = pyreadstat.write_xport

    def cut(table, path, **more):
        # As a full disk does, of which pyreadstat does not tell.
        whole(table, path, **more)
        with Path(path).open("r+b") as file:
            file.truncate(Path(path).stat().st_size - 400)

    monkeypatch.setattr(pyreadstat, "write_xport", cut)
    with pytest.raises(vc.VcohortError, match="not what was written"):
        vc.to_adtte(FOUR, tmp_path / "it.xpt")
    assert not [*tmp_path.iterdir()]


def test_without_pyreadstat_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("vcohort.exchange.rows.find_spec", lambda name: None)
    with pytest.raises(vc.VcohortError, match=r'pip install "vcohort\[clinical\]"'):
        vc.to_adtte(FOUR, tmp_path / "it.xpt")
    assert not [*tmp_path.iterdir()]


def test_in_the_shell(vcohort, simulated, tmp_path):
    ds = simulated["one dose"]
    vc.save(ds, tmp_path / "it.nc")
    for name, write in {"adtte": vc.to_adtte, "adrs": vc.to_adrs}.items():
        told = vcohort("export", "it.nc", "--format", name, "-o", f"{name}.csv")
        assert told.returncode == 0, told.stderr
        found = pd.read_csv(
            tmp_path / f"{name}.csv", float_precision="round_trip", keep_default_na=False,
            na_values={"AVISITN": [""], "ADY": [""]}, dtype={"USUBJID": str, "SUBJID": str},
        )  # fmt: skip
        pd.testing.assert_frame_equal(found, write(ds), check_exact=True)
    refused(vcohort("export", "it.nc", "--format", "adrs", "-o", "it.parquet"), ".csv or .xpt")
    refused(vcohort("survival", "it.nc", "--endpoint", "PFS"), "endpoint")
    assert vcohort("survival", "adtte.csv", "-o", "curve.nc").returncode == 0
    curve, wanted = vc.load(tmp_path / "curve.nc"), vc.kaplan_meier(ds)
    np.testing.assert_allclose(curve["survival"], wanted["survival"], rtol=1e-12)
