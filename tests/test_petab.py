"""PEtab, versions 1 and 2: accepted by its linter, and the same fit when it is read again."""

import csv
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

import vcohort as vc
from tests.test_cli import refused
from tests.test_cli import vcohort as vcohort
from tests.test_sbml import MIXED
from vcohort.measurements.observations import read_observations

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("petab", reason="petab is not installed")

VERSIONS = (1, 2)

# On one day lymphodepletion comes before the infusion; the second patient has no third treatment.
REGIMEN = vc.Regimen(
    vc.Lymphodepletion(0.0, (0.5, 0.2)),
    vc.Infusion(0.0, np.array([1.8e8, 2.5e8])),
    vc.Lymphodepletion(np.array([40.0, 45.0]), (0.01, np.array([0.02, 0.03]))),
    vc.Infusion(np.array([40.0, 50.0]), np.array([1e8, 1.0 / 3.0 * 1e9])),
    vc.Infusion(np.array([55.0, np.inf]), np.array([2e8, 0.0])),
)
TABLE = {
    "day": [7.0, 14.0, 28.0, 90.0, 7.0, 14.0, 29.0, 1.0 / 3.0 + 60.0],
    "observable": ["C_per_ul", "ALC", "B_ml", "B_ml"] * 2,
    "value": [30.0, 200.0, 50.1, 60.0, 20.0, 150.0, 30.0, 80.0 / 3.0],
    "patient": ["007"] * 4 + ["Müller, A. (2)"] * 4,
}
BOUNDS = {"K_C": (1e10, 1e12), "gamma_B": (0.1, 3.0)}


def cohort(laws="base", **values):
    own = {"E0": 1e4, "eps": 0.1, "u": 1e-4} if MIXED[laws].get("escape") == "mutation" else {}
    given = {"B0": [9e10, 5e10], "r_B": [0.06, 0.1 + 0.2], **own, **values}
    return vc.Cohort.from_values("kimmel2021-figures", model=vc.car_t(**MIXED[laws]), **given)


def error(*sizes):
    return TABLE | {"error": list(np.resize(sizes, 8))}


def same_data(found, wanted):
    assert found.patients == wanted.patients and found.observable == wanted.observable
    assert found.kinds == wanted.kinds
    for name in ("patient", "day", "value", "below"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    for name in ("error", "weight"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-14)


@pytest.fixture
def again(tmp_path):
    """Write a fit, and read it."""

    def of(data, free, cohort, **given):
        folder = tmp_path / f"p{len([*tmp_path.iterdir()])}"
        return vc.read_petab(vc.to_petab(data, free, cohort, path=folder, **given))

    return of


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("table", "loss"),
    [
        (TABLE, "log"), (error(0.1), "log"), (error(0.1, 0.2, 1.0 / 3.0), "log"),
        (error(3.0, 4.0), "linear"), (TABLE, "linear"), (TABLE, "proportional"),
        (TABLE, "combined"), (TABLE | {"weight": [1.0, 2.5] * 4}, "log"),
        (TABLE | {"weight": [1.0, 1.0 / 3.0] * 4}, "combined"),
    ],
)  # fmt: skip
def test_a_fit_comes_back(table, loss, version, again):
    patients = cohort()
    free = ["gamma_B", "K_C"]
    found = again(table, free, patients, loss=loss, bounds=BOUNDS, regimen=REGIMEN, version=version)
    assert found.free == tuple(free) and found.loss == loss and found.bounds == BOUNDS
    assert not found.priors and found.data.regimen == REGIMEN
    assert found.cohort.model == patients.model
    for name, values in patients.values.items():
        np.testing.assert_array_equal(found.cohort[name], values, err_msg=name)
    same_data(found.data.observations, read_observations(table))


