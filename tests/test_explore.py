"""The page's settings, numbers and turns, without a browser."""

import io
import threading
import time
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import scipy

import vcohort as vc
from vcohort.explorer import settings
from vcohort.explorer.api import page_class, study_of
from vcohort.explorer.latest import Latest
from vcohort.explorer.outlook import Patients, _responses, error_of_mean
from vcohort.explorer.picture import svg_of
from vcohort.explorer.sliders import sliders_of, value_of
from vcohort.explorer.whom import gains
from vcohort.results.trial import read_curve
from vcohort.studies.study import make_study

# The page's P(cure) is found on the grid of the survival curve, which has more days.
GRIDS = 1e-5

SVG = "{http://www.w3.org/2000/svg}"


def small(**fields):
    return settings.changed(settings.start("kimmel2021-figures"), patients=200, **fields)


def test_an_address_holds_the_whole_study():
    study = settings.with_treatments(
        settings.with_law(settings.with_value(small(), "K_C", 9e10), "killing", "crowded"),
        [{"day": 60.0, "cells": 1e9}], [{"day": 59.0, "survival": 0.1}],
    )  # fmt: skip
    assert settings.study_at(settings.address_of(study)) == study
    assert settings.read_study(settings.text_of(study)) == study
    assert settings.study_at("?other=1") is None


@pytest.mark.parametrize(("text", "says"), [
    ("preset = 'zuma2'", "Did you mean"),
    ("preset = ", "not TOML"),
    ("save_at = [1.0]", "does not show save_at"),
    ("method = 'deterministic'", "does not know"),
    ("[set]\nK_C = -1.0", "must be greater than 0"),
    ("[[infusion]]\nday = 5000.0", "5000"),
])  # fmt: skip
def test_what_is_no_study_is_told(text, says):
    with pytest.raises(vc.VcohortError, match=says):
        settings.read_study(text)


@pytest.mark.parametrize("preset", ["kimmel2021-figures", "zuma1"])
def test_a_slider_moves_the_centre_and_its_mark_is_the_presets(preset):
    study = settings.start(preset)
    for name, slider in sliders_of(study).items():
        here = value_of(study, name)
        assert slider.value(slider.position(here)) == pytest.approx(here, rel=5e-4)
        assert 0.0 <= slider.mark <= 1.0
    moved = settings.with_value(study, "r_B", 2.0 * value_of(study, "r_B"))
    assert value_of(moved, "r_B") == pytest.approx(2.0 * value_of(study, "r_B"), rel=1e-6)
    assert sliders_of(moved)["r_B"] == sliders_of(study)["r_B"]
    assert settings.with_value(moved, "r_B", None) == settings.changed(study, set={})


def test_one_patient_does_not_tell_how_others_differ():
    """The error of a mean is that of scipy, which is NaN of one."""
    few = np.array([0.2, 0.5, np.nan, 0.9])
    assert error_of_mean(few) == pytest.approx(scipy.stats.sem(few, nan_policy="omit"))
    assert np.isnan(error_of_mean(np.array([0.2])))


def test_the_numbers_are_those_of_the_public_functions():
    study = settings.with_treatments(small(), [{"day": 60.0}], [{"day": 60.0, "survival": 0.1}])
    shown = Patients(study).outlook()
    cohort, regimen = study.population().sample(200, study.run.seed), study.run.regimen
    cured = np.asarray(vc.cure_probability(cohort, 1000.0, regimen=regimen), float)
    assert shown.cured == pytest.approx(np.mean(cured), abs=GRIDS)
    free = np.asarray(vc.progression_free_probability(cohort, shown.days, regimen=regimen))
    np.testing.assert_array_equal(shown.free, np.mean(free, axis=0, dtype=float))
    assert shown.is_exact and not shown.told


def test_the_page_shows_the_patients_whom_its_study_runs():
    """A study's design lays them out, on the page as on the command line."""
    study = settings.read_study(settings.text_of(small(design="sobol", sigma=0.2)))
    patients = Patients(study)
    ds = study.simulate(progress=False)
    for name in ("K_C", "r_B"):
        np.testing.assert_array_equal(patients.outlook().values[name], ds[name].values)
    random = Patients(small(sigma=0.2)).outlook()
    assert not patients.outlook().has_patients_of(random)


