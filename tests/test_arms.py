"""Arms compared: against exact probabilities, the bootstrap, and counts by hand."""

import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from tests.conftest import Z_LIMIT
from tests.test_cli import refused
from tests.test_cli import vcohort as vcohort

AGAIN = vc.Regimen(vc.Infusion(60.0), vc.Lymphodepletion(60.0, 0.01))
HORIZON = 700.0


@pytest.fixture(scope="module")
def cohort():
    return vc.Population("kimmel2021-figures", 0.1).sample(4000, seed=1)


@pytest.fixture(scope="module")
def arms(cohort):
    options = {"horizon": HORIZON, "endpoints": [vc.Nadir()], "progress": False}
    return {"one": vc.simulate(cohort, "exact", **options),
            "two": vc.simulate(cohort, "exact", regimen=AGAIN, **options)}  # fmt: skip


def test_differences_are_those_of_the_exact_probabilities(cohort, arms):
    ds = vc.compare(arms, days=[300.0, 600.0])
    row = ds.sel(arm="two")
    assert ds["paired"].values.all()
    exact = {f"pfs_{day:g}": index for index, day in enumerate((300.0, 600.0))}
    free = [np.asarray(vc.progression_free_probability(cohort, [300.0, 600.0], regimen=each))
            for each in (None, AGAIN)]  # fmt: skip
    for name, index in exact.items():
        expected = (free[1] - free[0])[:, index].mean()
        here = row.sel(statistic=name)
        assert abs(float(here["difference"]) - expected) < Z_LIMIT * float(here["difference_error"])
    # Cure comes first, or progression does: of who is cured later no trial would know.
    assert 0 < float(row["difference"].sel(statistic="cure")) < 1


def test_errors_are_those_of_the_bootstrap(arms):
    few = {name: ds.isel(patient=slice(0, 400)) for name, ds in arms.items()}
    row = vc.compare(few, days=[300.0]).sel(arm="two")
    draws = np.random.default_rng(1).integers(0, 400, (400, 400))
    again = [vc.compare({name: ds.isel(patient=chosen).assign_coords(patient=np.arange(400))
                         for name, ds in few.items()}, days=[300.0]).sel(arm="two")["difference"]
             for chosen in draws[:200]]  # fmt: skip
    spread = np.std(np.stack([each.values for each in again]), axis=0, ddof=1)
    np.testing.assert_allclose(row["difference_error"], spread, rtol=0.25)


def test_other_patients_are_compared_as_groups(arms):
    other = arms["two"].isel(patient=slice(0, 1000))
    paired = vc.compare(arms).sel(arm="two")
    ds = vc.compare({"one": arms["one"], "two": other}).sel(arm="two")
    assert bool(paired["paired"]) and not bool(ds["paired"])
    one, two = (arms["one"]["outcome"] == 1).values, (other["outcome"] == 1).values
    share = [each.mean() for each in (one, two)]
    error = np.hypot(*(each.std(ddof=1) / np.sqrt(each.size) for each in (one, two)))
    here = ds.sel(statistic="cure")
    assert float(here["difference"]) == pytest.approx(share[1] - share[0], rel=1e-9)
    assert float(here["difference_error"]) == pytest.approx(error, rel=1e-9)


def test_an_arm_against_itself_differs_by_nothing(arms):
    ds = vc.compare({"one": arms["one"], "again": arms["one"]}, reference="again")
    assert not ds["difference"].values.any() and not ds["difference_error"].values.any()
    assert ds.attrs["reference"] == "again"


def test_who_is_missing_in_one_arm_is_left_out_of_the_pair(arms):
    broken = arms["two"].copy(deep=True)
    broken["outcome"][7] = -1
    with pytest.warns(vc.VcohortWarning, match="1 of 4,000|1 patient"):
        ds = vc.compare({"one": arms["one"], "two": broken}).sel(arm="two")
    others = np.arange(4000) != 7
    gain = (arms["two"]["outcome"] == 1).values * 1.0 - (arms["one"]["outcome"] == 1).values
    assert float(ds["difference"].sel(statistic="cure")) == pytest.approx(gain[others].mean())
    assert int(ds["patients"]) == 3999 and bool(ds["paired"])


def test_arms_are_counted_to_the_shortest_horizon(arms, cohort):
    short = vc.simulate(cohort, "exact", 200.0, endpoints=[vc.Nadir()], progress=False)
    ds = vc.compare({"long": arms["one"], "short": short})
    assert ds.attrs["horizon"] == 200.0
    assert "pfs_365" not in ds["statistic"] and "pfs_180" in ds["statistic"]
    early = (arms["one"]["outcome"] == 1) & (arms["one"]["event_time"] <= 200.0)
    found = float(ds["value"].sel(arm="long", statistic="cure"))
    assert found == pytest.approx(float(early.mean()))


