"""Trials, and virtual ones, in the forms of NONMEM and Monolix, and read back as they were."""

import warnings
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

import vcohort as vc
from tests.test_cli import refused
from tests.test_cli import vcohort as vcohort
from tests.test_read_trial import CODES, DOSES, NONMEM

# In the order in which they were first measured.
CODES_OUT = {1: "B_ml", 2: "C_per_ul"}

FORMS = {"nonmem": vc.to_nonmem, "monolix": vc.to_monolix}

# Patient 2 is watched from day 10 on; the progression of patient 1 was between days 80 and 90.
SURVIVAL = {"id": [1, 2], "time": [90.5, 365], "event": [1, 0], "start": [0, 10],
            "last_free": [80.25, "."]}  # fmt: skip


def read(table=NONMEM, survival=SURVIVAL, **more):
    return vc.read_trial(table, survival=survival, observables=CODES, **more)


def synthetic():
    tables = vc.data.synthetic_trial()
    return vc.read_trial(tables.measurements, survival=tables.survival, observables=CODES)


def named(label):
    """Return the trial with labels that are no numbers."""
    table = NONMEM | {"ID": [label(each) for each in NONMEM["ID"]]}
    return read(table, SURVIVAL | {"id": [label(each) for each in SURVIVAL["id"]]})


def of_ones_own():
    """Return a trial with an observable of the user's own, and one of measured errors."""
    spleen = vc.Observable("spleen", "cm", 1e8, "length", lambda cells: cells.log_tumour)
    rows = {"patient": [1, 1, 2], "day": [0, 0.125, 7], "observable": [spleen, "C", "C"],
            "value": [12.5, 3e8, 1.25e7], "error": [0.5, 1e7, 1e6]}  # fmt: skip
    return vc.read_trial(rows)


@pytest.fixture
def silent():
    """Return a trial of whose third patient nothing was measured, but that it progressed."""
    rows = {name: [*cells, cells[6]] for name, cells in NONMEM.items()}
    rows["ID"][-1], rows["WT"][-1] = 3, 64.5
    survival = {"id": [1, 2, 3], "time": [90, 365, 20], "event": [1, 0, 1]}
    with pytest.warns(vc.VcohortWarning, match="nothing was measured: 3"):
        return read(rows, survival)


def same(one, other):
    """Compare all of two trials, to the last bit."""
    assert one.patients == other.patients
    for name in (each.name for each in fields(one.observations)):
        np.testing.assert_array_equal(
            getattr(one.observations, name), getattr(other.observations, name), err_msg=name
        )
    assert one.regimen == other.regimen
    assert one.covariates.keys() == other.covariates.keys()
    for name, values in one.covariates.items():
        np.testing.assert_array_equal(values, other.covariates[name], err_msg=name)
    assert (one.events is None) == (other.events is None)
    for name in () if one.events is None else (each.name for each in fields(one.events)):
        np.testing.assert_array_equal(getattr(one.events, name), getattr(other.events, name))


