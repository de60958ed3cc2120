"""Pictures show what the datasets hold, in the units that clinicians use."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import vcohort as vc
from vcohort import data, plots


@pytest.fixture(scope="module")
def ds():
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(300, seed=1)
    return vc.simulate(cohort, save_at=np.linspace(0, 180, 91), progress=False)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_survival_is_drawn_with_its_band_and_the_trial(ds):
    axes = plots.progression_free_survival({"a": ds}, trial=data.progression_free_survival())
    curve, trial = axes.lines
    estimate = vc.progression_free_survival(ds, curve.get_xdata())
    np.testing.assert_allclose(curve.get_ydata(), estimate)
    assert trial.get_ydata()[0] == 1
    assert "days" in axes.get_xlabel()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["a (n = 300)", "ZUMA-1 (n = 101)"]


def test_histograms_hold_every_patient(ds):
    axes = plots.event_times(ds)
    area = sum(patch.get_height() for patch in axes.patches)
    assert area == pytest.approx((ds["outcome"].values > 0).mean(), abs=0.01)


def test_kinetics_are_in_cells_per_microlitre(ds):
    axes = plots.car_t_kinetics(ds, trial=data.moffitt_car_t_counts())
    median = axes.lines[0].get_ydata()
    np.testing.assert_allclose(median, np.median(ds["C"], axis=0) / 5e8, rtol=1e-6)
    assert "µl" in axes.get_ylabel() and axes.get_yscale() == "log"


def test_trajectories_are_in_clinical_units(ds):
    normal, car, tumour = plots.trajectories(ds.isel(patient=slice(5)))
    assert len(normal.lines) == 5
    np.testing.assert_allclose(normal.lines[0].get_ydata(), ds["N"][0] / 5e8)
    np.testing.assert_allclose(tumour.lines[0].get_ydata()[0], ds["B0"][0] / 1e9, rtol=1e-5)
    assert "ml" in tumour.get_ylabel() and "µl" in car.get_ylabel()