def test_responses_are_shares_of_those_who_could_be_followed():
    shown = Patients(small(sigma=0.2))
    ds = shown._drawn
    lost = ds.assign(response_day_90=ds["response_day_90"].copy())
    lost["response_day_90"].values[::3] = -1
    shares, day = _responses(lost[["response_day_90"]])
    kept = ds["response_day_90"].values[np.arange(200) % 3 > 0]
    meanings = ds["response_day_90"].attrs["flag_meanings"].split()
    flags = dict(zip(meanings, ds["response_day_90"].attrs["flag_values"], strict=True))
    assert day == 90.0 and "missing" not in shares
    assert sum(shares.values()) == pytest.approx(100.0)
    for kind, share in shares.items():
        assert share == pytest.approx(100.0 * np.mean(kept == flags[kind]))


def test_fates_agree_with_the_chances_and_are_counted_where_there_is_no_law():
    """200 patients: within five standard errors."""
    exact, by_chance = small(), settings.with_law(small(sigma=0.05), "feedback", "both")
    patients = Patients(exact)
    fates, shown = patients.fates(), patients.outlook()
    error = 5.0 * np.sqrt(shown.cured * (1.0 - shown.cured) / 200)
    assert abs(fates.cure_days.size / 200 - shown.cured) < error
    assert sum(fates.shares.values()) == pytest.approx(100.0) and fates.response_day == 90.0
    counted = Patients(by_chance).outlook()
    assert counted.cured * 200 == pytest.approx(round(counted.cured * 200))
    assert not counted.is_exact


def test_whom_an_arm_helps_is_told_by_thirds():
    """A second infusion after lymphodepletion; the means of thirds, taken here one by one."""
    before = Patients(small(sigma=0.2)).outlook()
    after = Patients(settings.with_treatments(
        small(sigma=0.2), [{"day": 60.0}], [{"day": 60.0, "survival": 0.1}],
    )).outlook()  # fmt: skip
    table = gains(before, after).set_index("parameter")
    name = table.index[0]
    cohort = before.study.population().sample(200, before.study.run.seed)
    order = np.argsort(np.asarray(cohort[name]))
    change = 100.0 * (after.chances - before.chances)[order]
    assert table.loc[name, "lowest third"] == f"{change[:67].mean():+.1f}"
    assert table.loc[name, "highest third"] == f"{change[-66:].mean():+.1f}"
    assert "N0" not in table.index


def test_a_band_of_counts_has_no_gap_where_some_are_too_few_to_see():
    """And a lymphodepletion is seen: just before it, and just after it."""
    pytest.importorskip("panel")
    from vcohort.explorer.figures import Ribbons  # noqa: PLC0415 - the page is an extra

    study = settings.with_treatments(
        settings.changed(settings.start("zuma1"), patients=200), [{"day": 60.0}],
        [{"day": 60.0, "survival": 0.1}],
    )  # fmt: skip
    shown = Patients(study).outlook()
    assert (shown.car_t[0] < 1e-4).any(), "nobody has too few to see: take others"
    ribbons = Ribbons("", "blue", "car_t", "top_right")
    ribbons.show(shown)
    edges = [ribbons.source.data[name] for name in ("low", "q1", "q3", "high")]
    assert np.isfinite(edges).all() and (np.diff(edges, axis=0) >= 0).all()
    days = shown.course_days.tolist()
    before, after = (shown.normal[2, days.index(day)] for day in (60.0, 60.1))
    assert after == pytest.approx(0.1 * before, rel=0.1)


def test_a_lymphodepletion_is_offered_as_deep_as_the_first():
    study = settings.start("zuma1")
    pytest.importorskip("panel")
    from vcohort.explorer.timeline import left_by_the_first  # noqa: PLC0415 - the page is an extra

    assert left_by_the_first(study) == 0.012
    assert left_by_the_first(settings.with_value(study, "N0", 1e12)) == 1.0


def test_curves_are_saved_as_they_are_shown():
    pytest.importorskip("panel")
    from vcohort.explorer.page import table_of  # noqa: PLC0415 - the page is an extra

    shown = Patients(small()).outlook()
    table = pd.read_csv(io.StringIO(table_of(shown)))
    curve = table[table["curve"] == "progression_free_survival"]
    assert {90.0, 180.0, 365.0} < {*curve["day"]}
    np.testing.assert_allclose(curve["value"], shown.free)
    assert len({*table["curve"]}) == 11


