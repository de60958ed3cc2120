"""Escape from the antigen: exact probabilities, sampled clones, kinds of relapse.

Truth is a tight solution of the backward equations and an event-by-event simulation, neither of
which shares code with the package (``clones.py``).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import vcohort as vc
from tests import clones
from tests.conftest import P_LIMIT, Z_LIMIT, z_of_share
from vcohort.models import Clone
from vcohort.models.law import CloneRates, Escape

# Tumours of hundreds of cells are meant.
SMALL_IS_MEANT = pytest.mark.filterwarnings("ignore:B0 = .* is far from the usual")

MODEL = vc.car_t(escape="mutation")


def patient(cohort, index):
    return {name: float(np.asarray(value)[index]) for name, value in cohort.values.items()}


def drawn(patients, seed=5):
    """Return patients over all of u, eps, r_E and E0, and over capacities from relapse to cure."""
    rng = np.random.default_rng(seed)
    u, few = 10.0 ** rng.uniform(-9, -1, patients), np.floor(10.0 ** rng.uniform(0, 6, patients))
    u[::7], few[::3] = 0.0, 0.0
    eps = np.where(rng.random(patients) < 0.2, 0.0, rng.uniform(0.0, 1.0, patients))
    cohort = vc.Population("kimmel2021-figures", 0.1, model=MODEL).sample(patients, seed=3)
    return cohort.replace(
        u=u, E0=few, eps=eps, r_E=rng.uniform(0.02, 0.12, patients),
        K_C=rng.uniform(5e10, 1.2e11, patients),
    )  # fmt: skip


def against_truth(patients):
    cohort = drawn(patients)
    with np.errstate(divide="ignore"):
        found = np.log(np.asarray(vc.cure_probability(cohort, 1000.0, tolerance=3e-4), float))
    wanted = np.array([clones.log_cure(patient(cohort, i), 1000.0) for i in range(patients)])
    seen = wanted > -20.0
    assert seen.sum() > 0.3 * patients
    return np.abs(found - wanted)[seen] / np.maximum(1.0, -wanted[seen])


def test_the_probability_of_cure_against_the_backward_equations():
    assert against_truth(24).max() < 1e-3


@pytest.mark.slow
def test_the_probability_of_cure_of_many_patients():
    assert against_truth(500).max() < 1e-3


def test_without_mutants_it_is_that_of_one_clone_to_the_bit():
    cohort = drawn(60).replace(u=np.zeros(60), E0=np.zeros(60))
    base = vc.car_t()
    alone = vc.Cohort({name: cohort[name] for name in base.parameters}, cohort.patient, base)
    found = vc.cure_probability(cohort), vc.cure_probability(alone)
    np.testing.assert_array_equal(*found)
    assert 0.0 < np.mean(found[0]) < 1.0


def test_where_none_is_there_and_none_arises_there_never_is_one():
    """Not even a trace, which years of growth would make a tumour of."""
    cohort = vc.Population("kimmel2021-figures", model=MODEL, u=0.0, r_E=0.2, K_C=9e10).sample(1)
    ds = vc.simulate(cohort, "deterministic", 2000.0, save_at=[1.0, 400.0, 2000.0],
                     endpoints=[vc.Escaped()], progress=False)  # fmt: skip
    assert not ds["E"].values.any() and not ds["negative_share"].values.any()


def test_slopes_against_differences():
    cohort = vc.Population(
        "kimmel2021-figures", model=MODEL, u=1e-9, eps=0.4, E0=100.0, K_C=9e10
    ).sample(1)
    with jax.enable_x64(True):
        values = {name: jnp.asarray(x, jnp.float64) for name, x in cohort.values.items()}

        @jax.jit
        def log_cure(values):
            return jnp.log(vc.cure_probability(cohort.replace(**values), 300.0)).sum()

        slopes = jax.jit(jax.grad(log_cure))(values)
        for name in ("u", "eps", "E0", "r_E", "B0", "K_C", "gamma_B"):
            # Cells are whole.
            step = 1.0 if name == "E0" else 1e-4 * float(values[name][0])
            sides = [float(log_cure(values | {name: values[name] + s})) for s in (step, -step)]
            difference = (sides[0] - sides[1]) / (2.0 * step)
            assert float(slopes[name][0]) == pytest.approx(difference, rel=1e-3), name
        none = values | {"u": 0.0 * values["u"], "E0": 0.0 * values["E0"]}
        assert all(np.isfinite(slope).all() for slope in jax.jit(jax.grad(log_cure))(none).values())


SMALL = (
    {"B0": 500.0, "E0": 20.0, "u": 0.05, "eps": 0.5, "r_E": 0.065, "gamma_B": 0.5},
    {"B0": 5000.0, "E0": 3.0, "u": 1e-3, "eps": 0.2, "r_E": 0.1, "gamma_B": 1.15},
    {"B0": 150.0, "E0": 10.0, "u": 0.1, "eps": 1.0, "r_E": 0.05, "gamma_B": 0.3},
)
DAYS = 300.0


def agrees(method, values, patients):
    """Compare outcomes, their days and the antigen at progression with event-by-event truth."""
    population = vc.Population("kimmel2021-figures", model=MODEL, **values)
    cohort = population.sample(patients)
    ds = vc.simulate(cohort, method, DAYS, seed=3, endpoints=[vc.Escaped()], tolerance=1e-2,
                     progress=False)  # fmt: skip
    outcome, day, share = clones.simulate(patient(cohort, 0), DAYS, patients, seed=1)
    for kind in (1, 2):
        mine, truth = ds["outcome"].values == kind, outcome == kind
        pooled = 0.5 * (mine.mean() + truth.mean())
        error = np.sqrt(2.0 * max(pooled * (1.0 - pooled), 1.0 / patients) / patients)
        assert abs(mine.mean() - truth.mean()) < Z_LIMIT * error
        if min(mine.sum(), truth.sum()) > 30:
            days = ds["event_time"].values[mine], day[truth]
            assert stats.ks_2samp(*days).pvalue > P_LIMIT
            if kind == 2:
                shares = ds["negative_share"].values[mine], share[truth]
                assert stats.ks_2samp(*shares).pvalue > P_LIMIT


@SMALL_IS_MEANT
@pytest.mark.parametrize("method", ["hybrid", "gillespie"])
def test_small_tumours_against_single_events(method):
    agrees(method, SMALL[0], 1000)


@pytest.mark.slow
@SMALL_IS_MEANT
@pytest.mark.parametrize("method", ["hybrid", "gillespie"])
@pytest.mark.parametrize("values", SMALL)
def test_more_small_tumours_against_single_events(method, values):
    agrees(method, values, 10_000)


def share_of_cures(values, patients):
    cohort = vc.Population("kimmel2021-figures", 0.02, model=MODEL, **values).sample(patients, 2)
    # Whoever relapses and is cured later counts as cured: no progression.
    ds = vc.simulate(cohort, "hybrid", 600.0, progression=1e6, seed=3, endpoints=[vc.Escaped()],
                     progress=False)  # fmt: skip
    exact = float(np.mean(vc.cure_probability(cohort, 600.0)))
    return z_of_share(float((ds["outcome"] == 1).mean()), exact, patients), exact


@pytest.mark.parametrize(
    ("values", "patients"),
    [
        ({"u": 0.0, "E0": 300.0, "eps": 0.25, "K_C": 9e10}, 4000),
        # Killed at e^-50 a day: nearly all mutants are born in the first hour of a step.
        ({"u": 5e-9, "E0": 0.0, "eps": 0.0, "K_C": 9e10, "gamma_B": 50.0, "k_B": 1e6}, 12_000),
        pytest.param({"u": 1e-9, "E0": 0.0, "eps": 0.2, "K_C": 7.5e10}, 20_000,
                     marks=pytest.mark.slow),
        pytest.param({"u": 1e-10, "E0": 0.0, "eps": 0.0, "K_C": 7.3e10}, 20_000,
                     marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_shares_of_cures_of_clinical_tumours_against_exact_probabilities(values, patients):
    z, exact = share_of_cures(values, patients)
    assert 0.01 < exact < 0.99 and abs(z) < Z_LIMIT


def chain(second):
    """Return B -> E -> F: F escapes from what kills E, at a share ``second`` of its divisions."""
    base = vc.laws("escape")["mutation"]

    def rates(values, cells, births_at, killing):
        found = base.rates(values, cells, births_at, killing)
        return CloneRates(
            {**found.birth, "F": births_at(values["r_E"])},
            {**found.death, "F": 0.2 * found.death["E"]},
            {**found.mutation, ("E", "F"): values["u"] * second},
        )

    none = vc.Param(
        "F0", "F(0)", "cells", 0.0, (1.0, 1e12), "F at the start", "a test", closed=True
    )
    return vc.car_t(
        escape=Escape("chain", "B -> E -> F", (*base.parameters, none),
                      (*base.clones, Clone("F", "cells that nothing kills")), rates)
    )  # fmt: skip


@SMALL_IS_MEANT
def test_what_a_clone_is_called_changes_nothing():
    """Also where its name comes before that of B."""
    base = vc.laws("escape")["mutation"]
    first = vc.Param(
        "A0", "A(0)", "cells", 0.0, (1.0, 1e12), "A at the start", "a test", closed=True
    )

    def rates(*given):
        found = base.rates(*given)
        birth, death = ({"A": each["E"]} for each in (found.birth, found.death))
        return CloneRates(birth, death, {("B", "A"): found.mutation["B", "E"]})

    parameters = (*(each for each in base.parameters if each.name != "E0"), first)
    renamed = vc.car_t(escape=Escape("own", "own", parameters, (Clone("A", "A"),), rates))
    values = SMALL[0] | {"E0": 20.0}
    other = {name.replace("E0", "A0"): value for name, value in values.items()}
    found = [
        vc.simulate(vc.Population("kimmel2021-figures", model=model, **given).sample(200),
                    "gillespie", DAYS, tolerance=1e-2, endpoints=[vc.Escaped()], progress=False)
        for model, given in ((MODEL, values), (renamed, other))
    ]  # fmt: skip
    for name in ("outcome", "relapse"):
        np.testing.assert_array_equal(found[0][name], found[1][name], err_msg=name)
    # Rates of one's own are looked at, so that their program is rounded otherwise.
    for name in ("event_time", "negative_share"):
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-5, err_msg=name)


@pytest.mark.slow
@SMALL_IS_MEANT
def test_three_clones():
    """Without the third they are two; with it P(cure) is that of what is drawn."""
    values = {"B0": 3000.0, "E0": 30.0, "u": 0.02, "eps": 0.6, "r_E": 0.05, "gamma_B": 0.5}
    two, three, same = (vc.Population("kimmel2021-figures", model=model, **values).sample(2000)
                        for model in (MODEL, chain(1.0), chain(0.0)))  # fmt: skip
    exact = [float(vc.cure_probability(each, DAYS)[0]) for each in (two, three, same)]
    assert exact[2] == pytest.approx(exact[0], rel=1e-4)
    assert exact[1] < exact[0]
    for cohort, probability in ((three, exact[1]), (same, exact[0])):
        ds = vc.simulate(cohort, "hybrid", DAYS, progression=1e6, seed=1, tolerance=1e-2,
                         endpoints=[vc.Escaped()], progress=False)  # fmt: skip
        share = float((ds["outcome"] == 1).mean())
        assert abs(z_of_share(share, probability, 2000)) < Z_LIMIT


def test_the_mean_of_the_clones_against_scipy():
    cohort = vc.Population(
        "kimmel2021-figures", model=MODEL, u=1e-3, eps=0.3, E0=0.0, r_E=0.08
    ).sample(1)
    p, days = patient(cohort, 0), [2.0, 10.0, 60.0]
    ds = vc.simulate(cohort, "deterministic", 100.0, save_at=days, endpoints=[vc.Nadir()],
                     progress=False)  # fmt: skip
    death = clones.killing(p, 100.0)

    def slopes(day, cells):
        b, e = cells
        born = p["r_B"] * p["u"] * b
        return [
            (p["r_B"] * (1 - p["u"]) - death(day)) * b,
            (p["r_E"] - p["eps"] * death(day)) * e + born,
        ]

    truth = clones.solve_ivp(slopes, (0.0, 60.0), [p["B0"], 0.0], "DOP853", days, rtol=1e-10,
                             atol=1e-3).y  # fmt: skip
    np.testing.assert_allclose(ds["B"].values[0], truth[0], rtol=2e-3)
    np.testing.assert_allclose(ds["E"].values[0], truth[1], rtol=2e-3)


def test_steps_are_short_enough_for_each_clone():
    """Also for one that effectors kill by a law of its own, and B by a mild one."""
    base = vc.laws("escape")["mutation"]
    own = vc.Param("k_E", "k_E", "cells", 1e9, (1e7, 1e11), "half the killing of E", "a test")

    def killing(p, car):
        return 3.0 * (car / p["k_E"]) ** 6 / (1.0 + (car / p["k_E"]) ** 6)

    def rates(values, cells, births_at, _):
        births, deaths = births_at(values["r_E"]), killing(values, cells["C"])
        return CloneRates({"E": births}, {"E": deaths}, {("B", "E"): values["u"]})

    model = vc.car_t(escape=Escape("own", "own", (*base.parameters, own), base.clones, rates=rates))
    cohort = vc.Population(
        "kimmel2021-figures", model=model, u=0.0, E0=1e10, k_E=2e9, gamma_B=0.5, k_B=1e5
    ).sample(1)
    days = [2.0, 5.0, 8.0]
    ds = vc.simulate(cohort, "deterministic", 200.0, save_at=days, endpoints=[vc.Nadir()],
                     progress=False)  # fmt: skip
    p = patient(cohort, 0)

    def slopes(_, logs):
        return [*clones.slopes(p, logs[:2]), p["r_E"] - killing(p, np.exp(logs[1]))]

    first = np.log([p["N0"], p["C0"], p["E0"]])
    truth = clones.solve_ivp(slopes, (0.0, 8.0), first, "DOP853", days, rtol=1e-10, atol=1e-10).y
    np.testing.assert_allclose(np.log(ds["E"].values[0]), truth[2], atol=2e-3)


def test_what_knows_one_clone_refuses_two():
    cohort = vc.Population("kimmel2021-figures", model=MODEL).sample(3)
    with pytest.raises(vc.VcohortError, match=r"tumours of one clone.*B, E"):
        vc.simulate(cohort, "exact")
    with pytest.raises(vc.VcohortError, match="tumours of one clone"):
        vc.progression_free_probability(cohort, [30.0])
    with pytest.raises(vc.VcohortError, match="tumours of one clone"):
        vc.sobol_indices(vc.Population("kimmel2021-figures", 0.1, model=MODEL), ["pfs_90"], 8)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"u": 1.0}, "less than 1"), ({"u": -0.1}, "at least 0"), ({"eps": 1.1}, "at most 1"),
        ({"E0": -1.0}, "at least 0"), ({"r_E": np.nan}, "finite"),
    ],
)  # fmt: skip
def test_impossible_values(values, match):
    with pytest.raises(vc.VcohortError, match=match):
        vc.Population("kimmel2021-figures", model=MODEL, **values)


def law(**parts):
    """Return a law of one more clone E, with some parts made wrong."""
    right = {"birth": {"E": 0.1}, "death": {"E": 0.0}, "mutation": {("B", "E"): 1e-3}} | parts
    base = vc.laws("escape")["mutation"]

    def rates(values, cells, births_at, killing):
        one = jnp.ones_like(killing)
        return CloneRates(*(
            {name: value * one for name, value in each.items()} for each in right.values()
        ))  # fmt: skip

    return Escape("wrong", "wrong", base.parameters, base.clones, rates)


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        ({"birth": {"E": 0.1, "F": 0.1}}, "'F', which is not among B, E"),
        ({"death": {}}, "lack E"),
        ({"mutation": {("B", "M"): 1e-3}}, "'M' is not among B, E"),
        ({"mutation": {("E", "B"): 1e-3}}, "listed after"),
        ({"mutation": {("B", "B"): 1e-3}}, "from one species to another"),
        ({"birth": {"E": np.ones(3)}}, r"shape \(3,\)"),
    ],
)
def test_laws_that_do_not_fit_are_refused(parts, match):
    with pytest.raises(vc.VcohortError, match=match):
        vc.car_t(escape=law(**parts))


def clones_of(*names, first=None, rates=None):
    """Return a law of clones by these names, each with its first cells."""
    base = vc.laws("escape")["mutation"]
    owned = {param.name: param for param in base.parameters}
    for name in names:
        owned[f"{name}0"] = vc.Param(
            f"{name}0", name, "cells", 0.0, (1.0, 1e12), name, "a test", closed=True
        )

    def each(values, cells, births_at, killing):
        births = dict.fromkeys(names, births_at(values["r_E"]))
        deaths = dict.fromkeys(names, 0.0 * killing)
        return CloneRates(births, deaths, {("B", name): values["u"] for name in names})

    clones_named = tuple(Clone(name, name) for name in names)
    more = {} if first is None else {"first": first}
    return Escape("own", "own", tuple(owned.values()), clones_named, rates=rates or each, **more)


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (lambda: vc.car_t(escape=clones_of("E", "E")), "two species of the name 'E'"),
        (lambda: vc.car_t(escape=clones_of("B")), "two different parameters of the name 'B0'"),
        (lambda: vc.car_t(memory="linear", escape=clones_of("M")), "two species of the name 'M'"),
        (lambda: vc.car_t(escape=clones_of("eps")), "'eps' is a species and a parameter"),
        (lambda: vc.car_t(escape=clones_of("a clone")), "no name of a species"),
        (lambda: vc.car_t(escape=clones_of("E", first=Clone("P", "P"))), "first clone is named"),
        (lambda: Escape("own", "own", (), ("E",)), "give a tuple of vcohort.models.Clone"),
        (lambda: Escape("own", "own", (), Clone("E", "E")), "give a tuple of vcohort.models.Clone"),
        (lambda: Escape("own", "own", ("u",)), "give a tuple of vcohort.models.Param"),
    ],
)  # fmt: skip
def test_species_that_would_be_taken_for_one_another_are_refused(made, match):
    with pytest.raises(vc.VcohortError, match=match):
        made()


@pytest.mark.parametrize(
    ("rates", "match"),
    [
        (lambda v, c, b, k: {"E": k}, "cannot be followed"),
        (lambda v, c, b, k: CloneRates({"E": k if k > 0 else b(k)}, {"E": k}, {}), "without an if"),
        (lambda v, c, b, k: CloneRates({"E": c.log("M")}, {"E": k}, {}), "Unknown species 'M'"),
        (lambda v, c, b, k: CloneRates({"E": k, "B": k}, {"E": k}, {}), "'B' are given twice"),
    ],
)
def test_laws_that_cannot_be_followed_are_refused(rates, match):
    with pytest.raises(vc.VcohortError, match=match):
        vc.car_t(escape=clones_of("E", rates=rates))


def test_of_no_cells_nothing_changes():
    cohort = vc.Population("kimmel2021-figures", model=MODEL, u=0.0).sample(1)
    ds = vc.local_sensitivity(cohort, [0.0, 10.0, 50.0], ["K_C", "gamma_B", "eps"], progress=False)
    assert not ds["sensitivity"].sel(state="E").values.any()
    assert ds["sensitivity"].sel(state="B").values.any()


def test_parts_of_a_cell_are_told_of():
    cohort = vc.Population("kimmel2021-figures", model=MODEL, u=0.0).sample(1)
    with pytest.warns(vc.VcohortWarning, match=r"E0 = 0\.2 is no whole number"):
        vc.cure_probability(cohort.replace(E0=np.array([0.2])), 50.0)


def test_pictures_show_all_clones_and_all_car_t_cells():
    model = vc.car_t(memory="linear", escape="mutation")
    cohort = vc.Population("kimmel2021-figures", model=model, E0=1e11, f_M=0.5).sample(1)
    ds = vc.simulate(cohort, "deterministic", 60.0, save_at=[0.0, 30.0, 60.0], progress=False)
    _, car, tumour = vc.plots.trajectories(ds)
    drawn = [np.asarray(axis.lines[0].get_ydata()) for axis in (car, tumour)]
    np.testing.assert_allclose(drawn[0], vc.units.t_cells_per_ul((ds["C"] + ds["M"])[0]))
    np.testing.assert_allclose(drawn[1], vc.units.tumour_ml((ds["B"] + ds["E"])[0]))
    line = vc.plots.car_t_kinetics(ds).lines[0]
    np.testing.assert_allclose(line.get_ydata(), drawn[0])


def test_lists_of_clones_are_as_good_as_tuples():
    base = vc.laws("escape")["mutation"]
    law = Escape("own", "own", list(base.parameters), list(base.clones), rates=base.rates)
    assert vc.car_t(escape=law).species.clones[1:] == MODEL.species.clones[1:]


def test_the_mean_of_a_clone_that_springs_from_two():
    """B and E bear F, each at its own rate, on top of what F's own divisions make."""
    base = clones_of("E", "F")

    def rates(values, cells, births_at, killing):
        births = {"E": births_at(0.9), "F": births_at(values["r_E"])}
        shares = {("B", "E"): values["u"], ("B", "F"): values["u"], ("E", "F"): 20 * values["u"]}
        return CloneRates(births, {"E": 0.5 * killing, "F": 0.0 * killing}, shares)

    model = vc.car_t(escape=Escape("two", "two", base.parameters, base.clones, rates=rates))
    cohort = vc.Population("kimmel2021-figures", model=model, u=1e-3, r_E=0.3, K_C=7e10).sample(1)
    p, days = patient(cohort, 0), [1.0, 5.0, 20.0, 40.0]
    ds = vc.simulate(cohort, "deterministic", 60.0, save_at=days, endpoints=[vc.Nadir()],
                     progress=False)  # fmt: skip
    death = clones.killing(p, 60.0)

    def slopes(day, cells):
        b, e, f = cells
        u, mu = p["u"], death(day)
        return [
            (p["r_B"] * (1 - 2 * u) - mu) * b,
            (0.9 * (1 - 20 * u) - 0.5 * mu) * e + p["r_B"] * u * b,
            p["r_E"] * f + p["r_B"] * u * b + 0.9 * 20 * u * e,
        ]

    first = [p["B0"], 0.0, 0.0]
    truth = clones.solve_ivp(slopes, (0.0, 40.0), first, "DOP853", days, rtol=1e-10, atol=1e-3).y
    for name, wanted in zip("BEF", truth, strict=True):
        np.testing.assert_allclose(ds[name].values[0], wanted, rtol=2e-3, err_msg=name)


