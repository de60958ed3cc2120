"""Clinical pictures show the numbers of cohorts made by hand, and those of closed forms."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

import vcohort as vc
from tests.pictures import LONG, dosed, indices, local, swept
from vcohort import plots
from vcohort.models.species import Cells
from vcohort.plots import style
from vcohort.plots.layout import panel, picture
from vcohort.plots.phase_portrait import rates_of
from vcohort.plots.ticks import follow_up_ticks
from vcohort.results.patients import patients_of, regimen_of

CURE, PROGRESSION, UNDECIDED = 1, 2, 0


def made(**more):
    """Five patients: two cures, two progressions, one undecided; tumours of 100 cells at first."""
    over = "patient"
    size = np.array([[100, 40, 0, 0], [100, 90, 30, 0], [100, 60, 110, 500], [100, 130, 400, 900],
                     [100, 70, 65, 80]], float)  # fmt: skip
    return xr.Dataset(
        {"outcome": (over, [CURE, CURE, PROGRESSION, PROGRESSION, UNDECIDED]),
         "event_time": (over, [20.0, 50.0, 40.0, 5.0, 90.0]),
         "followed_until": (over, [90.0] * 5),
         "B0": (over, [100.0] * 5), "B": ((over, "time"), size),
         "nadir": (over, [0.0, 0.0, 55.0, 99.0, 60.0]), **more},
        {"patient": ["a", "b$x$", "c", "d", "e"], "time": [0.0, 10.0, 30.0, 60.0]},
        {"progression": 1.2, "horizon": 90.0, "threshold": 10.0},
    )  # fmt: skip


def bars_of(axes):
    return sorted(patch.get_height() for patch in axes.patches)


def words_below(axes):
    return [text.get_text() for text in axes.texts]


def test_a_waterfall_shows_the_best_change_up_to_progression():
    """Patient c is seen at -40 before it progresses on day 40; d progresses before any visit."""
    axes = plots.waterfall(made())
    np.testing.assert_allclose(bars_of(axes), [-100, -100, -40, -35, 20], atol=1e-9)
    places = [patch.get_x() for patch in axes.patches]
    heights = [patch.get_height() for patch in axes.patches]
    ordered = np.array(heights)[np.argsort(places)]
    assert (np.diff(ordered) <= 0).all()
    assert "3 days kept, to day 60" in words_below(axes)[0]


def test_without_courses_a_waterfall_shows_the_nadir():
    axes = plots.waterfall(made().drop_dims("time"))
    np.testing.assert_allclose(bars_of(axes), [-100, -100, -45, -40, -1], atol=1e-9)
    with pytest.raises(vc.VcohortError, match=r"vc\.simulate with save_at=.*vc\.Nadir\(\)"):
        plots.waterfall(made().drop_dims("time").drop_vars("nadir"))


def test_bars_are_coloured_by_the_best_response_or_the_outcome():
    responses = ("patient", [0, 1, 1, 3, 2])
    axes = plots.waterfall(made(best_response=responses))
    highest = max(axes.patches, key=lambda patch: patch.get_height())
    assert to_hex(highest.get_facecolor()).upper() == style.RESPONSE[3]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts[:4] == ["complete response", "partial response", "stable disease",
                         "progressive disease"]  # fmt: skip
    assert plots.waterfall(made()).get_legend().get_texts()[0].get_text() == "cure"


def test_all_clones_count_in_a_waterfall():
    ds = made(E=(("patient", "time"), np.full((5, 4), 50.0), {"counted_as": "B"}),
              E0=("patient", [100.0] * 5))  # fmt: skip
    found = bars_of(plots.waterfall(ds))
    np.testing.assert_allclose(found, [-75, -75, -45, -42.5, 20], atol=1e-9)


@pytest.mark.parametrize("count", [399, 401, 5000])
def test_of_many_bars_evenly_spaced_ones_are_drawn(count):
    nadir = np.random.default_rng(0).permutation(np.linspace(0.0, 100.0, count))
    ds = xr.Dataset(
        {"outcome": ("patient", np.zeros(count, int)), "event_time": ("patient", np.ones(count)),
         "nadir": ("patient", nadir), "B0": ("patient", np.full(count, 100.0))}
    )  # fmt: skip
    axes = plots.waterfall(ds)
    found = bars_of(axes)
    assert len(found) == min(count, 400)
    np.testing.assert_allclose(found, np.linspace(-100.0, 0.0, len(found)), atol=200 / count)
    assert ("400 of" in words_below(axes)[0]) == (count > 400)


def test_a_spider_follows_each_tumour_to_its_event():
    axes = plots.spider(made())
    lines = {tuple(line.get_xdata()): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(lines[0.0, 10.0, 20.0, 30.0, 60.0], [0, -60, -100, -100, -100])
    np.testing.assert_allclose(lines[0.0, 10.0, 30.0, 40.0], [0, -40, 10, 20])
    np.testing.assert_allclose(lines[0.0, 5.0], [0, 20])
    np.testing.assert_allclose(lines[0.0, 10.0, 30.0, 60.0], [0, -30, -35, -20])
    marks = {tuple(line.get_xdata()) for line in axes.lines if line.get_marker() in "xo"}
    assert marks == {(20.0,), (50.0,), (40.0,), (5.0,)}
    with pytest.raises(vc.VcohortError, match="save_at"):
        plots.spider(made().drop_dims("time"))


def test_a_swimmer_has_a_lane_for_each_patient():
    regimen = vc.Regimen(vc.Infusion(30.0), vc.Lymphodepletion(25.0, 0.01))
    answers = {"response_day_30": ("patient", [0, 1, 1, 3, 2]),
               "response_day_60": ("patient", [0, 0, 3, 3, 1])}  # fmt: skip
    ds = made(**answers)
    ds.attrs["regimen_record"] = json.dumps(regimen.to_record(by_variable=True))
    axes = plots.swimmer(ds)
    places = dict(zip(axes.get_yticks().round(), axes.get_yticklabels(), strict=True))
    lanes = {
        places[round(patch.get_y() + 0.35)].get_text(): patch.get_width() for patch in axes.patches
    }
    assert lanes == {"a": 90.0, "b$x$": 90.0, "c": 40.0, "d": 5.0, "e": 90.0}
    assert not any(label.get_parse_math() for label in places.values())
    ends = [bar.get_width() for bar in sorted(axes.patches, key=lambda bar: bar.get_y())]
    assert ends == sorted(ends)
    marks = {label: sorted(line.get_xdata()) for line in axes.lines
             for label in [line.get_marker()] if label not in ("None", "o")}  # fmt: skip
    assert marks == {"^": [30.0] * 5, "v": [25.0] * 5, "*": [20.0, 50.0], "x": [5.0, 40.0],
                     ">": [90.0] * 3}  # fmt: skip
    complete, partial = (line for line in axes.lines if line.get_marker() == "o")
    assert sorted(complete.get_xdata()) == [30.0, 60.0, 60.0]
    assert sorted(partial.get_xdata()) == [30.0, 30.0, 60.0]


@pytest.mark.parametrize(("late", "end"), [(40.0, 720.0), (900.0, 900.0)])
def test_a_swimmer_ends_where_nothing_happens_any_more(late, end):
    ds = made(followed_until=("patient", [2000.0] * 5))
    ds["event_time"] = ("patient", [20.0, 50.0, late, 5.0, 2000.0])
    axes = plots.swimmer(ds)
    assert axes.get_xlim() == (0.0, end)
    (arrows,) = (line for line in axes.lines if line.get_marker() == ">")
    assert arrows.get_xdata().tolist() == [end] * 3
    assert axes.get_legend().get_texts()[-1].get_text() == "followed to day 2,000"


def test_a_hazard_that_is_none_is_seen(figures):
    """Of a tumour that is not killed."""
    ds = vc.simulate(figures(0.1, gamma_B=1e-3).sample(1, seed=1), "exact", 100.0, progress=False)
    hazard = plots.patient_card(ds, [0.0, 50.0, 100.0])[2]
    (rates,) = (patch.get_data().values for patch in hazard.patches)
    assert (rates < 1e-6).all() and hazard.get_ylim()[0] < 0.0


@pytest.mark.parametrize(
    "draw", [plots.car_t_kinetics, plots.trajectories, plots.waterfall, plots.spider,
             plots.swimmer, plots.tumour_responses],
)  # fmt: skip
def test_one_patient_that_was_selected_is_drawn(draw):
    cells = ("patient", "time"), np.full((5, 4), 1e9)
    ds = made(N=cells, C=cells, best_response=("patient", np.zeros(5, np.int8)))

    def lines(ds):
        drawn = draw(ds)
        axes = drawn if isinstance(drawn, Axes) else drawn[1]
        return [line.get_xydata().tolist() for line in axes.lines]

    assert lines(ds.isel(patient=2)) == lines(ds.isel(patient=[2]))


def test_day_0_alone_is_no_course():
    ds = made().isel(time=[0])
    assert bars_of(plots.waterfall(ds)) == bars_of(plots.waterfall(made().drop_dims("time")))
    with pytest.raises(vc.VcohortError, match="day 0"):
        plots.spider(ds)


def test_responses_of_nobody_are_refused():
    with pytest.raises(vc.VcohortError, match="No patient is left"):
        plots.tumour_responses(made(best_response=("patient", np.full(5, -1, np.int8))))


def test_shares_of_responses_stand_above_the_trial_s():
    ds = made(best_response=("patient", [0, 0, 1, 3, 3]))
    axes = plots.tumour_responses(ds, trial={"CR": 0.6, "PR": 0.1})
    assert words_below(axes) == ["40%", "20%", "0%", "40%"]
    assert [text.xy[1] for text in axes.texts] == pytest.approx([0.6, 0.2, 0.0, 0.4])


def test_each_patient_has_its_own_treatments_in_a_swimmer(figures):
    days = np.array([20.0, np.inf, 60.0])
    ds = vc.simulate(
        figures(0.1).sample(3, seed=1), "deterministic", 90.0, progress=False, tolerance=1e-2,
        regimen=vc.Regimen(vc.Infusion(days)), endpoints=[],
    )  # fmt: skip
    axes = plots.swimmer(ds)
    (given,) = (line for line in axes.lines if line.get_marker() == "^")
    assert sorted(given.get_xdata()) == [20.0, 60.0]
    one = plots.swimmer(ds.isel(patient=[2]))
    assert next(line for line in one.lines if line.get_marker() == "^").get_xdata() == [60.0]


def test_pictures_of_single_patients_say_how_many_they_leave_out():
    count = 130
    ds = xr.concat([made()] * (count // 5), "patient", data_vars="minimal")
    ds = ds.assign_coords(patient=np.arange(count))
    for draw, most in ((plots.swimmer, 40), (plots.spider, 100)):
        assert words_below(draw(ds))[-1] == f"The first {most} of 130 patients."
    assert len(plots.swimmer(ds).patches) == 40


NUMBERS = {"time": [5.0, 10.0, 10.0, 20.0, 30.0, 40.0], "event": [1, 1, 0, 0, 1, 0]}


def test_survival_has_steps_marks_and_numbers_at_risk():
    axes = plots.progression_free_survival({"trial": NUMBERS, LONG: made()})
    days, survival = axes.lines[0].get_data()
    at = dict(zip(days, survival, strict=True))
    # By hand: 5/6, then 4/5 of it, then 1/2 of it.
    for day, expected in ((0.0, 1.0), (5.0, 5 / 6), (10.0, 4 / 6), (30.0, 2 / 6)):
        assert at[day] == pytest.approx(expected)
    assert axes.lines[0].get_drawstyle() == "steps-post"
    marks = axes.collections[1].get_offsets()
    np.testing.assert_allclose(marks, [[10, 4 / 6], [20, 4 / 6], [40, 2 / 6]])
    ticks = follow_up_ticks(90.0)
    words = words_below(axes)
    start = words.index("trial") + 1
    expected = [str(sum(time >= day for time in NUMBERS["time"])) for day in ticks]
    assert words[start : start + ticks.size] == expected
    # Of the cohort's patients one progresses on day 5 and one on day 40; the rest go on to day 90.
    free = [sum(end >= day for end in (90, 90, 40, 5, 90)) for day in ticks]
    assert words[-ticks.size :] == list(map(str, free))


@pytest.mark.parametrize("days", [None, [0.0, 10.0, 35.0]])
def test_an_estimate_is_drawn_as_the_patients_that_it_is_of(days, tmp_path):
    found = vc.load(vc.save(vc.kaplan_meier(NUMBERS), tmp_path / "it.nc"))
    one, other = (plots.progression_free_survival({"a": each}, days) for each in (NUMBERS, found))
    np.testing.assert_array_equal(one.lines[0].get_data(), other.lines[0].get_data())
    assert words_below(one) == words_below(other)
    with pytest.raises(vc.VcohortError, match="outside the run"):
        plots.progression_free_survival({"a": found}, [41.0])


@pytest.mark.parametrize("last", [0.2, 3.0, 28.0, 90.0, 365.0, 720.0, 2000.0, 9000.0])
def test_days_of_a_follow_up_are_few_and_within_it(last):
    days = follow_up_ticks(last)
    assert 2 <= days.size <= 7 and days[0] == 0 and days[-1] <= last * (1 + 1e-9)
    np.testing.assert_allclose(np.diff(days), days[1])


def test_single_patients_are_drawn_beside_the_percentiles():
    cells = np.geomspace(1e8, 1e11, 40)[:, None] * np.array([1.0, 0.1])
    ds = xr.Dataset({"C": (("patient", "time"), cells)}, {"time": [0.0, 7.0]})
    axes = plots.car_t_kinetics(ds, individuals=3)
    median, *single = axes.lines
    np.testing.assert_allclose(median.get_ydata(), np.median(cells, axis=0) / 5e8)
    np.testing.assert_allclose([line.get_ydata() for line in single], cells[:3] / 5e8)
    for band, (low, high) in zip(axes.collections, ((0.05, 0.95), (0.25, 0.75)), strict=True):
        drawn = band.get_paths()[0].vertices[:, 1]
        ends = np.quantile(cells[:, 0], [low, high]) / 5e8
        assert drawn.max() == pytest.approx(ends[1])
        lowest = np.quantile(cells[:, 1], low) / 5e8
        assert drawn.min() == pytest.approx(lowest)
    assert len(plots.car_t_kinetics(ds, individuals=0).lines) == 1


def test_events_are_stacked_in_the_colours_of_outcomes():
    axes = plots.cumulative_incidence(made(), [0.0, 30.0, 60.0])
    cure, progression = axes.collections
    assert to_hex(cure.get_facecolor()[0]).upper() == style.OUTCOME[CURE]
    assert to_hex(progression.get_facecolor()[0]).upper() == style.OUTCOME[PROGRESSION]
    # Two of five are cured by day 60, and two progress: stacked they reach four fifths.
    assert cure.get_paths()[0].vertices[:, 1].max() == pytest.approx(0.4)
    assert progression.get_paths()[0].vertices[:, 1].max() == pytest.approx(0.8)


@pytest.mark.parametrize("change", [0.01, 0.3])
@pytest.mark.parametrize("output", [None, "C_max"])
def test_a_tornado_shows_both_directions(output, change):
    ds = local()
    axes = plots.tornado(ds, output, change=change)
    slope = ds["output_sensitivity"].values[0, 0 if output is None else 1]
    order = np.argsort(np.abs(slope), kind="stable")
    widths = np.array([patch.get_width() for patch in axes.patches]).reshape(2, -1)
    np.testing.assert_allclose(widths[0], slope[order] * np.log(1 + change))
    np.testing.assert_allclose(widths[1], slope[order] * np.log(1 - change))
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [style.symbols(ds["parameter"].values)[index] for index in order]
    assert r"P\$1\$" in words_below(axes)[0]


def test_a_tornado_of_variances_shows_their_shares():
    axes = plots.tornado(indices())
    total = sorted(indices()["total"].values[0])
    np.testing.assert_allclose([patch.get_width() for patch in axes.patches[9:]], total)
    with pytest.raises(vc.VcohortError, match="Did you mean 'cure'"):
        plots.tornado(indices(), "cured")
    bare = local().drop_vars(["output_sensitivity", "output_value"])
    assert plots.tornado(bare).get_xlabel() == "change of P(cure)"
    for wrong in (bare.drop_vars("cure_sensitivity"), swept(), "text"):
        with pytest.raises(vc.VcohortError, match=r"vc\.local_sensitivity with outputs"):
            plots.tornado(wrong)
    with pytest.raises(vc.VcohortError, match="between 0 and 1"):
        plots.tornado(local(), change=1.0)


def test_doses_are_in_millions_of_cells_on_a_log_axis():
    ds = dosed()
    axes = plots.dose_response(ds, ["cure_probability", "pfs"], at={"day": 365})
    assert axes.get_xscale() == "log"
    for line, name, at in zip(axes.lines, ("cure_probability", "pfs"), ({}, {"day": 365.0}),
                              strict=True):  # fmt: skip
        np.testing.assert_allclose(line.get_xdata(), ds["C0"] / 1e6)
        np.testing.assert_allclose(line.get_ydata(), ds[name].sel(r_B=0.1, **at))
    assert "365" in words_below(axes)[-1] and "0.1 /day" in words_below(axes)[-1]
    for wrong, message in (
        (lambda: plots.dose_response(swept()), "one dose is needed"),
        (lambda: plots.dose_response(ds, ["cured"]), "Unknown variable 'cured'"),
        (lambda: plots.dose_response(ds, at={"dya": 3.0}), "Unknown dimension 'dya'"),
        (lambda: plots.dose_response(ds, "pfs"), "no list of names"),
    ):
        with pytest.raises(vc.VcohortError, match=message):
            wrong()


def exposed(count=400, slope=1.5):
    """Patients whose cure depends on the log of their peak by a logistic law."""
    rng = np.random.default_rng(2)
    peak = np.exp(rng.normal(23.0, 1.5, count))
    cured = rng.random(count) < scipy.special.expit(slope * (np.log(peak) - 23.0))
    return xr.Dataset(
        {"outcome": ("patient", np.where(cured, CURE, PROGRESSION)), "C_max": ("patient", peak),
         "event_time": ("patient", np.ones(count)), "K_C": ("patient", 1.0 + rng.random(count))}
    )  # fmt: skip


@pytest.mark.parametrize("groups", [2, 4, 7])
@pytest.mark.parametrize(("exposure", "scale"), [("C_max", 5e8), ("K_C", 1.0)])
def test_exposures_are_grouped_and_fitted(exposure, scale, groups):
    ds = exposed()
    axes = plots.exposure_response(ds, exposure, groups=groups)
    points, curve = axes.containers[0].lines[0], axes.lines[-1]
    level, cured = ds[exposure].values / scale, ds["outcome"].values == CURE
    parts = np.array_split(np.argsort(level, kind="stable"), groups)
    np.testing.assert_allclose(points.get_xdata(), [np.median(level[part]) for part in parts])
    np.testing.assert_allclose(points.get_ydata(), [cured[part].mean() for part in parts])
    # The curve is that of greatest likelihood: its score vanishes on both coefficients.
    is_log = exposure == "C_max"
    assert axes.get_xscale() == ("log" if is_log else "linear")
    x, y = curve.get_data()
    z = np.log(x) if is_log else x
    slope, intercept = np.polyfit(z, scipy.special.logit(y), 1)
    of = np.log(level) if is_log else level
    left = cured - scipy.special.expit(intercept + slope * of)
    assert abs(left.mean()) < 1e-4 and abs((left * (of - of.mean())).mean()) < 1e-4


def test_bars_of_exposures_are_wilsons_intervals():
    ds = exposed(40)
    axes = plots.exposure_response(ds, groups=2)
    segments = axes.containers[0].lines[2][0].get_segments()
    cured = (ds["outcome"].values == CURE)[np.argsort(ds["C_max"].values)]
    for segment, part in zip(segments, np.split(cured, 2), strict=True):
        share, n, z = part.mean(), part.size, scipy.stats.norm.ppf(0.975)
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        np.testing.assert_allclose(segment[:, 1], [middle - half, middle + half])


@pytest.mark.parametrize("cured", ["none", "all", "apart"])
def test_no_line_is_drawn_where_no_slope_is_the_most_likely(cured):
    peak = np.linspace(1e9, 2e9, 40)
    which = {"none": np.zeros(40), "all": np.ones(40), "apart": peak > 1.5e9}[cured]
    ds = xr.Dataset(
        {"outcome": ("patient", np.where(which, CURE, PROGRESSION)), "C_max": ("patient", peak),
         "event_time": ("patient", np.ones(40))}
    )  # fmt: skip
    axes = plots.exposure_response(ds)
    assert len(axes.lines) == 3 and "No regression" in words_below(axes)[-1]


def test_exposures_that_there_are_not_are_refused():
    ds = exposed(6)
    for wrong, message in (
        (lambda: plots.exposure_response(ds.drop_vars("C_max")), r"vc\.Kinetics\(\)"),
        (lambda: plots.exposure_response(ds, event="cured"), "Did you mean 'cure'"),
        (lambda: plots.exposure_response(ds, groups=7), "6 patients make no 7 groups"),
        (lambda: plots.exposure_response(ds, groups=1), "at least 2"),
    ):
        with pytest.raises(vc.VcohortError, match=message):
            wrong()


def test_a_map_of_cure_hatches_where_a_trial_lies():
    ds = swept((9, 9, 2))
    axes = plots.cure_map(ds, x="K_C", y="gamma_B", at={"r_B": 0.061}, trial=(0.3, 0.5))
    mesh, contours, region, edge = axes.collections[:4]
    shown = np.asarray(mesh.get_array()).reshape(9, 9)
    np.testing.assert_allclose(shown, ds["cure_probability"].sel(r_B=0.061).transpose())
    assert list(region.levels) == list(edge.levels) == [0.3, 0.5]
    np.testing.assert_allclose(contours.levels, np.arange(1, 10) / 10)
    assert {text.get_text() for text in axes.texts} >= {"0.1", "0.5", "0.9"}
    assert "0.061 /day" in words_below(axes)[-1]
    assert "0.3 to 0.5" in axes.get_legend().get_texts()[0].get_text()
    for trial in ((0.5, 0.3), (0.1,), (-0.1, 0.5), 0.4, "a"):
        with pytest.raises(vc.VcohortError, match="trial"):
            plots.cure_map(ds, x="K_C", y="gamma_B", trial=trial)
    with pytest.raises(vc.VcohortError, match="two values of r_B"):
        plots.cure_map(ds.isel(r_B=[0]), x="r_B", y="K_C")


def test_a_legend_lies_above_the_power_of_an_axis():
    axes = plots.cure_map(swept(), x="gamma_B", y="K_C", trial=(0.3, 0.5))
    axes.figure.draw_without_rendering()
    power = axes.yaxis.get_offset_text()
    assert power.get_text()
    assert not power.get_window_extent().overlaps(axes.get_legend().get_window_extent())


def test_what_is_fixed_is_told():
    (axes,) = plots.heatmap(swept(), x="K_C", y="gamma_B")
    assert words_below(axes)[-1] == "At $r_B$ = 0.1023 /day."
    (axes,) = plots.lines(swept(), x="K_C", at={"gamma_B": 0.9, "r_B": 0.06})
    assert words_below(axes)[-1] == r"At $\gamma_B$ = 0.8706 /day, $r_B$ = 0.061 /day."
    panels = plots.heatmap(swept((5, 6, 9)), x="K_C", y="gamma_B", panels="r_B")
    assert words_below(panels[3])[-1] == "6 of 9 values of $r_B$."


PATIENT = {"r_N": 0.16, "K_N": 2.5e11, "K_C": 7e10, "rho_C": 0.025, "a": 0.42, "b": 0.5}


def test_null_clines_are_where_the_paper_has_them():
    """By eqs. 2.1 and 2.2: N stands still at N + C = K_N, C at N + C = K_C."""
    cohort = vc.Cohort.from_values("kimmel2021", **PATIENT)
    ds = vc.simulate(cohort, "exact", endpoints=[], progress=False, tolerance=1e-2)
    axes = plots.phase_portrait(ds, days=100.0)
    for each, capacity in zip(axes.collections[:2], (PATIENT["K_N"], PATIENT["K_C"]), strict=True):
        along = np.concatenate([path.vertices for path in each.get_paths() if len(path)])
        np.testing.assert_allclose(along.sum(axis=1) * 5e8, capacity, rtol=5e-3)
    grid = np.geomspace(1e9, 3e11, 7)
    normal, car = grid[None, :], grid[:, None]
    total = normal + car
    rates = rates_of(cohort, normal, car)
    excess = (total - PATIENT["K_N"]) ** 2
    rate = PATIENT["rho_C"] + PATIENT["b"] * excess / (PATIENT["a"] * total**2 + excess)
    np.testing.assert_allclose(
        rates[0], -PATIENT["r_N"] * np.log(total / PATIENT["K_N"]), atol=1e-9
    )
    np.testing.assert_allclose(rates[1], -rate * np.log(total / PATIENT["K_C"]), atol=1e-9)
    way = next(line for line in axes.lines if len(line.get_xdata()) > 1)
    np.testing.assert_allclose(way.get_ydata()[0] * 5e8, cohort["C0"][0], rtol=1e-6)
    assert "94.9 ml" in words_below(axes)[-1].replace("\n", " ")


def test_other_cells_flow_in_the_portrait():
    """Of the memory law the effectors also leave, and there are none that come back."""
    population = vc.Population("zuma1")
    cohort = population.sample(1, seed=4)
    values = {name: float(each[0]) for name, each in cohort.values.items()}
    normal, car = np.array([3e9, 1e11]), np.array([2e8, 2e10])
    found = rates_of(cohort, normal, car)
    for place in range(2):
        numbers = {**{name: values[f"{name}0"] for name in ("B",)}, "N": normal[place],
                   "C": car[place], "M": 0.0}  # fmt: skip
        rates = cohort.model.rates(values, Cells.counted(cohort.model.species, numbers))
        away = sum(rate for (first, _), rate in rates.transfer.items() if first == "C")
        assert found[1][place] == pytest.approx(float(rates.growth["C"] - away), rel=1e-4)


@pytest.mark.parametrize("regimen", [None, vc.Regimen(vc.Infusion(30.0))], ids=["one", "again"])
def test_a_card_shows_the_exact_probabilities(regimen, figures):
    cohort = figures(0.01).sample(4, seed=2)
    options = {"regimen": regimen, "progress": False, "tolerance": 1e-2, "endpoints": []}
    ds = vc.simulate(cohort, "exact", 400.0, progression=1.5, **options).isel(patient=[2])
    days = np.array([0.0, 20.0, 60.0, 120.0])
    t_cells, tumour, hazard, fates = plots.patient_card(ds, days)
    one = cohort.select([2])
    free = vc.progression_free_probability(
        one, days, progression=1.5, regimen=regimen, dtype="float64"
    )[0]
    cured = [0.0]
    for day in days[1:]:
        sooner = None if regimen is None or day < 30.0 else regimen
        cured.append(float(vc.cure_probability(one, day, regimen=sooner, dtype="float64")[0]))
    lines = {line.get_label(): line.get_ydata() for line in fates.lines}
    np.testing.assert_allclose(lines["no tumour cell left"], cured, rtol=2e-3, atol=1e-12)
    np.testing.assert_allclose(lines["progressed"], 1.0 - np.asarray(free), atol=1e-4)
    whole = lines["no tumour cell left"] + lines["progressed"] + lines["neither"]
    np.testing.assert_allclose(whole, 1.0, atol=1e-6)
    shown = hazard.patches[0].get_data().values * np.diff(days)
    left = 1.0 - lines["no tumour cell left"]
    assert 0.01 < left[-1] < 0.99
    np.testing.assert_allclose(np.exp(-np.cumsum(shown)), left[1:])
    course = vc.simulate(one, "deterministic", 120.0, save_at=days.tolist(), **options)
    np.testing.assert_allclose(t_cells.lines[1].get_ydata(), course["C"][0] / 5e8, rtol=0.05)
    # Less than one cell is none, and no line.
    size = course["B"].where(course["B"] > 1 / 3)[0] / 1e9
    np.testing.assert_allclose(tumour.lines[0].get_ydata(), size, rtol=0.1)
    assert tumour.lines[-1].get_ydata()[0] * 1e9 == pytest.approx(1.5 * one["B0"][0])


def test_a_card_follows_memory_cells_and_refuses_impossible_days():
    ds = vc.simulate(vc.Population("zuma1").sample(2, seed=1), "exact", endpoints=[],
                     progress=False, tolerance=1e-2)  # fmt: skip
    for days in ([1.0], [3.0, 2.0], [-1.0, 2.0], [np.nan, 1.0]):
        with pytest.raises(vc.VcohortError, match="days"):
            plots.patient_card(ds, days)
    names = [line.get_label() for line in plots.patient_card(ds, [0.0, 10.0])[0].lines]
    assert names == ["normal T cells", "effector CAR T cells", "memory CAR T cells"]


def test_a_dataset_gives_its_patients_and_their_treatment_back(tmp_path):
    model = vc.car_t(growth="logistic", killing="doubly-saturating")
    days = np.array([20.0, 30.0, 40.0])
    cohort = vc.Population("kimmel2021", 0.1, model=model).sample(3, seed=5)
    ds = vc.simulate(cohort, "hybrid", endpoints=[], regimen=vc.Regimen(vc.Infusion(days)),
                     progress=False, tolerance=1e-2)  # fmt: skip
    again = vc.load(vc.save(ds, tmp_path / "it.nc")).isel(patient=[2, 0])
    found = patients_of(again)
    assert found.model == model
    for name, values in cohort.values.items():
        np.testing.assert_array_equal(found[name], values[[2, 0]])
    np.testing.assert_array_equal(found.patient, [2, 0])
    np.testing.assert_array_equal(regimen_of(again).later[0].day, [40.0, 20.0])
    with pytest.raises(vc.VcohortError, match=r"growth law .* none of the package's"):
        patients_of(ds.assign_attrs(law_growth="mine"))
    # As it was written before formulas were read by machines.
    assert patients_of(ds.assign_attrs(law_growth="-r ((T / K)^c - 1) / c")).model == model
    assert patients_of(ds.assign_attrs(law_growth="mine"), model).model == model
    with pytest.raises(vc.VcohortError, match="the attribute model"):
        patients_of(ds.drop_attrs())


def test_a_notebook_shows_each_picture():
    """Its backend sets what it needs when it is first used, which may be for a picture of ours."""
    before = plt.rcParams["interactive"]

    def draws(*, axes=None):
        plt.rcParams["interactive"] = not before
        return panel(axes)

    try:
        picture(draws)()
        assert plt.rcParams["interactive"] != before
        assert plt.rcParams["font.size"] != style.LOOK["font.size"]
    finally:
        plt.rcParams["interactive"] = before


def test_pictures_leave_the_users_own_look_alone():
    with plt.rc_context({"font.size": 15.0}):
        axes = plt.subplots()[1]
        before = axes.xaxis.label.get_fontsize()
        plots.waterfall(made(), axes=axes)
        assert axes.xaxis.label.get_fontsize() == before
        assert plt.rcParams["font.size"] == 15.0