def test_the_picture_for_print_says_what_the_page_says():
    outlook = Patients(settings.start("kimmel2021-figures")).outlook()
    trial = read_curve(vc.data.progression_free_survival())
    drawn = ElementTree.parse(svg_of(outlook, outlook, trial))
    texts = {"".join(each.itertext()).strip() for each in drawn.iter(f"{SVG}text")}
    assert {f"P(cure) {100.0 * outlook.cured:.1f} %", "trial", "pinned", "now"} <= texts
    assert {"CAR T cells per µl", "normal T cells per µl", "5 to 95 %"} <= texts
    assert {"pinned", "trial"}.isdisjoint(
        "".join(each.itertext()).strip()
        for each in ElementTree.parse(svg_of(outlook, None, None)).iter(f"{SVG}text")
    )


def test_what_a_slider_has_passed_by_is_never_computed():
    begun, go, found = threading.Event(), threading.Event(), []

    def parts(wish):
        begun.set()
        go.wait(10)
        yield wish

    latest = Latest(parts, lambda wish, part: found.append(part), lambda wish, why: None)
    latest.want(0)
    assert begun.wait(10)
    for wish in range(1, 100):
        latest.want(wish)
    go.set()
    _until(lambda: found[-1:] == [99])
    latest.end()
    assert found == [0, 99]


def test_a_failure_is_told_and_the_next_wish_is_granted(caplog):
    told, found = [], []

    def parts(wish):
        if wish == "bad":
            raise ZeroDivisionError("by nothing")
        yield wish

    latest = Latest(parts, lambda _, part: found.append(part), lambda _, why: told.append(why))
    latest.want("bad")
    _until(lambda: told)
    latest.want("good")
    _until(lambda: found)
    latest.end()
    assert "by nothing" in told[0] and found == ["good"]


def test_responses_are_of_the_day_that_the_run_reaches():
    """Of one of 60 days it is day 30, and of one of 20 there is none."""
    fates = Patients(small(horizon=60.0)).fates()
    assert fates.response_day == 30.0 and sum(fates.shares.values()) == pytest.approx(100.0)
    short = Patients(small(horizon=20.0)).fates()
    assert short.shares == {} and np.isnan(short.response_day)


@pytest.mark.parametrize("trial", ["nothing.csv", 3, {"day": [0, 1], "pfs": [0.5, 0.9]}])
def test_what_is_no_trial_is_told_before_there_is_a_server(trial):
    pytest.importorskip("panel")
    from vcohort.explorer.server import serve  # noqa: PLC0415 - the page is an extra

    with pytest.raises(vc.VcohortError):
        serve(small(), trial, browser=False)


def test_a_population_that_no_study_can_hold_is_refused():
    pytest.importorskip("panel")
    own = vc.Population("kimmel2021", K_C=vc.LogNormal(7e10, 0.3))
    with pytest.raises(vc.VcohortError, match="distributions of its own"):
        vc.explore(own)
    with pytest.raises(vc.VcohortError, match="no population"):
        vc.explore(3)


def test_a_page_outside_of_a_server_shows_the_population():
    """As in a notebook; all is computed before the next test, whose warnings are its own."""
    pytest.importorskip("panel")
    population = vc.Population("kimmel2021-figures", 0.1, K_C=8e10)
    page = page_class()(study_of(population), None)
    _until(lambda: page.outlook is not None and not page.is_busy, 120.0)
    page.end()
    cohort = population.sample(10_000, 0)
    expected = np.asarray(vc.cure_probability(cohort, 1000.0), float).mean()
    assert page.outlook.cured == pytest.approx(expected, abs=GRIDS)


def test_a_study_without_a_method_is_run_by_the_exact_one():
    assert settings.as_shown({"preset": "kimmel2021"}).run.method == "exact"
    assert make_study({"preset": "kimmel2021"}).run.method == "hybrid"


def _until(there, seconds=20.0):
    end = time.monotonic() + seconds
    while not there() and time.monotonic() < end:
        time.sleep(0.01)
    assert there()
