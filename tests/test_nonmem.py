"""NONMEM rows: every dose that they speak of is given, or they are refused."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import vcohort as vc


def given(rows):
    """Return days and cells of the infusions, an array (infusion, 2) or (infusion, 2, patient)."""
    return np.array([(each.day, each.cells) for each in vc.Regimen.from_nonmem(rows).treatments])


TWO = {"TIME": [0, 28], "AMT": [1.8e8, 2e8]}


@pytest.mark.parametrize(
    "rows",
    [
        TWO,
        {"time": [0, 28], " amt ": ["1.8e8", "2E8"]},
        TWO | {"EVID": [1, 1]},
        TWO | {"EVID": ["1", " 1.0"], "MDV": [1, 1], "CMT": [1, 1], "DV": [".", 7.0]},
        TWO | {"SS": [0, "."], "RATE": ["0", ""], "DUR": [0.0, None], "DATE": [".", np.nan]},
        TWO | {"C": [".", ""], "ID": [7, "7"], "WT": [70.0, 71.0], "SEX": ["f", "f"]},
        TWO | {"C": [31.6, 9.1], "DOSE": [1.8e8, 2e8], "II": [0, "."], "ADDL": [".", 0]},
        pd.DataFrame({"TIME": [0.0, 5.0, 28.0], "AMT": [1.8e8, np.nan, 2e8], "EVID": [1, 0, 1],
                      "MDV": [1, 0, 1], "CMT": [1, 2, 1]}),
        {"TIME": [0, 3, 5, 28], "AMT": [1.8e8, 0, ".", 2e8], "EVID": [1, 0, 2, 1],
         "MDV": [1, 1, 1, 1]},
        {"TIME": [0, 3, 5, 28], "AMT": [1.8e8, ".", 0, 2e8], "EVID": [1, ".", "", 1]},
        {"TIME": [-7, 0, 28], "AMT": [0, 1.8e8, 2e8]},
        pd.DataFrame(TWO).astype({"AMT": "Int64"}),
        pd.DataFrame(TWO).assign(ID=3).set_index("ID"),
        {"TIME": pd.to_timedelta([0, 28], unit="D"), "AMT": [1.8e8, 2e8]},
    ],
)  # fmt: skip
def test_rows_that_say_what_is_given(rows):
    np.testing.assert_array_equal(given(rows), [[0, 1.8e8], [28, 2e8]])


def test_repeats_and_patients():
    rows = {"ID": [2, 2, "1", 1.0], "TIME": [0, 10, 0, 5], "AMT": [1e8, 3e8, 2e8, 4e8],
            "ADDL": [0, 2, 1, 0], "II": [0, 7, 20, 0]}  # fmt: skip
    days = [[0, 0], [10, 5], [17, 20], [24, np.inf]]
    cells = [[1e8, 2e8], [3e8, 4e8], [3e8, 2e8], [3e8, 0]]
    np.testing.assert_array_equal(given(rows), np.stack([days, cells], axis=1))


def column(values, units):
    return xr.DataArray(values, dims="row", attrs={"units": units})


@pytest.mark.parametrize(
    "interval",
    [[1.0, 0.0], column([1.0, 0.0], "week"), column([7.0, 0.0], "d"),
     pd.to_timedelta([7, 0], unit="D"), pd.to_timedelta([7, None], unit="D")],
)  # fmt: skip
def test_intervals_are_in_the_unit_of_the_days_unless_they_carry_their_own(interval):
    rows = {"TIME": column([0.0, 4.0], "weeks"), "AMT": column([1e8, 2e8], "cells"),
            "ADDL": [2, 0], "II": interval}  # fmt: skip
    np.testing.assert_array_equal(given(rows), [[0, 1e8], [7, 1e8], [14, 1e8], [28, 2e8]])


@pytest.mark.parametrize(
    ("name", "units"), [("AMT", "1e6 cells"), ("AMT", "cells/kg"), ("TIME", "h"), ("II", "hours")]
)
def test_other_units_are_refused(name, units):
    rows = {"TIME": [0.0, 28.0], "AMT": [1e8, 2e8], "ADDL": [1, 0], "II": [7.0, 0.0]}
    with pytest.raises(vc.VcohortError, match=rf"The unit of \w+ is '{units}'"):
        vc.Regimen.from_nonmem(rows | {name: column(rows[name], units)})


def test_a_file_with_semicolons_and_decimal_commas(tmp_path):
    path = tmp_path / "doses.csv"
    path.write_text("sep=;\nID;TIME;AMT;EVID\n1;0;1,8e8;1\n1;27,5;2e8;1\n")
    np.testing.assert_array_equal(given(path), [[0, 1.8e8], [27.5, 2e8]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # A row that speaks of a dose, and is none.
        *(({"EVID": [1, event]}, "AMT = .* in row 2: EVID says that the row is no dose")
          for event in (0, 2, ".", "", None, np.nan)),
        *(({"EVID": [1, 1], "AMT": [1e8, cells]}, "AMT = .* in row 2: EVID says that the row is a")
          for cells in (0, ".", "", None, np.nan)),
        *(({"EVID": [1, event], "AMT": [1e8, -1e8]}, "AMT = .* in row 2: A dose is of more")
          for event in (0, 1, 2, ".")),
        ({"AMT": [1e8, -1e8]}, "A dose is of more"),
        # Events that are not known.
        *(({"EVID": [1, event]}, "is not known here") for event in (3, 4, 5, -1, 1.5)),
        # Repeats.
        ({"II": [0, 28]}, "II = 28 in row 2: It needs ADDL"),
        ({"ADDL": [0, 3]}, "ADDL = 3 in row 2: It needs II"),
        ({"ADDL": [0, 3], "II": [7, 0]}, "ADDL = 3 in row 2: It needs II"),
        ({"ADDL": [0, 3], "II": [0, -7]}, "It needs II"),
        ({"II": [0, -7]}, "It needs ADDL"),
        *(({"ADDL": [0, many], "II": [0, 7]}, "ADDL = .* whole number")
          for many in (-1, 1.5, 1e9)),
        ({"AMT": [1e8, 0], "ADDL": [0, 1], "II": [0, 7]}, "no dose that could be repeated"),
        ({"AMT": [1e8, 0], "II": [0, 7]}, "II = 7 in row 2"),
        # What would make the dose another one.
        *(({name: [0, value]}, f"{name.upper()} = {value} in row 2: .* not known here")
          for name in ("SS", "RATE", "DUR", "TINF", "rate", "CONT", "EXCLUDE", "OMIT")
          for value in (1, -2, "1")),
        ({"SS": [0, 2], "II": [0, 7], "ADDL": [0, 1]}, "SS = 2 in row 2: Doses at steady state"),
        *(({name: ["0", "2020-01-02"]}, "A date is not known")
          for name in ("DATE", "DAT1", "DAT2", "DAT3")),
        ({"CMT": [1, 2]}, "CMT = 2 in row 2: The first dose goes elsewhere"),
        ({"CMT": [1, "."]}, r"CMT = \. in row 2: The first dose goes elsewhere"),
        ({"ADM": [2, 1]}, "ADM = 1 in row 2"),
        ({"CMT": [-1, -1]}, "turned off"),
        ({"CMT": ["blood", "blood"]}, "CMT holds text"),
        ({"MDV": [1, 0]}, "MDV = 0 in row 2: The row is a dose"),
        ({"DOSE": [1.8e8, 3e8]}, "DOSE = .* in row 2: AMT is another"),
        # Rows that are comments.
        *(({"C": ["", mark]}, "C = .* in row 2: It marks the row as a comment")
          for mark in ("C", "c", "#", "@", "comment")),
        ({"ID": ["1", "#1"]}, "ID holds text|marks the row"),
        ({"ID": ["1", "C1"]}, "ID holds text"),
        # Patients.
        ({"ID": [1, ""]}, "ID holds nothing, in row 2"),
        ({"ID": [1, None]}, "ID holds nothing, in row 2"),
        ({"ID": ["1", "01"]}, "'1' and '01'"),
        # Days.
        ({"TIME": [0, "10:30"]}, "TIME holds the time of a clock"),
        *(({"TIME": [0, blank]}, "TIME = .* in row 2: Every row") for blank in ("", ".", None)),
        ({"TIME": [28, 0]}, "TIME = 0 in row 2: It is before that of the row above"),
        ({"TIME": [0, np.inf]}, "not finite"),
        ({"time": [0, 7]}, "'TIME' and 'time'"),
        ({"TIME.1": [0, 7]}, "'TIME' and 'TIME.1'"),
        ({"AMT ": [1e8, 1e8]}, "'AMT' and 'AMT '"),
        ({"AMT": [1e8, True]}, "truth value"),
        ({"AMT": ["1.8e8", "1,800"]}, "thousands"),
        ({"AMT": ["1.8e8", "2d8"]}, "AMT holds text"),
    ],
)  # fmt: skip
def test_doses_that_would_be_lost(changes, message):
    with pytest.raises(vc.VcohortError, match=message):
        vc.Regimen.from_nonmem(TWO | changes)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"ID": [1, 2, 1], "TIME": [0, 0, 28], "AMT": [1e8] * 3}, "ID = 1 in row 3: It came"),
        ({"ID": [1, 1, 2], "TIME": [0, 28, 0], "AMT": [1e8, 1e8, 0]}, "first dose .* missing"),
        ({"ID": [1, 1, 2, 2], "TIME": [0, 28, 9, 0], "AMT": [1e8] * 4}, "TIME = 0 in row 4"),
        ({"#N": [1, 2], "TIME": [0, 28], "AMT": [1e8] * 2, "C": [".", "C"]}, "C = C in row 2"),
        ({"N": ["1", "#"], "TIME": [0, 28], "AMT": [1e8] * 2}, "N = # in row 2: It marks"),
        ({"TIME": [], "AMT": []}, "no row"),
    ],
)
def test_rows_that_are_out_of_order(rows, message):
    with pytest.raises(vc.VcohortError, match=message):
        vc.Regimen.from_nonmem(rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#ID,TIME,AMT\n1,0,1e8\n", "A column is called '1'"),
        ("ID,TIME,AMT\n1,0,1e8\n#1,28,1e8\n", "ID = #1 in line 3: It marks the row"),
        ("ID,TIME,AMT\n1,0,1e8\n1,28\n", "line 3: it must have 3 fields"),
        ("ID,TIME,AMT\n-,day,cells\n1,0,1e8\n", "column AMT holds text, 'cells', in line 2"),
        ("ID TIME AMT\n1 0 1e8\n", "no TIME and no AMT"),
        ("ID,TIME,TIME,AMT\n1,0,0,1e8\n", "'TIME' and 'TIME'"),
        ("ID,TIME,AMT,\n1,0,1e8,5\n", "has no name"),
    ],
)
def test_files_that_are_not_plain(text, message, tmp_path):
    path = tmp_path / "doses.csv"
    path.write_text(text)
    with pytest.raises(vc.VcohortError, match=message):
        vc.Regimen.from_nonmem(path)


def test_units_of_doses_that_a_column_says():
    rows = {"TIME": [0, 2], "AMT": [1.8e8, 2e8], "TIMEU": ["weeks", "."], "AMTU": ["cells"] * 2}
    assert vc.Regimen.from_nonmem(rows) == vc.Regimen(
        vc.Infusion(0.0, 1.8e8), vc.Infusion(14.0, 2e8)
    )
    for name, unit, message in (
        ("AMTU", "1e8 cells", "The unit of AMT is '1e8 cells'"),
        ("TIMEU", "h", "The unit of TIME is 'h'"),
    ):
        with pytest.raises(vc.VcohortError, match=message):
            vc.Regimen.from_nonmem(rows | {name: [unit] * 2})
