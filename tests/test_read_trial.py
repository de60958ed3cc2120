"""One trial in every form that trials come in is the same object; what is no trial is refused."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import vcohort as vc

# By hand. Patient 1: CAR T cells on days 7 and 14, the second below 0.5 per microlitre, a gap on
# day 28; patient 2: two counts. A tumour volume of each on day 0.
WANTED = {
    ("1", "B_ml", 0.0): (94.5, False), ("1", "C_per_ul", 7.0): (31.5, False),
    ("1", "C_per_ul", 14.0): (0.5, True), ("2", "B_ml", 0.0): (3.5, False),
    ("2", "C_per_ul", 7.0): (12.25, False), ("2", "C_per_ul", 14.0): (0.75, False),
}  # fmt: skip
CODES = {1: "C_per_ul", 2: "B_ml"}
DOSES = {"1": {0.0: 1.8e8, 60.0: 1e8, 80.0: 1e8}, "2": {0.0: 2e8}}

NONMEM = {
    "ID": [1, 1, 1, 1, 1, 1, 2, 2, 2, 2],
    "TIME": [0, 0, 7, 14, 28, 60, 0, 0, 7, 14],
    "AMT": [1.8e8, 0, 0, ".", 0, 1e8, 2e8, 0, 0, 0],
    "ADDL": [0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
    "II": [0, 0, 0, 0, 0, 20, 0, 0, 0, 0],
    "EVID": [1, 0, 0, 0, 0, 1, 1, 0, 0, 0],
    "MDV": [1, 0, 0, 0, 1, 1, 1, 0, 0, 0],
    "DVID": [".", 2, 1, 1, 1, ".", ".", 2, 1, 1],
    "DV": [".", 94.5, 31.5, 0.5, ".", ".", 0, 3.5, 12.25, 0.75],
    "BLQ": [0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    "LLOQ": [".", ".", 0.5, 0.5, 0.5, ".", ".", ".", 0.5, 0.5],
    "WT": [70.5] * 6 + [81] * 4,
    "SEX": ["f"] * 6 + ["m"] * 4,
}
CANNOT_DOSE = ("AMT", "ADDL", "II", "EVID", "MDV")


def nonmem(**changes):
    """Return the table with other columns; None takes one out."""
    return {name: each for name, each in (NONMEM | changes).items() if each is not None}


def bare(**changes):
    """Return the measurements alone."""
    rows = [row for row, is_none in enumerate(NONMEM["MDV"]) if not is_none]
    table = {name: [NONMEM[name][row] for row in rows] for name in NONMEM
             if name not in CANNOT_DOSE}  # fmt: skip
    return {name: each for name, each in (table | changes).items() if each is not None}


def with_commas(table):
    return {name: [str(cell).replace(".", ",") if isinstance(cell, float) else cell
                   for cell in each] for name, each in table.items()}  # fmt: skip


def saved(tmp, table, encoding="utf-8", before="", **options):
    path = tmp / "trial.csv"
    text = before + pd.DataFrame(table).to_csv(index=False, **options)
    path.write_bytes(text.encode(encoding))
    return path


def told_in_cells():
    """Return the table with limits written in the cells of the values."""
    return nonmem(BLQ=None, LLOQ=None, DV=[".", 94.5, 31.5, "<0.5", ".", ".", 0, 3.5, 12.25, 0.75])


LONG = {
    "patient": ["1", "1", "1", "2", "2", "2"], "day": [7, 14, 0, 0, 7, 14],
    "observable": ["C_per_ul", "C_per_ul", "B_ml", "B_ml", "C_per_ul", "C_per_ul"],
    "value": [31.5, 0.5, 94.5, 3.5, 12.25, 0.75], "below": [0, 1, 0, 0, 0, 0],
    "WT": [70.5, 70.5, 70.5, 81, 81, 81], "SEX": list("fffmmm"),
}  # fmt: skip
WIDE = {
    "patient": [1, 1, 1, 1, 2, 2, 2], "day": [0, 7, 14, 28, 0, 7, 14],
    "C_per_ul": ["", 31.5, "<0.5", ".", None, 12.25, 0.75],
    "B_ml": [94.5, None, np.nan, "", 3.5, "NA", ""], "WT": [70.5] * 4 + [81] * 3,
    "SEX": list("ffffmmm"),
}  # fmt: skip
BY_DAYS = {
    "patient": [1, 2], "C_per_ul_day_7": [31.5, 12.25], "C_per_ul_d14": ["< 0.5", 0.75],
    "C_per_ul day 28": ["", ""], "B_ml_day_0": [94.5, 3.5], "WT": [70.5, 81], "SEX": ["f", "m"],
}  # fmt: skip

FORMS = {
    "NONMEM": lambda tmp: (nonmem(), CODES),
    "NONMEM by text": lambda tmp: (nonmem(), {"1": "C_per_ul", "2": "B_ml"}),
    "NONMEM in a frame": lambda tmp: (pd.DataFrame(nonmem()), CODES),
    "NONMEM by CMT": lambda tmp: (
        {{"DVID": "CMT"}.get(name, name): [1 if cell == "." else cell for cell in each]
         if name == "DVID" else each for name, each in nonmem().items()}, CODES,
    ),
    "small letters": lambda tmp: ({name.lower() if name not in ("WT", "SEX") else name: each
                                   for name, each in nonmem().items()}, CODES),
    "without events": lambda tmp: (nonmem(EVID=None, MDV=None), CODES),
    "below by the limit alone": lambda tmp: (
        nonmem(BLQ=None, DV=[".", 94.5, 31.5, 0.1, ".", ".", 0, 3.5, 12.25, 0.75]), CODES,
    ),
    "flagged, without a value": lambda tmp: (
        nonmem(DV=[".", 94.5, 31.5, ".", ".", ".", 0, 3.5, 12.25, 0.75]), CODES,
    ),
    "limits in cells": lambda tmp: (told_in_cells(), CODES),
    "Monolix": lambda tmp: (
        {{"BLQ": "CENS", "LLOQ": "LIMIT", "DV": "Y", "DVID": "YTYPE"}.get(name, name): each
         for name, each in nonmem(LLOQ=[0] * 10).items()}, CODES,
    ),
    "file": lambda tmp: (saved(tmp, nonmem()), CODES),
    "file's name": lambda tmp: (str(saved(tmp, nonmem())), CODES),
    "semicolons and decimal commas": lambda tmp: (
        saved(tmp, with_commas(nonmem()), sep=";"), CODES,
    ),
    "sep=;": lambda tmp: (
        saved(tmp, with_commas(nonmem()), before="sep=;\n", sep=";"), CODES,
    ),
    "tabs": lambda tmp: (saved(tmp, nonmem(), sep="\t"), CODES),
    "BOM": lambda tmp: (saved(tmp, nonmem(), encoding="utf-8-sig"), CODES),
    "UTF-16": lambda tmp: (saved(tmp, nonmem(), encoding="utf-16"), CODES),
    "comments": lambda tmp: (saved(tmp, nonmem(), before="# by the laboratory\n"), CODES),
    "Windows": lambda tmp: (saved(tmp, nonmem(), lineterminator="\r\n"), CODES),
    "long": lambda tmp: (LONG, None),
    "long, limits with commas": lambda tmp: (
        saved(tmp, with_commas(LONG) | {"value": ["31,5", "<0,5", "94,5", "3,5", "12,25", "0,75"]},
              sep=";"),
        None,
    ),
    "wide": lambda tmp: (WIDE, None),
    "wide in a file": lambda tmp: (saved(tmp, WIDE), None),
    "wide by other names": lambda tmp: (
        {{"C_per_ul": "CART", "B_ml": "volume"}.get(name, name): each
         for name, each in WIDE.items()}, {"CART": "C_per_ul", "volume": "B_ml"},
    ),
    "wide by days": lambda tmp: (BY_DAYS, None),
}  # fmt: skip


def measured(trial):
    rows = trial.observations
    assert rows.patients == trial.patients
    keys = zip((trial.patients[index] for index in rows.patient), rows.observable,
               rows.day.tolist(), strict=True)  # fmt: skip
    return dict(zip(keys, zip(rows.value.tolist(), rows.below.tolist(), strict=True), strict=True))


def doses(trial):
    found = {label: {} for label in trial.patients}
    for each in trial.regimen.treatments:
        for index, label in enumerate(trial.patients):
            day, cells = (float(np.broadcast_to(field, len(trial))[index])
                          for field in (each.day, each.cells))  # fmt: skip
            if np.isfinite(day):
                found[label][day] = cells
    return found


@pytest.mark.parametrize("form", FORMS)
def test_one_trial_in_every_form(form, tmp_path):
    table, observables = FORMS[form](tmp_path)
    trial = vc.read_trial(table, observables=observables)
    assert trial.patients == ("1", "2")
    assert measured(trial) == WANTED
    assert list(trial.covariates) == ["WT", "SEX"]
    np.testing.assert_array_equal(trial.covariates["WT"], [70.5, 81.0])
    assert trial.covariates["SEX"].tolist() == ["f", "m"]
    assert trial.events is None and (trial.observations.weight == 1).all()
    if trial.regimen is not None:
        assert doses(trial) == DOSES
    is_wide_or_long = form.startswith(("long", "wide"))
    assert (trial.regimen is None) == is_wide_or_long


def test_doses_in_a_table_of_their_own():
    table = {"ID": [2, 1, 1], "TIME": [0, 0, 60], "AMT": [2e8, 1.8e8, 1e8],
             "ADDL": [0, 0, 1], "II": [0, 0, 20]}  # fmt: skip
    assert doses(vc.read_trial(LONG, doses=table)) == DOSES
    assert doses(vc.read_trial(LONG, doses=pd.DataFrame(table))) == DOSES


SURVIVAL = {"id": [2, 1], "time": [365, 90], "event": [0, 1]}
ADTTE = {
    "STUDYID": ["S"] * 4, "USUBJID": ["2", "1", "2", "1"], "PARAMCD": ["PFS", "PFS", "OS", "OS"],
    "PARAM": ["Progression-free survival (days)"] * 2 + ["Overall survival (days)"] * 2,
    "AVAL": [365, 90, 400, 300], "CNSR": [2, 0, 1, 1], "TRTP": ["A", "B", "A", "B"],
    "ADT": ["2020-01-01"] * 4,
}  # fmt: skip


@pytest.mark.parametrize(
    ("survival", "options"),
    [
        (SURVIVAL, {}),
        (pd.DataFrame(SURVIVAL), {}),
        ({"PATIENT": [2, 1], "weeks": [365 / 7, 90 / 7], "Event": [False, True]}, {}),
        (SURVIVAL | {"time": np.array([365, 90]) / 30.4375}, {"units": {"survival": "months"}}),
        (ADTTE, {"endpoint": "PFS"}),
        ({name: each[:2] for name, each in ADTTE.items()}, {}),
        ({"USUBJID": [1, 2], "AVAL": [90 / 30.4375, 365 / 30.4375], "CNSR": [0, 1],
          "PARAM": ["PFS (Months)"] * 2}, {}),
    ],
)  # fmt: skip
def test_survival_tables(survival, options):
    trial = vc.read_trial(nonmem(), observables=CODES, survival=survival, **options)
    events = trial.events
    found = {trial.patients[index]: (time, event) for index, time, event
             in zip(events.patient, events.time, events.event, strict=True)}  # fmt: skip
    assert found["1"] == (pytest.approx(90), True) and found["2"] == (pytest.approx(365), False)
    assert (events.start == 0).all() and np.isnan(events.last_free).all()
    assert len(events) == 2 and vc.median_survival(trial) == pytest.approx(90)


def test_events_between_two_days_and_from_a_day_on():
    survival = SURVIVAL | {"start": [0, 10], "last_free": [200, 60], "arm": ["x", "y"]}
    trial = vc.read_trial(nonmem(), observables=CODES, survival=survival)
    assert trial.events.start.tolist() == [0, 10]
    # Of a patient who is censored nothing lies between two days.
    assert np.isnan(trial.events.last_free[0]) and trial.events.last_free[1] == 60
    assert trial.covariates["arm"].tolist() == ["y", "x"]


def test_covariates_that_are_asked_for():
    survival = pd.DataFrame(ADTTE).iloc[:2]
    read = {"observables": CODES, "survival": survival}
    assert list(vc.read_trial(nonmem(), **read).covariates) == ["WT", "SEX"]
    some = vc.read_trial(nonmem(), covariates=["TRTP", "WT"], **read).covariates
    assert some["TRTP"].tolist() == ["B", "A"] and list(some) == ["TRTP", "WT"]
    assert vc.read_trial(nonmem(), covariates=[], **read).covariates == {}


def test_a_missing_covariate_is_missing_and_a_blank_column_says_nothing():
    trial = vc.read_trial(
        nonmem(WT=["."] * 6 + [81] + ["."] * 3, NOTE=[""] * 10), observables=CODES
    )
    np.testing.assert_array_equal(trial.covariates["WT"], [np.nan, 81.0])
    assert "NOTE" not in trial.covariates
    trial = vc.read_trial(nonmem(SEX=["", *"fffff", *[None] * 4]), observables=CODES)
    assert trial.covariates["SEX"].tolist() == ["f", ""]


def test_truth_values_are_1_and_0():
    trial = vc.read_trial(nonmem(MALE=[False] * 6 + [True] * 4), observables=CODES)
    np.testing.assert_array_equal(trial.covariates["MALE"], [0.0, 1.0])


def test_what_the_column_of_values_measures():
    table = {"ID": [1, 1], "TIME": [7, 14], "DV": [31.5, 9.0]}
    rows = vc.read_trial(table, observables={"DV": "C_per_ul"}).observations
    assert rows.observable == ("C_per_ul",) * 2


def test_patients_without_a_measurement_are_kept():
    survival = SURVIVAL | {"id": [3, 1]}
    with pytest.warns(vc.VcohortWarning, match="Of 1 of 3 patients nothing was measured: 3"):
        trial = vc.read_trial(LONG, survival=survival)
    assert trial.patients == ("1", "2", "3") == trial.observations.patients
    assert sorted(trial.events.patient) == [0, 2]
    assert np.isnan(trial.covariates["WT"][2]) and trial.covariates["SEX"][2] == ""
    filled, is_own = trial.observations.by_patient()
    assert filled.shape == (3, 3) and is_own.sum(axis=1).tolist() == [3, 3, 0]


SPHERE_20_MM = np.pi / 6 * 2.0**3


@pytest.mark.parametrize(
    ("observable", "unit", "value", "wanted"),
    [
        ("C_per_ul", "cells/ul", 31.5, 31.5),
        ("C_per_ul", "cells/\N{MICRO SIGN}L", 31.5, 31.5),
        ("C_per_ul", "cells/ml", 31500, 31.5),
        ("C_per_ul", "cells/mm3", 31.5, 31.5),
        ("C_per_ul", "10^6/L", 31.5, 31.5),
        ("C_per_ul", "1e9/l", 0.0315, 31.5),
        ("C_per_ul", "10^9 cells/l", 0.0315, 31.5),
        ("ALC", "G/l", 1.5, 1500),
        ("C_per_ul", ("copies/ug", 0.05), 630, 31.5),
        ("C", "1e6 cells", 180, 1.8e8),
        ("B_ml", "ml", 94.5, 94.5),
        ("B_ml", "cm3", 94.5, 94.5),
        ("B_ml", "mm3", 94500, 94.5),
        ("B_ml", "mm", 20, SPHERE_20_MM),
        ("B_ml", "cm", 2, SPHERE_20_MM),
    ],
)
def test_units(observable, unit, value, wanted):
    table = {"ID": [1, 1], "TIME": [7, 14], "DV": [value, value / 2], "BLQ": [0, 1],
             "LLOQ": [value / 2] * 2}  # fmt: skip
    rows = vc.read_trial(table, observables=observable, units={observable: unit}).observations
    power = 3 if unit in ("mm", "cm") else 1
    np.testing.assert_allclose(rows.value, [wanted, wanted / 2**power], rtol=1e-12)
    assert rows.below.tolist() == [False, True]


@pytest.mark.parametrize(
    ("unit", "days"), [("h", 24.0), ("hours", 24.0), ("d", 1.0), ("weeks", 1 / 7)]
)
def test_units_of_days_and_doses(unit, days):
    changed = nonmem(TIME=np.array(NONMEM["TIME"]) * days, II=np.array(NONMEM["II"]) * days,
                     AMT=[1.8, 0, 0, ".", 0, 1, 2, 0, 0, 0])  # fmt: skip
    units = {"time": unit, "dose": "1e8 cells"}
    trial = vc.read_trial(changed, observables=CODES, units=units)
    assert {(label, name, round(day, 9)) for label, name, day in measured(trial)} == WANTED.keys()
    for label, given in doses(trial).items():
        assert {round(day, 9): pytest.approx(cells) for day, cells in given.items()} == DOSES[label]


def test_a_unit_that_the_column_carries_is_read():
    counts = xr.DataArray([31500.0, 9100.0], dims="row", attrs={"units": "cells/ml"})
    table = {"patient": [1, 1], "day": [7, 14], "C_per_ul": counts}
    np.testing.assert_allclose(vc.read_trial(table).observations.value, [31.5, 9.1])


def test_units_that_columns_say_are_taken():
    """Of values a unit in each row; of days, doses and times of events one for all."""
    said = nonmem(TIME=np.array(NONMEM["TIME"]) * 24.0, II=np.array(NONMEM["II"]) * 24.0,
                  AMT=[1.8, 0, 0, ".", 0, 1, 2, 0, 0, 0])  # fmt: skip
    rows = len(said["TIME"])
    said |= {"TIMEU": ["h"] * rows, "AMTU": ["1e8 cells"] * rows}
    trial = vc.read_trial(said, observables=CODES)
    assert {(label, name, round(day, 9)) for label, name, day in measured(trial)} == WANTED.keys()
    for label, given in doses(trial).items():
        assert {round(day, 9): pytest.approx(cells) for day, cells in given.items()} == DOSES[label]
    assert not {"TIMEU", "AMTU"} & {*trial.covariates}
    table = {"patient": [1, 1, 1], "day": [7, 14, 14], "value": [31500.0, 9.1, 20.0],
             "observable": ["C_per_ul", "C_per_ul", "B_ml"],
             "unit": ["cells/ml", ".", "mm"]}  # fmt: skip
    found = vc.read_trial(table)
    np.testing.assert_allclose(found.observations.value, [31.5, 9.1, SPHERE_20_MM])
    assert not found.covariates
    copies = table | {"unit": ["copies/ug", "copies/ug", "mm"], "value": [630.0, 630.0, 20.0]}
    found = vc.read_trial(copies, units={"C_per_ul": ("copies/ug", 0.05)})
    np.testing.assert_allclose(found.observations.value, [31.5, 31.5, SPHERE_20_MM])
    given = {"id": [1], "TIME": [0], "AMT": [1.8], "UNIT": ["1e8 cells"]}
    ones = {"patient": [1], "day": [7], "C_per_ul": [31.5]}
    assert doses(vc.read_trial(ones, doses=given)) == {"1": {0.0: pytest.approx(1.8e8)}}
    survival = {"id": [1], "time": [12], "event": [1], "unit": ["weeks"]}
    followed = vc.read_trial(ones, survival=survival)
    assert followed.events.time.tolist() == [84.0] and not followed.covariates


def test_one_code_of_one_name():
    table = {"ID": [1, 1], "TIME": [7, 14], "DV": [31.5, 9.0]}
    for codes in ({"DVID": [3, 3]}, {"CMT": [2, 2]}, {"observable": ["C_per_ul"] * 2}):
        rows = vc.read_trial(table | codes, observables="C_per_ul").observations
        assert rows.observable == ("C_per_ul",) * 2


def test_who_has_doses_alone_is_kept():
    with pytest.warns(vc.VcohortWarning, match="nothing was measured: 3"):
        trial = vc.read_trial({
            "ID": [1, 1, 3], "TIME": [0, 7, 0], "AMT": [1e8, 0, 2e8], "DV": [".", 31.5, "."],
        }, observables="C_per_ul")  # fmt: skip
    assert trial.patients == ("1", "3") and len(trial.observations) == 1
    assert doses(trial) == {"1": {0.0: 1e8}, "3": {0.0: 2e8}}


def test_an_observable_of_ones_own():
    pcr = vc.Observable("C_pcr", "copies/ug", 1e7, "transgene", lambda cells: cells.log_car)
    rows = vc.read_trial(bare(), observables={1: pcr, 2: None}).observations
    assert set(rows.observable) == {"C_pcr"} and rows.kinds == (pcr,) and len(rows) == 4


@pytest.mark.parametrize("limit", [0.5, {"C_per_ul": 0.5}])
def test_a_limit_that_no_column_tells(limit):
    table = bare(BLQ=None, LLOQ=None, DVID=None, DV=[94.5, 31.5, 0.2, 3.5, 12.25, "BLQ"])
    rows = vc.read_trial(table, observables="C_per_ul", limit=limit).observations
    assert rows.value.tolist() == [94.5, 31.5, 0.5, 3.5, 12.25, 0.5]
    assert rows.below.tolist() == [False, False, True, False, False, True]


def test_the_shipped_trial_is_read_whole():
    tables = vc.data.synthetic_trial()
    codes = {1: "C_per_ul", 2: "B_ml"}
    trial = vc.read_trial(tables.measurements, survival=tables.survival, observables=codes)
    rows, data = trial.observations, tables.measurements
    assert len(trial) == 40 and len(rows) == int((data["MDV"] == 0).sum())
    assert rows.below.sum() == data["BLQ"].sum()
    assert trial.events.event.sum() == tables.survival["event"].sum()
    np.testing.assert_allclose(trial.regimen.treatments[0].cells, data["AMT"].dropna())
    assert "40 patients" in repr(trial) and "27 of 40 progressed" in repr(trial)


BAD = {
    "nothing": (
        lambda: vc.read_trial({"ID": [], "TIME": [], "DV": []}, observables="ALC"),
        "no measurement",
    ),
    "no cell filled": (
        lambda: vc.read_trial({"ID": [1], "TIME": [7], "DV": ["."]}, observables="C_per_ul"),
        "no measurement",
    ),
    "doses alone": (
        lambda: vc.read_trial({"ID": [1], "TIME": [0], "AMT": [1e8], "DV": ["."], "EVID": [1]},
                              observables="C_per_ul"),
        "no measurement",
    ),
    "limits alone": (lambda: vc.read_trial(LONG | {"below": [1] * 6}), "All measurements are"),
    "no value": (lambda: vc.read_trial({"ID": [1], "TIME": [7], "DVID": [1]}), "no column DV"),
    "no measurements": (lambda: vc.read_trial({"ID": [1], "TIME": [7], "AGE": [60]}),
                        "no column of measurements"),
    "no days": (lambda: vc.read_trial({"ID": [1], "DV": [7]}), "no column of days"),
    "not told what": (lambda: vc.read_trial(bare(DVID=None)), "What DV measures is not told"),
    "unknown code": (
        lambda: vc.read_trial(nonmem(), observables={1: "C_per_ul"}),
        "DVID = 2 in row 2: what it measures",
    ),
    "unknown observable": (
        lambda: vc.read_trial(nonmem(), observables={1: "C_per_ml", 2: "B_ml"}), "Did you mean",
    ),
    "codes that are not told": (
        lambda: vc.read_trial(bare(CMT=[1, 2, 2, 1, 2, 2], DVID=None), observables="C_per_ul"),
        "CMT holds 1, 2, and observables one name",
    ),
    "codes of one name": (
        lambda: vc.read_trial(bare(), observables="C_per_ul"), "DVID holds 2, 1, and",
    ),
    "another name": (
        lambda: vc.read_trial({name: each[:2] for name, each in LONG.items()}, observables="ALC"),
        "observable holds C_per_ul, and",
    ),
    "two columns of days": (lambda: vc.read_trial(nonmem(DAY=[0] * 10)), "TIME and DAY"),
    "two flags": (lambda: vc.read_trial(nonmem(CENS=[0] * 10)), "BLQ and CENS"),
    "text": (
        lambda: vc.read_trial(LONG | {"value": [31.5, 0.5, "high", 3.5, 12.25, 0.75]}),
        "column value holds text, 'high', in row 3",
    ),
    "a day before the infusion": (
        lambda: vc.read_trial(LONG | {"day": [7, 14, -3, 0, 7, 14]}), "day = -3 in row 3",
    ),
    "no day": (
        lambda: vc.read_trial(LONG | {"day": [7, None, 0, 0, 7, 14]}), "day = None in row 2",
    ),
    "negative": (
        lambda: vc.read_trial(LONG | {"value": [31.5, 0.5, -1, 3.5, 12.25, 0.75]}),
        "value = -1 in row 3",
    ),
    "no patient": (
        lambda: vc.read_trial(LONG | {"patient": ["1", "", "1", "2", "2", "2"]}),
        "column patient holds nothing, in row 2",
    ),
    "right-censored": (
        lambda: vc.read_trial(bare(BLQ=None, CENS=[0, 0, -1, 0, 0, 0]), observables=CODES),
        "CENS holds -1, in row 3",
    ),
    "an interval": (
        lambda: vc.read_trial(bare(BLQ=None, LLOQ=None, CENS=[0, 0, 1, 0, 0, 0],
                                   LIMIT=[0, 0, 0.1, 0, 0, 0]), observables=CODES),
        "DV = 0.5 in row 3: Its limit is lower",
    ),
    "a limit that is not told": (
        lambda: vc.read_trial(bare(LLOQ=None, DV=[94.5, 31.5, ".", 3.5, 12.25, 0.75]),
                              observables=CODES),
        "in row 3: It is below a limit, and which",
    ),
    "below and not": (
        lambda: vc.read_trial(bare(BLQ=[0] * 6, DV=[94.5, 31.5, 0.1, 3.5, 12.25, 0.75]),
                              observables=CODES),
        "DV = 0.1 in row 3: It is below its limit",
    ),
    "above and below": (
        lambda: vc.read_trial(bare(BLQ=[0, 1, 1, 0, 0, 0]), observables=CODES),
        "DV = 31.5 in row 2: .*it is above",
    ),
    "a limit above all values": (
        lambda: vc.read_trial(LONG | {"below": [0] * 6}, limit={"C_per_ul": 500.0}),
        "the row says that it is not",
    ),
    "a limit above all values, unflagged": (
        lambda: vc.read_trial({k: v for k, v in LONG.items() if k != "below"},
                              limit={"C_per_ul": 500.0}),
        "The limit of C_per_ul, 500, is above all its values, of which the largest is 31.5",
    ),
    "two limits": (
        lambda: vc.read_trial(nonmem(), observables=CODES, limit={"C_per_ul": 0.4}),
        "another limit than",
    ),
    "a limit of nothing": (
        lambda: vc.read_trial(LONG, limit={"ALC": 0.4}), "'ALC', and nothing of it",
    ),
    **{f"the limit {limit}": (lambda limit=limit: vc.read_trial(LONG, limit=limit), "limit")
       for limit in (0, -1, np.nan, "0.5")},
    "a covariate that changes": (
        lambda: vc.read_trial(nonmem(WT=[70.5] * 5 + [71] + [81] * 4), observables=CODES),
        "WT = 71 in row 6, and 70.5 of the same patient 1",
    ),
    "numbers with points and with commas": (
        lambda: vc.read_trial(bare(WT=["70,5"] * 3 + ["81,0"] * 3, DV=["94.5"] * 6, BLQ=None,
                                   LLOQ=None), observables=CODES),
        "WT holds '70,5', with a comma, where other",
    ),
    "no such covariate": (
        lambda: vc.read_trial(nonmem(), observables=CODES, covariates=["WTT"]), "Did you mean 'WT'",
    ),
    "one name as a text": (
        lambda: vc.read_trial(nonmem(), observables=CODES, covariates="WT"), "is no list",
    ),
    "a unit that says too little": (
        lambda: vc.read_trial(LONG, units={"C_per_ul": "copies/ug"}),
        r"'copies/ug', 0.05\)",
    ),
    "a unit of nothing": (lambda: vc.read_trial(LONG, units={"CART": "cells/ml"}), "'CART'"),
    "a unit of no dose": (lambda: vc.read_trial(LONG, units={"dose": "cells"}), "'dose'"),
    "no factor": (lambda: vc.read_trial(LONG, units={"C_per_ul": ("x", 0)}), "must be above 0"),
    "an error in another unit": (
        lambda: vc.read_trial(LONG | {"error": [0.1] * 6}, units={"B_ml": "mm"}), "It has an error",
    ),
    "hours of a week": (
        lambda: vc.read_trial({"ID": [1], "week": [7], "DV": [3]}, observables="C_per_ul",
                              units={"time": "h"}), "The unit of week is 'h'",
    ),
    "hours of a day": (lambda: vc.read_trial(LONG, units={"time": "h"}), "The unit of day is 'h'"),
    "a covariate that is no value": (
        lambda: vc.read_trial(nonmem(NOTE=[["a"]] * 10), observables=CODES),
        "NOTE holds no label|row 1",
    ),
    "units that nobody knows": (
        lambda: vc.read_trial(LONG | {"unit": ["copies/ug"] * 6}), "what one copies/ug is",
    ),
    "units that contradict each other": (
        lambda: vc.read_trial(LONG | {"DVU": ["cells/ml"] * 6}, units={"C_per_ul": "cells/ul"}),
        "The unit of C_per_ul is 'cells/ml' in row 1, and 'cells/ul' in units",
    ),
    "several units of days": (
        lambda: vc.read_trial(LONG | {"TIMEU": ["d", "h"] * 3}), "TIMEU says several units: d, h",
    ),
    "a unit of a wide table": (
        lambda: vc.read_trial({"day": [7], "C_per_ul": [3.0], "unit": ["ml"]}),
        "Column unit is of a table with a row for each measurement",
    ),
    "minutes": (lambda: vc.read_trial(LONG, units={"time": "min"}), "'min'"),
    "a dose without an event": (
        lambda: vc.read_trial(nonmem(EVID=[0] * 10), observables=CODES),
        "AMT = 180000000.0 in row 1",
    ),
    "a late first dose": (
        lambda: vc.read_trial({"ID": [1, 1], "TIME": [3, 7], "AMT": [1e8, 0], "DV": [".", 31]},
                              observables="C_per_ul"),
        "first dose of patient 1 is at TIME 3",
    ),
    "a patient without a dose": (
        lambda: vc.read_trial(LONG, doses={"ID": [1], "TIME": [0], "AMT": [1e8]}),
        "Patient 2 has no dose",
    ),
    "a dose of nobody": (
        lambda: vc.read_trial(LONG, doses={"ID": [1, 2, 3], "TIME": [0] * 3, "AMT": [1e8] * 3}),
        "Patient 3 has doses alone",
    ),
    "doses twice": (
        lambda: vc.read_trial(nonmem(), observables=CODES, doses=nonmem()), "doses in AMT, and",
    ),
    "a measurement in the row of a dose": (
        lambda: vc.read_trial(nonmem(DV=[5.0, *NONMEM["DV"][1:]]), observables=CODES),
        "DV = 5.0 in row 1: The row is a dose",
    ),
    "a measurement that is none": (
        lambda: vc.read_trial(nonmem(MDV=[1, 0, 0, 0, 0, 1, 1, 0, 0, 0], BLQ=[0] * 10,
                                     LLOQ=None), observables=CODES),
        r"DV = \. in row 5: MDV says",
    ),
    "a row that does not count": (
        lambda: vc.read_trial(nonmem(EXCLUDE=[0] * 9 + [1]), observables=CODES), "EXCLUDE = 1",
    ),
    "an event before day 0": (
        lambda: vc.read_trial(LONG, survival=SURVIVAL | {"time": [365, -5]}),
        "time = -5 in row 2 is impossible",
    ),
    "events of others": (
        lambda: vc.read_trial(LONG, survival=SURVIVAL | {"id": [7, 8]}), "No patient of the",
    ),
    "a patient in two spellings": (
        lambda: vc.read_trial(LONG, survival=SURVIVAL | {"id": ["01", "2"]}), "'1' and '01'",
    ),
    "a patient twice": (
        lambda: vc.read_trial(LONG, survival=SURVIVAL | {"id": [1, 1]}), "Patient 1 comes again",
    ),
    "events of nobody": (
        lambda: vc.read_trial(LONG, survival={"time": [9], "event": [1]}), "names no patients",
    ),
    "a curve": (
        lambda: vc.read_trial(LONG, survival={"id": [1], "day": [9], "pfs": [1]}), "event",
    ),
    "several endpoints": (
        lambda: vc.read_trial(LONG, survival=ADTTE), "PARAMCD holds PFS, OS: .*endpoint='PFS'",
    ),
    "no such endpoint": (
        lambda: vc.read_trial(LONG, survival=ADTTE, endpoint="DOR"), "Unknown endpoint 'DOR'",
    ),
    "an endpoint of no ADTTE": (
        lambda: vc.read_trial(LONG, survival=SURVIVAL, endpoint="PFS"), "has no AVAL and CNSR",
    ),
    "an endpoint of no table": (lambda: vc.read_trial(LONG, endpoint="PFS"), "give that table"),
    "half censored": (
        lambda: vc.read_trial(LONG, survival={**ADTTE, "CNSR": [0.5] * 4}, endpoint="PFS"), "cnsr",
    ),
    **{f"no table: {given!r}": (lambda given=given: vc.read_trial(given), "table|file")
       for given in (None, 3, "nosuch.csv", [1, 2])},
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_what_is_no_trial_is_refused_by_row_and_column(fault):
    call, message = BAD[fault]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", vc.VcohortWarning)
        with pytest.raises(vc.VcohortError, match=message):
            call()


@pytest.mark.parametrize("table", [
    {"ID": ["a", "a"], "TIME": [1, 2], "DVID": [1, 1], "DV": [5.0, 6.0]},
    {"patient": ["a", "a"], "day": [1, 2], "observable": ["C_per_ul"] * 2, "value": [5.0, 6.0]},
    {"patient": ["a", "a"], "day": [1, 2], "CART": [5.0, 6.0]},
])  # fmt: skip
def test_a_code_that_the_data_do_not_hold_is_refused(table):
    known = {1: "C_per_ul", "CART": "C_per_ul"}
    held = {key: kind for key, kind in known.items()
            if key in table or ("DVID" in table and key == 1)}  # fmt: skip
    assert len(vc.read_trial(table, observables=held or None).observations) == 2
    with pytest.raises(vc.VcohortError, match="names '7', which is not in the data"):
        vc.read_trial(table, observables={**held, 7: "B_ml"})