@pytest.mark.parametrize("version", VERSIONS)
def test_observables_whose_names_differ_by_no_letter_come_back(version, again):
    """Of PEtab's names, which are letters, none may be given twice."""
    names = ("a_b_2", "a-b", "a b", "a_b_")
    kinds = [vc.Observable(name, "cells", size, name, lambda cells: cells.log_car)
             for size, name in enumerate(names, 1)]  # fmt: skip
    table = {"day": [7.0] * 4, "observable": kinds, "value": [1e9, 2e9, 3e9, 4e9]}
    patient = vc.Cohort.from_values("kimmel2021-figures")
    found = again(table, ["K_C"], patient, version=version).data.observations
    assert found.observable == names and found.value.tolist() == table["value"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("laws", MIXED)
def test_every_law_comes_back(laws, version, again):
    patients = cohort(laws)
    has_memory = "M" in patients.model.species.names
    shares = {"C": 0.5, "M": 0.0} if has_memory else {"C": 0.5}
    regimen = vc.Regimen(vc.Lymphodepletion(40.0, shares), vc.Infusion(40.0))
    found = again(error(0.1), ["r_B"], patients, regimen=regimen, version=version)
    assert found.cohort.model == patients.model and found.free == ("r_B",)
    assert found.bounds == {"r_B": patients.model.param("r_B").usual}
    for name, values in patients.values.items():
        np.testing.assert_array_equal(found.cohort[name], values, err_msg=name)
    # Without a name of its own, one share of all CAR T cells is a pair with that of the others.
    left = shares if has_memory or version == 1 else (1.0, 0.5)
    dose = patients["C0"][0]
    assert found.data.regimen == vc.Regimen(
        vc.Infusion(0.0, dose), vc.Lymphodepletion(40.0, left), vc.Infusion(40.0, dose)
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_one_patient_without_a_label(version, again):
    table = {"day": [3.0, 9.0], "observable": ["N", "C"], "value": [2e9, 3e9]}
    patient = vc.Cohort.from_values("kimmel2021-figures")
    found = again(table, ["N0", "rho_C"], patient, version=version)
    same_data(found.data.observations, read_observations(table))
    assert found.data.regimen == vc.Regimen(vc.Infusion(0.0, patient["C0"][0]))
    assert found.free == ("N0", "rho_C")


@pytest.mark.parametrize("version", VERSIONS)
def test_all_doses_are_data(version, again):
    """Of others' tables, of the cohort, and of both: what a trial has, and NONMEM gets, is one."""
    rows = {
        "ID": [1, 1, 1, 2, 2], "TIME": [0.0, 20.0, 30.0, 0.0, 30.0], "EVID": [1, 1, 0, 1, 0],
        "AMT": [1.8e8, 1.8e8, 0.0, 2e8, 0.0], "DV": [0.0, 0.0, 90.0, 0.0, 25.0],
    }  # fmt: skip
    trial = vc.read_trial(rows, observables="B_ml")
    wanted = vc.to_nonmem(trial)
    table = {"patient": ["1", "2"], "day": [30.0, 30.0], "observable": ["B_ml"] * 2,
             "value": [90.0, 25.0]}  # fmt: skip
    patients = vc.Cohort.from_values("kimmel2021-figures", C0=[1.8e8, 2e8])
    second = vc.Infusion(np.array([20.0, np.inf]), np.array([1.8e8, 0.0]))
    unsaid = vc.Infusion(np.array([20.0, np.inf]))
    for data, regimen in (
        (trial, None), (table, vc.Regimen(second)), (table, vc.Regimen(unsaid)),
        (table, vc.Regimen(vc.Infusion(0.0, np.array([1.8e8, 2e8])), second)),
    ):  # fmt: skip
        once = again(data, ["r_B"], patients, regimen=regimen, version=version)
        twice = again(**once.for_fit(), version=version)
        for found in (once.data, twice.data):
            pd.testing.assert_frame_equal(vc.to_nonmem(found), wanted)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_first_dose_that_is_estimated_is_not_known(version, again):
    table = {"day": [3.0, 9.0], "observable": ["N", "C"], "value": [2e9, 3e9]}
    found = again(table, ["C0"], vc.Cohort.from_values("kimmel2021-figures"), version=version)
    assert found.data.regimen is None and "AMT" not in vc.to_nonmem(found.data)


@pytest.mark.parametrize("version", VERSIONS)
def test_priors_come_back(version, again):
    priors = {"K_C": vc.LogNormal(7e10, 0.3), "gamma_B": vc.Normal(1.0, 0.25),
              "r_B": vc.Uniform(0.03, 0.2)}  # fmt: skip
    bounds = {**BOUNDS, "r_B": (0.02, 0.3), "k_B": (1e8, 1e11)}
    found = again(error(0.1), list(bounds), cohort(), bounds=bounds, priors=priors, version=version)
    assert set(found.priors) == set(priors)
    assert found.priors["gamma_B"] == priors["gamma_B"] and found.priors["r_B"] == priors["r_B"]
    assert found.priors["K_C"].median == pytest.approx(7e10, rel=1e-13)
    assert found.priors["K_C"].sigma == 0.3
    assert found.for_posterior()["priors"] == found.priors
    with pytest.raises(vc.VcohortError, match=r"priors of K_C, gamma_B, r_B, of which vc.fit"):
        found.for_fit()


@pytest.mark.parametrize("version", VERSIONS)
def test_own_observables_that_count_cells(version, again):
    def of_both(cells):
        return np.log(0.25) + cells.log_tumour

    spleen = vc.Observable("spleen, left", "ml", 1e9, "tumour in the spleen", of_both)
    table = {"day": [3.0, 9.0], "observable": ["spleen, left"] * 2, "value": [20.0, 15.0]}
    patient = vc.Cohort.from_values("kimmel2021-figures")
    found = again(table, ["r_B"], patient, observables=[spleen], version=version)
    [kind] = found.data.observations.kinds
    assert kind.name == "spleen, left"
    assert dict(kind.log.weights) == {"B": pytest.approx(0.25e-9, rel=1e-15)}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_trial_with_doses(version, again):
    """Some have a dose after their last measurement, others fewer than the rest."""
    rows = {
        "ID": [1, 1, 1, 2, 2], "TIME": [0.0, 0.0, 20.0, 0.0, 7.0],
        "AMT": [1.8e8, 0.0, 1e8, 2e8, 0.0], "EVID": [1, 0, 1, 1, 0],
        "DV": [0.0, 90.0, 0.0, 0.0, 25.0],
    }  # fmt: skip
    trial = vc.read_trial(rows, observables="B_ml")
    found = again(trial, ["r_B"], None, version=version)
    for mine, theirs in zip(found.data.regimen.treatments, trial.regimen.treatments, strict=True):
        np.testing.assert_array_equal(np.broadcast_to(mine.day, 2), theirs.day)
        np.testing.assert_array_equal(np.broadcast_to(mine.cells, 2), theirs.cells)
    same_data(found.data.observations, trial.observations)


def test_tables_are_read_as_they_are_written(tmp_path):
    """Numbers have all their digits, and units those of the model."""
    path = vc.to_petab(TABLE, ["K_C"], cohort(), path=tmp_path / "p", regimen=REGIMEN)
    assert path == tmp_path / "p" / "problem.yaml"
    with (tmp_path / "p" / "conditions.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    told = {(row["conditionId"], row["targetId"]): row["targetValue"] for row in rows}
    assert told["patient_2", "r_B"] == repr(0.1 + 0.2)
    assert told["patient_1", "K_C"] == "K_C_patient_1"
    assert told["patient_1_treated_1", "C"] == "max(C * 0.02, min(C, 1.0)) + 100000000.0"
    assert told["patient_2_treated_2", "C"] == f"C + {1.0 / 3.0 * 1e9!r}"


def test_a_problem_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "p"
    vc.to_petab(error(0.1), ["K_C"], cohort(), path=target)
    before = sorted(each.name for each in target.iterdir())
    with pytest.raises(vc.VcohortError, match="is there already"):
        vc.to_petab(error(0.1), ["K_C"], cohort(), path=target)
    with pytest.raises(vc.VcohortError, match="there is no folder"):
        vc.to_petab(error(0.1), ["K_C"], cohort(), path=tmp_path / "none" / "p")
    assert [each.name for each in tmp_path.iterdir()] == ["p"]
    assert sorted(each.name for each in target.iterdir()) == before


def test_what_the_linter_refuses_is_not_left_behind(tmp_path, monkeypatch):
    from vcohort.exchange.petab import write  # noqa: PLC0415

    monkeypatch.setattr(write, "complaints", lambda path, version: [f"{path.name} is wrong."])
    with pytest.raises(vc.VcohortError, match=r"problem.yaml is wrong\. Nothing was written"):
        vc.to_petab(error(0.1), ["K_C"], cohort(), path=tmp_path / "p")
    assert not list(tmp_path.iterdir())


def test_without_the_library_it_is_asked_for(tmp_path, monkeypatch):
    for name in ("petab", "petab.v1", "petab.v2"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(vc.VcohortError, match=r'pip install "vcohort\[petab\]"'):
        vc.to_petab(error(0.1), ["K_C"], cohort(), path=tmp_path / "p")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": "student_t"}, "nothing for the loss 'student_t'"),
        ({"loss": "kimmel2021"}, "nothing for the loss 'kimmel2021'"),
        ({"loss": lambda predicted, measured, values: predicted}, "a loss that is a function"),
        ({"loss": "logs"}, "Unknown loss 'logs'"),
        ({"version": 3}, "version = 3 of PEtab is not known"),
        ({"data": TABLE | {"below": [0] * 7 + [1]}}, "is only below a limit, which PEtab cannot"),
        ({"data": TABLE | {"weight": [1] * 7 + [0]}}, "has the weight 0, which PEtab cannot"),
        ({"regimen": vc.Regimen(vc.Infusion(14.0))}, "on day 14, the day of infusion_1"),
        ({"regimen": vc.Regimen(vc.Infusion(np.array([0.0, 9.0])))}, "day 0 for some patients"),
        ({"regimen": vc.Regimen(vc.Infusion(9.0)), "free": ["C0"]}, "C0 cannot be free"),
        ({"free": ["K_D"]}, "Unknown parameter 'K_D'"),
        ({"priors": {"K_C": vc.LogNormal(7e10, 0.3)}}, "The prior of K_C needs bounds"),
        ({"priors": {"r_B": vc.LogNormal(0.1, 0.3)}}, "priors for r_B, which is not free"),
        ({"priors": {"K_C": vc.Fixed(7e10)}, "bounds": {"K_C": (1e9, 1e11)}}, "none that PEtab"),
        ({"observables": [vc.Observable("root", "1", 1.0, "x", lambda c: 0.5 * c.log_tumour)],
          "data": TABLE | {"observable": ["root"] * 8}}, "'root' is no sum of N, C, B"),
    ],
)  # fmt: skip
def test_what_has_no_place_is_refused(given, message, tmp_path):
    asked = {"data": TABLE, "free": ["K_C"], "cohort": cohort()} | given
    with pytest.raises(vc.VcohortError, match=message):
        vc.to_petab(**asked, path=tmp_path / "p")
    assert not list(tmp_path.iterdir())


def test_the_command_takes_no_flag_that_a_problem_says(tmp_path, vcohort):
    path = vc.to_petab(
        error(0.1), ["K_C"], cohort(), path=tmp_path / "p", bounds={"K_C": (1e10, 1e12)},
        priors={"K_C": vc.LogNormal(7e10, 0.3)},
    )  # fmt: skip
    output = tmp_path / "fit.nc"

    def fit(*flags):
        return vcohort("fit", path, "-o", output, *flags)

    refused(fit("--free", "K_C"), "says itself what --free would say")
    refused(fit("--set", "r_B=0.1", "--loss", "log"), "what --loss, --set would say")
    refused(fit("--how", "compare"), "fits other laws than the problem has")
    refused(fit(), "priors of K_C, of which vc.fit knows nothing")
    refused(vcohort("fit", tmp_path / "no.yaml", "-o", output), "No such file")
    assert not output.exists()


@pytest.mark.slow
def test_the_command_fits_a_problem(tmp_path, vcohort):
    table = {"day": [10.0, 80.0], "observable": ["B_ml"] * 2, "value": [190.0, 18000.0],
             "error": [0.1, 0.1]}  # fmt: skip
    still = vc.Cohort.from_values("kimmel2021-figures", gamma_B=0.0)
    path = vc.to_petab(table, ["r_B"], still, path=tmp_path / "p")
    done = vcohort("fit", path, "-o", tmp_path / "fit.nc", "--starts", "4")
    assert done.returncode == 0, done.stderr
    ds = vc.load(tmp_path / "fit.nc")
    shifted = np.log(np.array(table["value"]) / (still["B0"][0] / 1e9))
    days = np.array(table["day"])
    slope = (days * shifted).sum() / (days**2).sum()
    assert ds["estimate"].item() == pytest.approx(slope, rel=1e-5)
    assert ds.attrs["petab"] == "problem.yaml"
