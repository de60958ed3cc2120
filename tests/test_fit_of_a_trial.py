"""A trial is fitted as its measurements and doses, given by hand, are."""

import numpy as np
import pytest

import vcohort as vc
from vcohort.analysis.estimation.make_problem import settle_fit

FEW = {"starts": 3, "tolerance": 1e-2, "progress": False}
ROWS = {
    "ID": [1] * 5 + [2] * 5, "TIME": [0, 4, 7, 14, 28] * 2,
    "AMT": [1.8e8, 0, 0, 0, 0, 3e8, 0, 0, 0, 0],
    "DV": [".", 18.0, 31.0, 9.0, "<2", ".", 25.0, 30.0, 7.0, 1.5],
}  # fmt: skip
DATA = {
    "patient": [1] * 4 + [2] * 4, "day": [4, 7, 14, 28] * 2, "observable": ["C_per_ul"] * 8,
    "value": [18.0, 31.0, 9.0, 2.0, 25.0, 30.0, 7.0, 1.5], "below": [0, 0, 0, 1, 0, 0, 0, 0],
}  # fmt: skip
DOSES = vc.Regimen(vc.Infusion(0.0, [1.8e8, 3e8]))


@pytest.fixture(scope="module")
def trial():
    return vc.read_trial(ROWS, observables="C_per_ul")


def same(first, second):
    for name in ("estimate", "standard_error", "loss", "value", "below", "predicted"):
        np.testing.assert_allclose(first[name], second[name], rtol=1e-5, err_msg=name)


def test_with_its_own_doses(trial):
    found = vc.fit(trial, ["K_C"], **FEW)
    same(found, vc.fit(DATA, ["K_C"], regimen=DOSES, **FEW))
    assert found["patient"].values.tolist() == ["1", "2"]
    assert "Infusion" in found.attrs["regimen"]


@pytest.mark.slow
def test_a_dose_after_all_measurements_changes_nothing(trial):
    """But the grid, and so the path within its tolerance."""
    late = {"ID": [1, 1, 2], "TIME": [0, 90, 0], "AMT": [1.8e8, 1e8, 3e8]}
    found = vc.fit(vc.read_trial(DATA, doses=late), ["K_C"], **FEW)
    wanted = vc.fit(trial, ["K_C"], **FEW)
    np.testing.assert_allclose(found["estimate"], wanted["estimate"], rtol=1e-3)


def test_whose_doses_they_are(trial):
    """Its own unless others are asked for, in every function that fits."""
    other, plain = vc.Regimen(vc.Infusion(0.0, 5e8)), {"seed": None, "tolerance": None}
    for run, regimen, wanted in (
        (None, None, trial.regimen),
        (vc.Run(seed=3), None, trial.regimen),
        (None, other, other),
        (None, vc.Regimen(), vc.Regimen()),
        (vc.Run(regimen=other), None, other),
    ):
        found = settle_fit("fit", trial, run, regimen=regimen, **plain)
        assert found.regimen == wanted
        assert settle_fit("fit", DATA, run, regimen=regimen, **plain).regimen == (
            vc.Regimen() if wanted is trial.regimen else wanted
        )


def test_who_has_no_measurement_is_missing_from_the_fit():
    survival = {"id": ["1", "2", "3"], "time": [90, 200, 30], "event": [1, 0, 1]}
    with pytest.warns(vc.VcohortWarning, match="nothing was measured: 3"):
        trial = vc.read_trial(DATA, survival=survival)
    with pytest.warns(vc.VcohortWarning, match="Patient '3' has 0 data"):
        found = vc.fit(trial, ["K_C"], **FEW)
    assert np.isnan(found["estimate"].sel(patient="3")).all()
    same(found.sel(patient=["1", "2"]), vc.fit(DATA, ["K_C"], **FEW))


def test_observables_are_known(trial):
    other = vc.Observable("C_pcr", "copies/ug", 1e7, "transgene", lambda cells: cells.log_car)
    with pytest.raises(vc.VcohortError, match="this trial is read already"):
        vc.fit(trial, ["K_C"], observables=[other], **FEW)


def test_a_free_first_dose_and_doses_of_its_own(trial):
    with pytest.raises(vc.VcohortError, match="C0 cannot be free together with a regimen"):
        vc.fit(trial, ["C0"], **FEW)


def test_free_normal_cells_beside_treatments():
    """Found again from exact courses; what depends on them is a lymphodepletion of day 0 alone."""
    later = [vc.Infusion(0.0, 2e8), vc.Lymphodepletion(6.0, 0.1), vc.Infusion(6.0, 1e8)]
    regimen, days = vc.Regimen(*later), [1.0, 3.0, 5.0, 9.0]
    truth = vc.Cohort.from_values("kimmel2021-figures", N0=5e9)
    exact = {"tolerance": 1e-8, "dtype": "float64", "progress": False}
    ds = vc.simulate(truth, "deterministic", 9.0, regimen=regimen, save_at=days, **exact)
    rows = {"day": days, "observable": ["N"] * 4, "value": ds["N"].values[0]}
    asked = {"starts": 2, "progress": False, "tolerance": 1e-7}
    found = vc.fit(rows, ["N0"], regimen=regimen, **asked)
    assert found["estimate"].item() == pytest.approx(5e9, rel=1e-5)
    with pytest.raises(vc.VcohortError, match="N0 cannot be free together with a regimen"):
        vc.fit(rows, ["N0"], regimen=vc.Regimen(*later, vc.Lymphodepletion(0.0, 0.5)), **asked)