def test_what_cannot_be_compared_is_refused(arms):
    for given, options, message in (
        ({"one": arms["one"]}, {}, "two arms at least"),
        (list(arms.values()), {}, "mapping"),
        (arms, {"reference": "too"}, "Did you mean 'two'"),
        (arms, {"days": [900.0]}, "outside the run"),
        (arms, {"days": []}, "at least one day"),
        (arms, {"days": [90.0, 30.0, 90.0]}, "each once"),
        (arms, {"confidence": 95}, "between 0 and 1"),
        ({1: arms["one"], 2: arms["two"]}, {}, "no list of names"),
        ({"one": arms["one"], "two": 3}, {}, "arm 'two'"),
    ):
        with pytest.raises(vc.VcohortError, match=message):
            vc.compare(given, **options)


def test_the_forest_shows_each_difference_once(arms):
    ds = vc.compare({**arms, "three": arms["one"]})
    shares, days = vc.plots.forest(ds)
    said = {"cure": "cured", "progression": "progressed", "pfs_90": "PFS, day 90",
            "rmst_90": "mean, to day 90", "rmst_365": "mean, to day 365"}  # fmt: skip
    for axes, names, unit in ((shares, ("cure", "progression", "pfs_90"), 100.0),
                              (days, ("rmst_90", "rmst_365"), 1.0)):  # fmt: skip
        drawn = np.concatenate([each.lines[0].get_xdata() for each in axes.containers])
        rows = [tick.get_text() for tick in axes.get_yticklabels()]
        for arm_index, arm in enumerate(("two", "three")):
            for name in names:
                value = unit * float(ds["difference"].sel(arm=arm, statistic=name))
                assert drawn[arm_index * len(rows) + rows.index(said[name])] == pytest.approx(value)
    words = [text.get_text() for text in shares.get_legend().get_texts()]
    assert words == ["two", "three"]


def test_the_forest_shows_how_sure_parameters_are_and_leaves_out_what_is_not_known(arms):
    few = {name: ds.isel(patient=ds["outcome"] == 1) for name, ds in arms.items()}
    both = {name: [ds, few[name]] for name, ds in arms.items()}
    ds = vc.compare(both, days=[90.0])
    shares, days = vc.plots.forest(ds)
    row = ds.sel(arm="two", statistic="cure")
    ends = [100.0 * float(row[f"parameter_{side}"]) for side in ("lower", "upper")]
    lines = [each for each in shares.collections if len(each.get_segments()) == 3]
    assert ends in [pytest.approx(each[:, 0].tolist()) for each in lines[0].get_segments()]
    assert [tick.get_text() for tick in days.get_yticklabels()] == ["mean, to day 90"]
    told = " ".join(text.get_text().replace("\n", " ") for text in shares.texts)
    assert "Not known: median PFS." in told and "95 % of the populations" in told


def test_in_the_shell(vcohort, arms, tmp_path):
    for name, ds in arms.items():
        vc.save(ds, tmp_path / f"{name}.nc")
    told = vcohort("compare", "one.nc", "two.nc", "--days", "300", "--plot", "it.png")
    assert told.returncode == 0 and "pfs_300" in told.stdout, told.stderr
    assert (tmp_path / "it.png").exists()
    ds = vc.load(tmp_path / "arms.nc")
    xr.testing.assert_equal(ds, vc.compare(arms, days=[300.0]))
    ratio = float(ds["hazard_ratio"].sel(arm="two"))
    assert f"hazard ratio of progression, two: {ratio:.3g}" in told.stdout
    refused(vcohort("compare", "one.nc", "-o", "x.nc"), "two arms")
    refused(vcohort("compare", "one.nc", "tow.nc", "-o", "x.nc"), "no file tow.nc")
    refused(vcohort("compare", "one.nc", "one.nc", "-o", "x.nc"), "names of their own")
    assert not (tmp_path / "x.nc").exists()


def test_what_is_read_is_never_written_over(vcohort, arms, tmp_path):
    for name, ds in arms.items():
        vc.save(ds.isel(patient=slice(0, 5)), tmp_path / f"{name}.nc")
    before = {name: (tmp_path / f"{name}.nc").read_bytes() for name in arms}
    (tmp_path / "link.nc").symlink_to("one.nc")
    for output in ("one.nc", "two.nc", "link.nc", "./one.nc"):
        refused(vcohort("compare", "one.nc", "two.nc", "-o", output, "--force"), "would be lost")
    refused(vcohort("export", "one.nc", "-o", "link.nc", "--force"), "would be lost")
    assert before == {name: (tmp_path / f"{name}.nc").read_bytes() for name in arms}
