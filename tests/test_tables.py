"""Tables of every form: what they say is used, or refused with its place."""

import codecs
import datetime
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import vcohort as vc
from vcohort.measurements.observations import read_observations

DAYS, VALUES = [0.0, 7.0, 14.5, 28.0], [0.5, 31.6, 1234.5, 9.0]
COLUMNS = {"day": DAYS, "observable": ["C_per_ul"] * 4, "value": VALUES}
PATIENTS = ["P1", "P1", "P2", "P2"]


def lines(separator=",", sign="."):
    rows = zip(PATIENTS, DAYS, COLUMNS["observable"], VALUES, strict=True)
    table = [("patient", "day", "observable", "value"), *rows]
    texts = [[str(cell) for cell in row] for row in table]
    if sign == ",":
        texts = [[cell.replace(".", ",") for cell in row] for row in texts]
    quoted = [[f'"{cell}"' if separator in cell else cell for cell in row] for row in texts]
    return [separator.join(row) for row in quoted]


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def check(found):
    assert found.patients == ("P1", "P2")
    np.testing.assert_array_equal(found.day, DAYS)
    np.testing.assert_array_equal(found.value, VALUES)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("sign", [".", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_decimal_signs(separator, sign, end, tmp_path):
    text = end.join(lines(separator, sign)) + end
    check(read_observations(written(tmp_path, text)))


@pytest.mark.parametrize(
    "shape",
    [
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: b"sep=,\r\n" + text.encode(),
        lambda text: b'# "of" a, b; c\n#\n\n' + text.encode(),
        lambda text: (text + "\n\n,,,\n").encode(),
        lambda text: text.replace("\n", ",\n").encode() + b",",
        lambda text: text.replace(",", " , ").encode(),
    ],
    ids=["utf-8", "utf-16-le", "utf-16-be", "sep", "comments", "trailing", "no-name", "blanks"],
)
def test_ways_to_write_the_same(shape, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(read_observations(written(tmp_path, shape("\n".join(lines())))))


def test_a_separator_that_the_first_line_names(tmp_path):
    check(read_observations(written(tmp_path, "\n".join(["sep=|", *lines("|")]))))


def test_a_hash_begins_a_patient_after_the_header(tmp_path):
    text = "# of the trial\n" + "\n".join(lines()).replace("P2", "#2")
    assert read_observations(written(tmp_path, text)).patients == ("P1", "#2")


def test_blank_lines_are_told(tmp_path):
    rows = lines()
    text = "\n".join([*rows[:2], "", ",,,", *rows[2:], ""])
    with pytest.warns(vc.VcohortWarning, match=r"blank: line 3, 4\."):
        check(read_observations(written(tmp_path, text)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [*rows[:2], rows[2] + ",3", *rows[3:]], "line 3: it must have 4 fields"),
        (lambda rows: ["# a", "", *rows[:4], "P2,28"], "line 7: it must have 4 fields"),
        (lambda rows: [row.replace(".5", ",5") for row in rows], "line 2: it must have 4 fields"),
        (lambda rows: [*rows[:2], rows[2].replace("P1", '"P1'), *rows[3:]], "quote left open"),
        (lambda rows: [row.replace("patient", "Day") for row in rows], "'Day' and 'day'"),
        (lambda rows: [row.replace("patient", "da y") for row in rows], "'da y' and 'day'"),
        (lambda rows: [row.replace("patient", "day") for row in rows], "'day' and 'day'"),
        (lambda rows: [row.replace("patient", "") for row in rows], "has no name"),
        (lambda rows: rows[1:], "A column is called '0.0'"),
        (lambda rows: ["#" + rows[0], *rows[1:]], "A column is called '0.0'"),
        (lambda rows: [row.replace("day", "day;h").replace(",", ";") for row in rows], "fields"),
        (lambda rows: [row.replace("31.6", "1_000") for row in rows], "'1_000', in line 3"),
        (lambda rows: [row.replace("31.6", '"1,234"') for row in rows], "thousands.* in line 3"),
        (lambda rows: [row.replace("31.6", '"1,234.5"') for row in rows], "text, '1,234.5', in"),
        (lambda rows: [row.replace("31.6", '"1,5"') for row in rows], "decimal points, in line"),
        (lambda rows: [row.replace("31.6", "1 000") for row in rows], "text, '1 000', in line 3"),
        (lambda rows: [row.replace("31.6", "5%") for row in rows], "text, '5%', in line 3"),
        (lambda rows: [row.replace("31.6", "<5") for row in rows], "text, '<5', in line 3"),
        (lambda rows: [row.replace("31.6", "inf") for row in rows], "text, 'inf', in line 3"),
        (lambda rows: [row.replace("31.6", "1e999") for row in rows], "not finite, in line 3"),
        *(
            (lambda rows, blank=blank: [row.replace("31.6", blank) for row in rows],
             r"value = nan is impossible \(line 3\)")
            for blank in ("", ".", "NA", "NaN", "n/a", "null")
        ),
    ],
)  # fmt: skip
def test_what_a_file_leaves_open_is_refused_with_its_line(change, message, tmp_path):
    path = written(tmp_path, "\n".join(change(lines())))
    with pytest.raises(vc.VcohortError, match=message):
        read_observations(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"PK\x03\x04\xff\xfe", "is no text in UTF-8"),
        ("patient,day".encode("utf-16-le"), "is no text in UTF-8"),
        ("day;value, ml\n7;31,6\n", "holds commas and semicolons"),
        ("day;observable;value\n7;C_per_ul;1.234\n", "thousands, or one with decimals"),
        ("day;observable;value\n7;C_per_ul;1,234\n", "thousands, or one with decimals"),
        ("day;observable;value\n7,5;C_per_ul;1.234\n", "where other numbers have decimal commas"),
        ("", "no column day"),
        ("day,observable,value\n", "empty"),
    ],
)
def test_files_with_two_readings_or_none(text, message, tmp_path):
    with pytest.raises(vc.VcohortError, match=message):
        read_observations(written(tmp_path, text))


