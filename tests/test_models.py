"""Laws against their limits, the model against the paper's equations, presets against table 1."""

import copy
import pickle
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import vcohort as vc
from vcohort.models import LAW_KINDS, Cells, laws

BASE = vc.car_t()


def cells(normal=1.2e11, car=9e9, tumour=4e10):
    numbers = {"N": normal, "C": car, "B": tumour}
    return Cells({name: jnp.log(jnp.float32(x)) for name, x in numbers.items()})


def values(model, **changes):
    defaults = {name: param.default for name, param in model.parameters.items()}
    return {name: jnp.float32(value) for name, value in (defaults | changes).items()}


def rates(model, state=None, **changes):
    found = model.rates(values(model, **changes), state or cells())
    return np.array([found.growth["N"], found.growth["C"], found.birth["B"], found.death["B"]])


def test_the_base_model_is_the_papers():
    p = {name: param.default for name, param in BASE.parameters.items()}
    n, c = 1.2e11, 9e9
    t = n + c
    r_c = p["rho_C"] + p["b"] * (t - p["K_N"]) ** 2 / (p["a"] * t**2 + (t - p["K_N"]) ** 2)
    expected = [
        -p["r_N"] * np.log(t / p["K_N"]),
        -r_c * np.log(t / p["K_C"]),
        p["r_B"],
        p["gamma_B"] * c / (p["k_B"] + c),
    ]
    np.testing.assert_allclose(rates(BASE), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "changes", "limit", "limit_changes"),
    [
        (vc.car_t(growth="logistic"), {"c": 0.0}, BASE, {}),
        (vc.car_t(growth="logistic"), {"c": 1e-3}, BASE, {}),
        (vc.car_t(feedback="B"), {"k_1": 0.0}, vc.car_t(feedback="none"), {}),
        (vc.car_t(feedback="both"), {"k_1": 0.0}, BASE, {}),
        (BASE, {"b": 0.0}, vc.car_t(feedback="none"), {}),
        (vc.car_t(feedback="both"), {"b": 0.0}, vc.car_t(feedback="B"), {}),
        (vc.car_t(killing="crowded"), {"phi": 0.0}, BASE, {}),
        (vc.car_t(proliferation="saturation"), {"K_B": 1e24}, BASE, {}),
        (
            vc.car_t(killing="doubly-saturating"),
            {"k_B": 1e17, "gamma_B": 1.15e17, "k_C": 2.024e9},
            BASE,
            {},
        ),
    ],
)
def test_laws_meet_their_limits(model, changes, limit, limit_changes):
    tolerance = 5e-3 if changes.get("c") == 1e-3 else 1e-5
    got, wanted = rates(model, **changes), rates(limit, **limit_changes)
    np.testing.assert_allclose(got, wanted, rtol=tolerance)


def test_logistic_with_c_1_is_the_standard_logistic():
    model = vc.car_t(growth="logistic")
    t, k = 1.29e11, model.param("K_N").default
    expected = model.param("r_N").default * (1 - t / k)
    assert rates(model, c=1.0)[0] == pytest.approx(expected, rel=1e-5)


def test_interaction_without_predation_separates_the_niches():
    model = vc.car_t(growth="interaction", feedback="none")
    alone = rates(model, cells(car=1.0), delta_N=0.0)[0]
    assert rates(model, delta_N=0.0)[0] == pytest.approx(alone)
    c, k = 9e9, model.param("K_C").default
    expected = -model.param("rho_C").default * np.log(c / k)
    assert rates(model, delta_N=0.0)[1] == pytest.approx(expected, rel=1e-5)
    predation = rates(model, delta_N=0.0)[1] - rates(model, delta_N=0.2)[1]
    assert predation == pytest.approx(0.2 * 1.2e11 / 2.5e11, rel=1e-4)


def test_strong_antigen_doubles_the_baseline():
    model = vc.car_t(feedback="B")
    weak, strong = rates(model, k_1=0.0)[1], rates(model, k_1=1e3)[1]
    assert strong == pytest.approx(2 * weak, rel=1e-5)


def test_killing_in_all_saturates_in_the_tumour():
    """gamma_B (B / (k_B + B)) (C / (k_C + C)) cells a day, at B far above k_B."""
    model = vc.car_t(killing="doubly-saturating")
    state = cells(tumour=1e16)
    death = rates(model, state, gamma_B=1e12, k_B=1e10, k_C=9e9)[3]
    assert death * 1e16 == pytest.approx(0.5e12, rel=1e-4)


def test_which_models_have_a_closed_form():
    assert BASE.tumour_is_linear
    assert vc.car_t(growth="logistic", feedback="none").tumour_is_linear
    for change in (
        {"feedback": "B"},
        {"feedback": "both"},
        {"killing": "crowded"},
        {"killing": "doubly-saturating"},
        {"proliferation": "saturation"},
    ):
        assert not vc.car_t(**change).tumour_is_linear


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in LAW_KINDS for name in laws(kind)]
)
def test_a_model_is_the_same_one_elsewhere(kind, name):
    """A worker gets it by pickle: of laws that it took for a user's it would ask more."""
    model = vc.car_t(**{kind: name})
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert other == model and hash(other) == hash(model) and other.is_built_in
    assert not vc.car_t(killing=replace(BASE.killing, name="own")).is_built_in


def test_presets_hold_table_1_and_the_values_behind_the_figures():
    table, figures = vc.presets()["kimmel2021"].values, vc.presets()["kimmel2021-figures"].values
    assert table["rho_C"] == 0.0251 and figures["rho_C"] == 0.037
    assert figures["K_C"] == pytest.approx(6.964e10) and figures["K_N"] == 2.5e11
    assert figures["k_B"] == pytest.approx(2.0243e9, rel=1e-4)
    for preset in vc.presets().values():
        assert set(preset.values) == set(preset.sources) == set(BASE.parameters)


def test_every_parameter_says_what_it_is():
    for kind in LAW_KINDS:
        for law in vc.laws(kind).values():
            assert law.formula
            for param in law.parameters:
                assert param.unit and param.source and param.description and param.symbol
                param.check(param.default)


def test_unknown_law_offers_a_name():
    with pytest.raises(
        vc.VcohortError, match=r"Unknown growth law 'gomperz'\. Did you mean 'gompertz'"
    ):
        vc.car_t(growth="gomperz")