TRIALS = {
    "by hand": read, "synthetic": synthetic, "own observables": of_ones_own,
    "without covariates": lambda: read(covariates=[]),
    "without doses": lambda: replace(read(), regimen=None),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", TRIALS)
def test_a_trial_is_read_back_as_it_was(form, which, tmp_path):
    trial = TRIALS[which]()
    table = FORMS[form](trial, tmp_path / "it.csv")
    survival = None if trial.events is None else tmp_path / "adtte.csv"
    if survival is not None:
        vc.to_adtte(trial, survival)
    for source in (table, tmp_path / "it.csv"):
        back = vc.read_trial(source, survival=survival, observables=table.attrs["observables"])
        same(trial, back)


@pytest.mark.parametrize("form", FORMS)
def test_of_whom_nothing_was_measured_there_is_a_row(silent, form):
    table, events = FORMS[form](silent), vc.to_adtte(silent)
    with pytest.warns(vc.VcohortWarning, match="nothing was measured: 3"):
        same(silent, vc.read_trial(table, survival=events, observables=CODES_OUT))
    without = replace(silent, regimen=None)
    table = FORMS[form](without)
    assert table.loc[table["ID"] == 3, ["EVID", "MDV", "TIME"]].to_numpy().tolist() == [[2, 1, 0]]
    with pytest.warns(vc.VcohortWarning, match="nothing was measured: 3"):
        same(without, vc.read_trial(table, survival=events, observables=CODES_OUT))


def test_monolix_takes_any_label_and_nonmem_counts_from_1():
    trial = named("ZUMA-{:03d}".format)
    table = vc.to_monolix(trial)
    same(trial, vc.read_trial(table, survival=vc.to_adtte(trial), observables=CODES_OUT))
    table = vc.to_nonmem(trial)
    back = vc.read_trial(table, observables=CODES_OUT)
    assert back.patients == ("1", "2")
    assert back.covariates["LABEL"].tolist() == ["ZUMA-001", "ZUMA-002"]


def test_nobody_is_numbered_as_somebody_else_is_called():
    """A table of events that calls a patient 2 must not be taken for the second patient's."""
    trial = vc.read_trial({"patient": ["2", "x"], "day": [0, 0], "B_ml": [1.0, 2.0]})
    table = vc.to_nonmem(trial)
    assert table["ID"].tolist() == [3, 4] and table["LABEL"].tolist() == ["2", "x"]


def test_what_the_columns_say():
    table = vc.to_nonmem(read())
    first = table[table["ID"] == 1]
    # Dose, then tumour on day 0; three counts, the last a gap; two more doses.
    assert first["TIME"].tolist() == [0, 0, 7, 14, 60, 80]
    assert first["EVID"].tolist() == [1, 0, 0, 0, 1, 1]
    assert first["AMT"].tolist() == [1.8e8, 0, 0, 0, 1e8, 1e8]
    assert first["DVID"].tolist() == [0, 1, 2, 2, 0, 0]
    np.testing.assert_array_equal(first["DV"], [np.nan, 94.5, 31.5, 0.5, np.nan, np.nan])
    np.testing.assert_array_equal(first["BLQ"], [0, 0, 0, 1, 0, 0])
    np.testing.assert_array_equal(first["LLOQ"], [np.nan] * 3 + [0.5] + [np.nan] * 2)
    table = vc.to_monolix(read())
    below = table[table["CENS"] == 1]
    assert below[["TIME", "Y", "LIMIT"]].to_numpy().tolist() == [[14, 0.5, 0]]
    assert table.attrs["units"]["C_per_ul"] == "cells/ul"


def test_some_observables_of_a_trial_are_chosen():
    trial = of_ones_own()
    spleen = trial.observations.kinds[0]
    for asked in ("spleen", spleen, [spleen]):
        table = vc.to_monolix(trial, observables=asked)
        assert table.attrs["observables"] == {1: spleen}
        assert table.loc[table["MDV"] == 0, ["Y", "YTYPE"]].to_numpy().tolist() == [[12.5, 1]]


def test_the_doses_are_those_of_the_reader_of_doses(tmp_path):
    vc.to_nonmem(read(), tmp_path / "it.csv")
    regimen = vc.Regimen.from_nonmem(tmp_path / "it.csv")
    for patient, doses in enumerate(DOSES.values()):
        own = {float(np.ravel(each.day)[patient]): float(np.ravel(each.cells)[patient])
               for each in regimen.treatments}  # fmt: skip
        assert {day: cells for day, cells in own.items() if np.isfinite(day)} == doses


DAYS = [0.0, 7.0, 60.0, 90.0]


@pytest.fixture(scope="module")
def virtual():
    """Return patients of whom one is treated on day 60, one never again, one anew on day 0."""
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(3, seed=1)
    later, first = np.array([60.0, np.inf, np.inf]), np.array([np.inf, np.inf, 0.0])
    regimen = vc.Regimen(
        vc.Infusion(later, 5e8), vc.Infusion(first, 3e8), vc.Lymphodepletion(30.0, 0.5)
    )
    ds = vc.simulate(cohort, horizon=100.0, save_at=DAYS, regimen=regimen, seed=1, progress=False)
    ds["B"][1, 3] = 0.0
    return ds


def test_a_virtual_trial_is_measured_without_error(virtual):
    table = vc.to_nonmem(virtual, covariates=["K_C"])
    back = vc.read_trial(table, observables=table.attrs["observables"])
    assert back.patients == ("0", "1", "2")
    of = np.array(back.observations.observable)
    for name, state, per_unit in (("C_per_ul", "C", 5e8), ("B_ml", "B", 1e9)):
        found = back.observations.value[of == name].reshape(3, 4)
        np.testing.assert_allclose(
            found, virtual[state].astype(float).values / per_unit, rtol=1e-12
        )
    assert back.observations.value[of == "B_ml"].reshape(3, 4)[1, 3] == 0
    np.testing.assert_array_equal(back.covariates["K_C"], virtual["K_C"])
    # What no dose can say.
    np.testing.assert_array_equal(back.covariates["lymphodepletion_1_day"], 30.0)
    np.testing.assert_array_equal(back.covariates["lymphodepletion_1_normal_survival"], 0.5)
    infused = virtual["C0"].values
    for patient, doses in enumerate([{0: infused[0], 60: 5e8}, {0: infused[1]}, {0: 3e8}]):
        own = table[(table["ID"] == patient) & (table["EVID"] == 1)]
        assert dict(zip(own["TIME"], own["AMT"], strict=True)) == doses


def test_on_a_day_of_treatment_states_are_those_before_it(virtual):
    own = vc.to_nonmem(virtual, observables="C_per_ul").query("ID == 0")
    assert list(zip(own["TIME"], own["EVID"], strict=True)) == [
        (0, 1), (0, 0), (7, 0), (60, 0), (60, 1), (90, 0),
    ]  # fmt: skip


def test_memory_cells_count_as_car_t_cells(virtual):
    memory = (("patient", "time"), np.arange(12.0).reshape(3, 4) * 1e7, {"counted_as": "C"})
    table = vc.to_monolix(virtual.assign(M=memory), observables=["C"])
    found = table.loc[table["EVID"] == 0, "Y"].to_numpy().reshape(3, 4)
    np.testing.assert_allclose(found, virtual["C"].astype(float) + memory[1], rtol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_a_virtual_trial_has_limits(virtual, form):
    exact = (virtual["C"].astype(float) / 5e8).values
    limit = float(np.sort(exact, axis=None)[4:6].mean())
    table = FORMS[form](virtual, limit={"C_per_ul": limit})
    rows = vc.read_trial(table, observables=table.attrs["observables"]).observations
    car = np.array(rows.observable) == "C_per_ul"
    assert rows.below.sum() == 5
    np.testing.assert_array_equal(rows.below[car].reshape(3, 4), exact < limit)
    np.testing.assert_allclose(rows.value[car].reshape(3, 4), np.maximum(exact, limit), rtol=1e-12)


def test_a_state_that_is_not_known_was_not_measured(virtual):
    """A row without a value would be a measurement of 0 to NONMEM."""
    unknown = virtual["patient"].isin([1]) & (virtual["time"] > 5)
    table = vc.to_nonmem(virtual.assign(C=virtual["C"].where(~unknown)))
    assert table["DV"].notna().equals(table["EVID"] == 0)
    measured = table[table["EVID"] == 0].groupby(["ID", "DVID"]).size().unstack()
    assert measured.to_numpy().tolist() == [[4, 4], [1, 4], [4, 4]]


def test_who_never_gets_a_treatment_has_no_row_and_no_day_of_it():
    """Neither an infinite day nor a dose of nothing is anything to NONMEM."""
    days, cells = np.array([5.0, np.inf, 7.0]), np.array([0.0, 1e8, 2e8])
    regimen = vc.Regimen(vc.Lymphodepletion(days, 0.5), vc.Infusion(50.0, cells))
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(3, seed=1)
    ds = vc.simulate(cohort, regimen=regimen, horizon=100.0, save_at=[0, 7], progress=False)
    infused = ("patient", [np.inf, 50.0, 50.0], {"units": "day"})
    table = vc.to_nonmem(ds.assign(infused=infused), covariates=["infused"])
    back = vc.read_trial(table, observables=table.attrs["observables"])
    np.testing.assert_array_equal(back.covariates["lymphodepletion_1_day"], [5, np.nan, 7])
    np.testing.assert_array_equal(back.covariates["infused"], [np.nan, 50, 50])
    doses = table[(table["EVID"] == 1) & (table["TIME"] > 0)]
    assert list(zip(doses["ID"], doses["AMT"], strict=True)) == [(1, 1e8), (2, 2e8)]


def test_yes_and_no_are_numbers(virtual):
    table = vc.to_nonmem(virtual.assign(old=("patient", [True, False, True])), covariates=["old"])
    assert table.groupby("ID")["old"].first().tolist() == [1, 0, 1]
    assert table["old"].dtype.kind == "i"


def test_an_observable_that_is_asked_for_twice_is_there_once(virtual):
    twice = vc.to_nonmem(virtual, observables=["B_ml", "B_ml"])
    pd.testing.assert_frame_equal(twice, vc.to_nonmem(virtual, observables=["B_ml"]))


def test_a_trial_of_lymphodepletions_alone_has_no_dose():
    trial = replace(read(), regimen=vc.Regimen(vc.Lymphodepletion(3.0, 0.5)))
    table = vc.to_nonmem(trial)
    assert not (table["EVID"] == 1).any()
    assert (table["lymphodepletion_1_day"] == 3.0).all()


def test_who_has_no_outcome_is_left_out(virtual):
    ds = virtual.copy(deep=True)
    ds["outcome"][1] = -1
    with pytest.warns(vc.VcohortWarning, match="1 of 3 patients"):
        assert vc.to_nonmem(ds)["ID"].unique().tolist() == [0, 2]


def test_one_selected_patient_is_a_trial(virtual):
    assert vc.to_nonmem(virtual.isel(patient=2))["ID"].unique().tolist() == [2]


REFUSED = {
    "no states": (lambda ds: vc.to_nonmem(ds.drop_dims("time")), "save_at=[0, 7, 14, 28]"),
    "no dose": (lambda ds: vc.to_nonmem(ds.drop_vars("C0")), "has no C0 (patient)"),
    "no dataset": (lambda ds: vc.to_nonmem([1.0]), "vc.simulate with save_at"),
    "an observable": (lambda ds: vc.to_nonmem(ds, observables=["C_per_l"]), "Did you mean"),
    "nothing": (lambda ds: vc.to_nonmem(ds, observables=[]), "what was measured"),
    "nothing of a trial": (lambda ds: vc.to_nonmem(read(), observables={}), "what was measured"),
    "a number": (lambda ds: vc.to_nonmem(ds, observables=[3]), "Unknown observable '3'"),
    "a number of a trial": (lambda ds: vc.to_nonmem(read(), observables=[3]), "observable of this"),
    "a covariate": (lambda ds: vc.to_nonmem(ds, covariates=["K_D"]), "Unknown covariate 'K_D'"),
    "one text": (lambda ds: vc.to_nonmem(ds, covariates="K_C"), "no list of names"),
    "a limit of another": (lambda ds: vc.to_nonmem(ds, limit={"N": 1.0}), "observable of a limit"),
    "a limit of 0": (lambda ds: vc.to_nonmem(ds, limit=0.0), "must be above 0"),
    "the same number twice": (
        lambda ds: vc.to_nonmem(ds.assign_coords(patient=[0, 1, 1])),
        "Two patients have the number 1",
    ),
    "a meaning": (
        lambda ds: vc.to_nonmem(ds.rename(K_C="Amt"), covariates=["Amt"]), "something else",
    ),
    "an ending": (lambda ds: vc.to_nonmem(ds, "it.xpt"), "ends in .csv"),
    "a folder": (lambda ds: vc.to_nonmem(ds, "nowhere/it.csv"), "no folder nowhere"),
    "limits of a trial": (lambda ds: vc.to_nonmem(read(), limit=1.0), "vc.read_trial"),
    "what a trial lacks": (lambda ds: vc.to_monolix(read(), observables=["ALC"]), "'ALC'"),
    "weights": (lambda ds: vc.to_nonmem(weighed()), "have weights"),
    "a dose of no number": (
        lambda ds: vc.to_nonmem(replace(read(), regimen=vc.Regimen(vc.Infusion(60.0)))),
        "vc.Infusion(day, cells)",
    ),
    "a text with a blank": (
        lambda ds: vc.to_nonmem(read(NONMEM | {"SEX": ["not told"] * 10})), "vc.to_monolix",
    ),
}  # fmt: skip


def weighed():
    trial = read()
    rows = replace(trial.observations, weight=0.5 * trial.observations.weight)
    return replace(trial, observations=rows)


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_written_is_refused(what, virtual, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    attempt, message = REFUSED[what]
    with pytest.raises(vc.VcohortError) as error:
        attempt(virtual)
    assert message in str(error.value)
    assert not [*tmp_path.iterdir()]


def test_in_the_shell(virtual, vcohort, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vc.save(virtual.drop_dims("time"), tmp_path / "bare.nc")
        vc.save(virtual, tmp_path / "it.nc")
    told = vcohort(
        "export", "it.nc", "--format", "nonmem", "-o", "it.csv", "--observable", "N_per_ul",
        "--observable", "B_ml", "--limit", "B_ml=1", "--covariates", "K_C,r_B",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "DVID 1 is N_per_ul, in cells/ul, 2 is B_ml, in ml" in told.stdout
    wanted = vc.to_nonmem(
        virtual, observables=["N_per_ul", "B_ml"], limit={"B_ml": 1.0}, covariates=["K_C", "r_B"]
    )
    found = pd.read_csv(tmp_path / "it.csv", na_values=".", float_precision="round_trip")
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    for flags, message in {
        ("it.nc", "--format", "monolix", "-o", "it.csv"): "is there already",
        ("it.nc", "--format", "monolix", "-o", "it.txt"): "ends in .csv",
        ("it.nc", "--format", "monolic", "-o", "other.csv"): "Did you mean 'monolix'",
        ("bare.nc", "--format", "nonmem", "-o", "other.csv"): "save_at=[0, 7, 14, 28]",
        ("it.nc", "--format", "nonmem", "--over", "patient", "-o", "other.csv"): "--over says",
        ("it.nc", "--format", "adtte", "--limit", "1", "-o", "other.csv"): "--limit is that of",
        ("it.nc", "--observable", "B_ml", "-o", "other.csv"): "csv does not read it",
    }.items():
        refused(vcohort("export", *flags), message)
    assert not (tmp_path / "other.csv").exists()