def test_decimal_commas_are_known_by_any_number_of_the_file(tmp_path):
    path = written(tmp_path, "day;observable;value\n7,5;C_per_ul;1,234\n")
    found = read_observations(path)
    assert (found.day[0], found.value[0]) == (7.5, 1.234)


FORMS = {
    "frame": pd.DataFrame,
    "frame of objects": lambda columns: pd.DataFrame(columns).astype(object),
    "frame with an index": lambda columns: pd.DataFrame(columns).set_index("patient"),
    "frame with two": lambda columns: pd.DataFrame(columns).set_index(["patient", "day"]),
    "shuffled labels": lambda columns: pd.DataFrame(columns, index=[3, 1, 0, 2]),
    "dataset": lambda columns: pd.DataFrame(columns).to_xarray(),
    "dataset by patient": lambda columns: pd.DataFrame(columns).set_index("patient").to_xarray(),
    "numpy": lambda columns: {name: np.array(each) for name, each in columns.items()},
    "decimals": lambda columns: columns | {"value": [Decimal(str(each)) for each in VALUES]},
    "fractions": lambda columns: columns | {"value": [Fraction(str(each)) for each in VALUES]},
    "numpy scalars": lambda columns: columns | {"day": [np.float64(each) for each in DAYS]},
    "texts": lambda columns: columns | {"day": [f" {each} " for each in DAYS]},
    "spans": lambda columns: columns | {"day": pd.to_timedelta(DAYS, unit="D")},
    "spans of python": lambda columns: columns | {"day": [datetime.timedelta(each)
                                                          for each in DAYS]},
    "weeks": lambda columns: columns | {"day": xr.DataArray(np.array(DAYS) / 7, dims="row",
                                                            attrs={"units": "weeks"})},
    "tuples": lambda columns: {name: tuple(each) for name, each in columns.items()},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_in_memory(form):
    found = read_observations(FORMS[form]({"patient": PATIENTS, **COLUMNS}))
    assert found.patients == ("P1", "P2")
    assert found.day == pytest.approx(DAYS) and found.value == pytest.approx(VALUES)


def twice(name):
    frame = pd.DataFrame(COLUMNS)
    return pd.concat([frame, frame[[name]]], axis=1)


def labelled(values, rows):
    return xr.DataArray(values, {"row": list(rows)}, "row")


@pytest.mark.parametrize("units", ["cells/ul", "cells / µl", "cells/\u03bcl", "as the observable"])
def test_values_may_carry_the_unit_that_they_have(units):
    value = xr.DataArray(VALUES[:2], dims="row", attrs={"units": units})
    rows = {"day": DAYS[:2], "observable": ["C_per_ul", "C_per_ul"], "value": value}
    assert read_observations(rows).value.tolist() == VALUES[:2]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (twice("value"), "'value' and 'value'"),
        (COLUMNS | {" value ": VALUES}, "'value' and ' value '"),
        (COLUMNS | {"value.1": VALUES}, "'value' and 'value.1'"),
        (COLUMNS | {"Value": VALUES}, "'value' and 'Value'"),
        (COLUMNS | {7: VALUES}, "A column is called 7"),
        (COLUMNS | {"value": "C_per_ul"}, "must be a list"),
        (COLUMNS | {"value": 3.0}, "must be a list"),
        (COLUMNS | {"value": set(VALUES)}, "must be a list"),
        (COLUMNS | {"value": np.ones((4, 2))}, "one dimension"),
        (COLUMNS | {"value": VALUES[:3]}, "one length"),
        (COLUMNS | {"value": [1.0, True, 2.0, 3.0]}, "a truth value, True, in row 2"),
        (COLUMNS | {"value": np.ones(4, bool)}, "a truth value"),
        (COLUMNS | {"value": [1.0, 2j, 2.0, 3.0]}, "no number, 2j, in row 2"),
        (COLUMNS | {"value": [1.0, [2.0], 2.0, 3.0]}, r"no number, \[2.0\], in row 2"),
        (COLUMNS | {"value": pd.to_timedelta(DAYS, unit="D")}, "no number"),
        (COLUMNS | {"day": pd.to_datetime(["2020-01-01"] * 4)}, "a date"),
        (COLUMNS | {"day": np.array(["2020-01-01"] * 4, "datetime64[D]")}, "a date"),
        (COLUMNS | {"day": ["10:30"] * 4}, "time of a clock"),
        (COLUMNS | {"value": [1.0, None, 2.0, 3.0]}, r"value = nan is impossible \(row 2\)"),
        (COLUMNS | {"value": [1.0, pd.NA, 2.0, 3.0]}, r"value = nan is impossible \(row 2\)"),
        (COLUMNS | {"value": np.ma.masked_equal(VALUES, 31.6)}, r"impossible \(row 2\)"),
        (COLUMNS | {"below": [0, 2, 0, 0]}, "2, in row 2: it must hold 1 or 0"),
        (COLUMNS | {"below": [0, None, 0, 0]}, "in row 2: it must hold 1 or 0"),
        (
            COLUMNS | {"day": pd.Series(DAYS, index=[3, 2, 1, 0]), "value": pd.Series(VALUES)},
            "different labels",
        ),
        (
            COLUMNS | {"day": labelled(DAYS, [3, 2, 1, 0]), "value": labelled(VALUES, range(4))},
            "different labels",
        ),
        (
            COLUMNS | {"day": pd.Series(DAYS), "value": labelled(VALUES, [3, 2, 1, 0])},
            "different labels",
        ),
        (COLUMNS | {"day": xr.DataArray(DAYS, dims="row", attrs={"units": "h"})}, "unit of day"),
        (
            COLUMNS | {"value": xr.DataArray(VALUES, dims="row", attrs={"units": "cells/ml"})},
            "unit of value is 'cells/ml'",
        ),
        (xr.Dataset({"value": (("a", "b"), np.ones((2, 2)))}), "one dimension"),
        (pd.DataFrame(COLUMNS).set_index(pd.Index(DAYS, name="time")), "Unknown column 'time'"),
        (list(COLUMNS.values()), "is a CSV file's path"),
    ],
)
def test_columns_that_are_not_plain(table, message):
    with pytest.raises(vc.VcohortError, match=message):
        read_observations(table)


