"""Correlations of estimates against an independent computation: scipy, derivatives by i."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import vcohort as vc

# The values behind the paper's figures: cells/ul, ml, 1/ul.
VALUES = {
    "r_N": 0.17, "rho_C": 0.037, "K_C": 139.28, "K_N": 500.0, "1/k_B": 0.247, "a": 0.423,
    "b": 0.525, "gamma_B": 1.15, "r_B": 0.065,
}  # fmt: skip
DAYS = np.linspace(0.0, 200.0, 4001)


def slopes(days):
    """Return d (N, C, B) / d parameter, (state and time, parameter), by complex steps."""

    def rates(_, state, values):
        normal, car, tumour = state
        total = normal + car
        room = (total - values["K_N"]) ** 2
        turnover = values["rho_C"] + values["b"] * room / (values["a"] * total**2 + room)
        return np.array([
            -values["r_N"] * normal * np.log(total / values["K_N"]),
            -turnover * car * np.log(total / values["K_C"]),
            tumour * (values["r_B"] - values["gamma_B"] * car / (1 / values["1/k_B"] + car)),
        ])  # fmt: skip

    columns = []
    for name, value in VALUES.items():
        moved = VALUES | {name: value + 1e-20j}
        first = np.array([6.0, 0.36, 94.84], complex)
        path = solve_ivp(
            rates, (0.0, days[-1]), first, "DOP853", days, args=(moved,), rtol=1e-11, atol=1e-30
        )
        columns.append(path.y.imag.ravel() / 1e-20)
    return np.stack(columns, axis=1)


def of_estimates(raw):
    scaled = raw / np.linalg.norm(raw, axis=0)
    covariance = np.linalg.inv(scaled.T @ scaled)
    error = np.sqrt(np.diag(covariance))
    return covariance / np.outer(error, error)


@pytest.fixture(scope="module")
def truth():
    return slopes(DAYS)


@pytest.fixture(scope="module")
def local():
    patient = vc.Cohort.from_values("kimmel2021-figures")
    return vc.local_sensitivity(patient, DAYS, list(VALUES), progress=False)


@pytest.fixture(scope="module")
def found(local):
    return vc.identifiability(local)


def test_correlations_are_those_of_the_estimates(found, truth):
    assert found["correlation"].values == pytest.approx(of_estimates(truth), abs=2e-5)
    raw = np.corrcoef(truth.T)
    assert found["sensitivity_correlation"].values == pytest.approx(raw, abs=2e-5)


def test_of_each_tied_pair_the_less_sensitive_goes(found, truth):
    """Section 3a of the paper: 0.94 and -0.96, and no other pair; each after the one before."""
    left = list(VALUES)
    for turn, (kept, gone, published) in enumerate(
        [("1/k_B", "r_B", 0.9366), ("gamma_B", "1/k_B", -0.9607)], 1
    ):
        expected = of_estimates(truth[:, [list(VALUES).index(name) for name in left]])
        pair = expected[left.index(kept), left.index(gone)]
        assert pair == pytest.approx(published, abs=5e-5)
        assert np.abs(expected - np.eye(len(left))).max() == pytest.approx(abs(pair))
        one = found.sel(parameter=gone)
        assert (int(one["removed"]), str(one["partner"].values)) == (turn, kept)
        assert float(one["partner_correlation"]) == pytest.approx(pair, abs=2e-5)
        left.remove(gone)
    last = of_estimates(truth[:, [list(VALUES).index(name) for name in left]])
    stays = found["correlation_left"].sel(parameter=left, other=left)
    assert stays.values == pytest.approx(last, abs=2e-5)
    assert float(stays.sel(parameter="K_C", other="a")) == pytest.approx(-0.7798, abs=5e-5)
    assert np.abs(last - np.eye(len(left))).max() < 0.9
    staying = found.sel(parameter=left)
    assert (staying["removed"] == 0).all() and (staying["partner"] == "").all()
    assert found["correlation_left"].sel(parameter=["r_B", "1/k_B"]).isnull().all()


def test_the_information_is_that_of_the_logs(found, truth):
    relative = truth * np.array([*VALUES.values()])
    expected = np.linalg.eigvalsh(relative.T @ relative)[::-1]
    assert found["eigenvalue"].values == pytest.approx(expected, rel=1e-4)
    condition = expected[0] / expected[-1]
    assert float(found["condition_number"]) == pytest.approx(condition, rel=1e-4)
    along = relative @ found["eigenvector"].transpose("parameter", "direction").values
    assert (along**2).sum(axis=0) == pytest.approx(expected, rel=1e-4)


def test_the_inverse_of_a_parameter_turns_its_signs(found, local):
    turned = vc.local_sensitivity(
        vc.Cohort.from_values("kimmel2021-figures"), DAYS[::10],
        ["k_B" if name == "1/k_B" else name for name in VALUES], progress=False,
    )  # fmt: skip
    same = vc.identifiability(local.isel(time=slice(None, None, 10)))["correlation"].values
    sign = np.array([-1.0 if name == "1/k_B" else 1.0 for name in VALUES])
    both = vc.identifiability(turned)["correlation"].values
    assert both == pytest.approx(np.outer(sign, sign) * same, abs=1e-4)


def test_a_threshold_is_reached_by_what_equals_it(local, found):
    tie = abs(float(found["partner_correlation"].sel(parameter="r_B")))
    assert int(vc.identifiability(local, tie)["removed"].sel(parameter="r_B")) == 1
    above = vc.identifiability(local, float(np.nextafter(tie, 1.0)))
    assert (above["removed"] == 0).all()


def test_bad_thresholds_and_two_patients(local):
    with pytest.raises(vc.VcohortError, match="threshold = 2 is impossible"):
        vc.identifiability(local, 2.0)
    with pytest.raises(vc.VcohortError, match="looks at one patient, not 2"):
        vc.identifiability(local.isel(patient=[0, 0]))


def test_what_no_data_could_tell_is_told(local):
    """A singular information: a parameter and its inverse; fewer data than parameters."""
    again = local.sel(parameter=["a", "1/k_B", "1/k_B"])
    again = again.assign_coords(parameter=["a", "1/k_B", "k_B"])
    with pytest.raises(vc.VcohortError, match="could tell 1/k_B, k_B apart"):
        vc.identifiability(again)
    with pytest.raises(vc.VcohortError, match="no inverse"):
        vc.identifiability(local.isel(time=[0, -1]))
    still = local.copy(deep=True)
    still["sensitivity"].loc[{"parameter": "b"}] = 0.0
    with pytest.raises(vc.VcohortError, match="b changes neither N, C nor B"):
        vc.identifiability(still)


def test_one_parameter_stays(local):
    alone = vc.identifiability(local.sel(parameter=["K_C"]))
    assert float(alone["correlation"].squeeze()) == pytest.approx(1.0)
    assert alone["removed"].values.tolist() == [0]
    assert float(alone["condition_number"]) == pytest.approx(1.0)


def test_the_order_of_dimensions_and_labels_does_not_matter(local, found):
    turned = local.isel(parameter=slice(None, None, -1), time=slice(None, None, -1))
    turned = turned.transpose("parameter", "time", "patient", "state").sel(state=["B", "N", "C"])
    second = vc.identifiability(turned).sel(parameter=list(VALUES), other=list(VALUES))
    for name in ("correlation", "correlation_left", "sensitivity_correlation", "ranking"):
        assert second[name].values == pytest.approx(found[name].values, abs=1e-9, nan_ok=True)
    assert second["removed"].values.tolist() == found["removed"].values.tolist()
    shown = vc.plots.sensitivity_correlation(found.isel(other=slice(None, None, -1)).transpose())
    np.testing.assert_allclose(shown.images[0].get_array().diagonal(), 1.0)
    assert len(shown.get_xticklabels()) == len(VALUES)