def test_a_clone_may_not_be_named_as_the_axis_of_time():
    cohort = vc.Population("kimmel2021-figures", model=vc.car_t(escape=clones_of("time"))).sample(2)
    with pytest.raises(vc.VcohortError, match="something of the name 'time'"):
        vc.simulate(cohort, "hybrid", 10.0, progress=False)


def test_shares_of_more_than_all_and_negative_rates_are_refused():
    """They show with the values of a patient."""
    cohort = vc.Population(
        "kimmel2021-figures", model=vc.car_t(escape=clones_of("E", "F")), u=0.4
    ).sample(3)
    assert np.isfinite(vc.cure_probability(cohort)).all()
    with pytest.raises(vc.VcohortError, match=r"mutation are E: 0.6, F: 0.6 .* place 1"):
        vc.cure_probability(cohort.replace(u=np.array([0.4, 0.6, 0.6])))

    def rates(values, cells, births_at, killing):
        return CloneRates({"E": births_at(values["r_E"]) - 0.1}, {"E": killing}, {})

    model = vc.car_t(escape=clones_of("E", rates=rates))
    with pytest.raises(vc.VcohortError, match=r"birth rate of E is -0\.035"):
        vc.simulate(vc.Population("kimmel2021-figures", model=model).sample(2), "hybrid")