def test_flags_as_programs_write_them():
    for flags in ([1, 0, 0, 1], [True, False, False, True], ["true", "False", "0", "1"], "1001"):
        below = read_observations(COLUMNS | {"below": list(flags)}).below
        assert below.tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    ("labels", "patients"),
    [
        ([1, 1.0, "1", " 1 "], ["1"]),
        ([np.int32(1), np.float32(1), Fraction(1), Decimal("1.0")], ["1"]),
        ([1, "2", 2.0, "1.0"], ["1", "2"]),
        (["P1", " P1", "P1\u00a0", "P1"], ["P1"]),
        ([b"P1", "P1", np.bytes_("P2"), "P2"], ["P1", "P2"]),
        (["01", "01", "02", "02"], ["01", "02"]),
        ([1.5, "1.5", 2, 2], ["1.5", "2"]),
        ([2**53 + 1, str(2**53 + 1), 2**53, 2**53], [str(2**53 + 1), str(2**53)]),
        (pd.Series([2, 1, 2, 1], dtype="category"), ["2", "1"]),
    ],
)
def test_labels_of_one_patient(labels, patients):
    found = read_observations(COLUMNS | {"patient": labels})
    assert list(found.patients) == patients


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["P1", "", "P2", "P2"], "nothing, in row 2"),
        (["P1", "  ", "P2", "P2"], "nothing, in row 2"),
        (["P1", "P1", None, "P2"], "nothing, in row 3"),
        (["P1", ["P1"], "P2", "P2"], "no label, .*, in row 2"),
        (["P1", "P1", ("P2",), "P2"], "no label, .*, in row 3"),
        ([1, 1, np.nan, 2], "nothing, in row 3"),
        ([1, 1, pd.NA, 2], "nothing, in row 3"),
        (["P1", "P1", "NA", "P2"], "nothing, in row 3"),
        ([1, True, 2, 2], "a truth value, True, in row 2"),
        (["1", "01", "2", "2"], "'1' and '01'"),
        ([1000, "1e3", 2, 2], "'1000' and '1e3'"),
        ([1e17, 1, 2, 2], "last digits are lost"),
    ],
)
def test_labels_that_name_nobody_or_two(labels, message):
    with pytest.raises(vc.VcohortError, match=message):
        read_observations(COLUMNS | {"patient": labels})


@pytest.mark.parametrize("labels", [("P1", "p1"), ("P 1", "P1"), ("Jose\u0301", "Jos\u00e9")])
def test_labels_that_look_alike_are_told(labels):
    with pytest.warns(vc.VcohortWarning, match="they are taken for two"):
        found = read_observations(COLUMNS | {"patient": [*labels, *labels]})
    assert found.patients == labels


@pytest.mark.parametrize("limit", [0.0, -1.0, np.nan, np.inf, True, "1"])
def test_limits_of_detection_that_are_none(limit):
    with pytest.raises(vc.VcohortError, match="detection_limit"):
        vc.data.fit_table(detection_limit=limit)


def test_the_built_in_table_is_read_in_every_form():
    table = vc.data.fit_table("q1", "median", detection_limit=0.5)
    for each in (table, table.to_dataframe()):
        found = read_observations(each)
        assert found.patients == ("q1", "median") and found.below.sum() == 2
    with pytest.raises(vc.VcohortError, match="twice"):
        vc.data.fit_table("q1", "q1")
    with pytest.raises(vc.VcohortError, match="Unknown quartile"):
        vc.data.fit_table(["q1", "median"])