def test_cumulative_incidence_against_lifelines():
    """With patients of two horizons, so that some are censored early."""
    from lifelines import AalenJohansenFitter  # noqa: PLC0415

    rng = np.random.default_rng(1)
    size = 400
    kind, day = rng.integers(0, 4, size), rng.uniform(1.0, 400.0, size)
    until = np.where(rng.random(size) < 0.5, 250.0, 400.0)
    kind[day > until] = 0
    day = np.where(kind == 0, until, day)
    cohort = vc.Population("kimmel2021-figures", model=MODEL).sample(size)
    ds = vc.simulate(cohort, "deterministic", 400.0, tolerance=0.1, endpoints=[vc.Escaped()],
                     progress=False)  # fmt: skip
    ds["outcome"].values[:] = np.array([0, 1, 2, 2])[kind]
    ds["relapse"].values[:] = np.array([0, 0, 1, 2])[kind]
    ds["event_time"].values[:] = day
    ds["followed_until"] = ("patient", until, {"units": "day", "long_name": "followed"})
    days = np.array([20.0, 100.0, 240.0, 260.0, 390.0])
    found = vc.cumulative_incidence(ds, days)
    for number, name in enumerate(found["event"].values, start=1):
        fitted = AalenJohansenFitter(calculate_variance=False).fit(
            day, kind, event_of_interest=number
        )
        truth = fitted.cumulative_density_.iloc[:, 0]
        wanted = [truth[truth.index <= each].iloc[-1] for each in days]
        np.testing.assert_allclose(found.sel(event=name), wanted, atol=1e-9)
    axes = vc.plots.cumulative_incidence(ds, days)
    assert len(axes.collections) == 3


@pytest.mark.slow
def test_the_probability_of_cure_is_an_output_like_any():
    """Of analyses that measure patients: its value and its slopes, against differences."""
    cohort = vc.Population("kimmel2021-figures", model=MODEL, K_C=7.4e10, u=1e-9, eps=0.3,
                           E0=50.0).sample(1)  # fmt: skip
    days, names = [100.0, 365.0], ["K_C", "u", "eps", "E0"]
    sens = vc.local_sensitivity(cohort, days, names, outputs=["cure"])
    chance = float(vc.cure_probability(cohort, 365.0)[0])
    assert float(sens["output_value"].squeeze()) == pytest.approx(chance, abs=2e-3)
    for name in names:
        # Cells are whole numbers.
        step = np.log(51 / 49) / 2 if name == "E0" else 2e-3
        up, down = (
            float(vc.cure_probability(cohort.replace(**{name: cohort[name] * way}), 365.0)[0])
            for way in ((51 / 50, 49 / 50) if name == "E0" else (np.exp(step), np.exp(-step)))
        )
        slope = float(sens["cure_sensitivity"].sel(parameter=name).squeeze())
        assert slope == pytest.approx((up - down) / (2 * step), rel=0.01), name
    ds = vc.sobol_indices(
        vc.Population("kimmel2021-figures", model=MODEL, eps=vc.Uniform(0.1, 0.5), E0=100.0),
        ["cure"], 64, horizon=365.0, progress=False,
    )  # fmt: skip
    assert float(ds["total"].sel(parameter="eps").squeeze()) > 0.9
