"""Memory cells: against scipy's solution, in doses and treatments, and wherever T cells count."""

import numpy as np
import pytest
from scipy.integrate import simpson, solve_ivp

import vcohort as vc
from vcohort.models import Compartment
from vcohort.models.law import Flows, Memory

LINEAR = vc.car_t(memory="linear")
VALUES = {"f_M": 0.02, "k_CM": 0.03, "k_MC": 0.002, "d_M": 0.004}
FEW = [vc.Nadir()]
LATER = np.array([5.0, 15.0, 30.0, 90.0, 180.0, 365.0])


def cohort_of(model=LINEAR, patients=1, **values):
    return vc.Population("kimmel2021-figures", model=model, **(VALUES | values)).sample(patients)


def truth(p, days, treatments=()):
    """Return N, C, M and B (state, day): DOP853; treatments are (day, survival (3,), cells)."""

    def slopes(_, cells):
        n, c, m, b = cells
        total = n + c + m
        gap = (total / p["K_N"] - 1.0) ** 2
        rate = p["rho_C"] + p["b"] * gap / (p["a"] * (total / p["K_N"]) ** 2 + gap)
        killing = p["gamma_B"] * c / (p["k_B"] + c)
        there, back = p["k_CM"] * c, p["k_MC"] * m
        return [
            -p["r_N"] * n * np.log(total / p["K_N"]),
            -rate * c * np.log(total / p["K_C"]) - there + back,
            there - back - p["d_M"] * m,
            (p["r_B"] - killing) * b,
        ]

    share = np.array([1.0 - p["f_M"], p["f_M"]])
    cells = np.array([p["N0"], *(p["C0"] * share), p["B0"]])
    now, found = 0.0, []
    for stop in sorted({*days, *(day for day, _, _ in treatments)}):
        cells = solve_ivp(slopes, (now, stop), cells, "DOP853", rtol=1e-11, atol=1e-6).y[:, -1]
        now = stop
        if stop in days:
            found.append(cells.copy())
        for day, survival, dose in treatments:
            if day == stop:
                cells[:3] *= survival
                cells[1:3] += dose * share
    return np.array(found).T


def one(cohort):
    return {name: float(np.asarray(value)[0]) for name, value in cohort.values.items()}


@pytest.mark.parametrize("values", [{}, {"f_M": 0.0, "k_MC": 0.0}, {"k_CM": 0.2, "d_M": 0.5}])
def test_the_path_against_scipy(values):
    """Also where no memory cell is infused, and where they turn over faster than steps are long."""
    cohort, days = cohort_of(**values), [1.0, 5.0, 20.0, 60.0, 180.0, 400.0]
    ds = vc.simulate(cohort, "deterministic", 500.0, save_at=days, endpoints=FEW, progress=False)
    for name, wanted in zip("NCMB", truth(one(cohort), days), strict=True):
        pair = (np.maximum(each, 1.0) for each in (ds[name].values[0], wanted))
        np.testing.assert_allclose(*pair, rtol=2e-3, err_msg=name)


def test_treatments_against_scipy():
    """A dose is split, and each compartment has a survival of its own."""
    cohort, days = cohort_of(), [60.0, 120.0, 300.0]
    regimen = vc.Regimen(
        vc.Lymphodepletion(98.0, {"N": 0.05, "C": 0.2, "M": 0.6}), vc.Infusion(100.0, 1e8)
    )
    ds = vc.simulate(cohort, "deterministic", 400.0, save_at=days, regimen=regimen, endpoints=FEW,
                     progress=False)  # fmt: skip
    events = [(98.0, [0.05, 0.2, 0.6], 0.0), (100.0, [1.0, 1.0, 1.0], 1e8)]
    for name, wanted in zip("NCMB", truth(one(cohort), days, events), strict=True):
        pair = (np.maximum(each, 1.0) for each in (ds[name].values[0], wanted))
        np.testing.assert_allclose(*pair, rtol=2e-3, err_msg=name)


def test_without_memory_cells_it_is_the_base_model():
    empty = {"f_M": 0.0, "k_CM": 0.0, "k_MC": 0.0}
    cohorts = cohort_of(**empty), vc.Population("kimmel2021-figures").sample(1)
    days = [10.0, 100.0, 300.0]
    found = [vc.simulate(each, "deterministic", 500.0, save_at=days, endpoints=FEW,
                         progress=False) for each in cohorts]  # fmt: skip
    for name in "NCB":
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-3)
    assert not found[0]["M"].any()
    chances = [vc.cure_probability(each) for each in cohorts]
    assert float(chances[0][0]) == pytest.approx(float(chances[1][0]), abs=1e-3)


def test_effectors_and_memory_cells_are_both_counted():
    """By endpoints and by observables; effectors alone kill."""
    cohort = cohort_of(f_M=0.5, k_CM=0.1)
    days = list(np.arange(0.0, 28.25, 0.25))
    ds = vc.simulate(cohort, "deterministic", 100.0, save_at=days, progress=False,
                     endpoints=[vc.Kinetics(auc_until=28.0)])  # fmt: skip
    _, c, m, _ = truth(one(cohort), days[1:])
    first = np.array([one(cohort)["C0"]])
    car = np.concatenate([first, c + m])
    assert float(ds["C_auc"][0]) == pytest.approx(simpson(car, days), rel=3e-3)
    assert float(ds["C_max"][0]) == pytest.approx(car.max(), rel=3e-3)
    table = {"day": [7.0, 14.0, 28.0], "observable": ["C"] * 3, "value": car[[28, 56, 112]]}
    fit = vc.fit(table, ["k_CM"], cohort=cohort.replace(k_CM=np.array([0.05])), starts=2,
                 loss="log", progress=False)  # fmt: skip
    assert float(fit["estimate"][0, 0]) == pytest.approx(0.1, rel=0.02)
    assert "M" in fit


def test_reactivation_by_antigen_makes_the_tumour_nonlinear():
    cohort = cohort_of(vc.car_t(memory="antigen"), patients=300, K_C=9e10)
    assert not cohort.model.tumour_is_linear
    with pytest.raises(vc.VcohortError, match="do not depend on the tumour"):
        vc.cure_probability(cohort)
    shares = [
        float((vc.simulate(cohort, method, 200.0, endpoints=FEW, progress=False)["outcome"] == 1)
              .mean()) for method in ("hybrid", "gillespie")
    ]  # fmt: skip
    assert abs(shares[0] - shares[1]) < 4.5 * np.sqrt(0.5 / 300)


@pytest.mark.parametrize(
    ("values", "match"),
    [({"f_M": 1.1}, "at most 1"), ({"f_M": -0.1}, "at least 0"), ({"k_CM": np.inf}, "finite")],
)
def test_impossible_values(values, match):
    with pytest.raises(vc.VcohortError, match=match):
        cohort_of(**values)


@pytest.mark.parametrize(
    ("flows", "match"),
    [
        (Flows({"M": 0.0}, {("C", "X"): 0.1}), "'X' is not among N, C, M"),
        (Flows({"M": 0.0}, {("C", "B"): 0.1}), "'B' is not among N, C, M"),
        (Flows({}, {}), "lack M"),
        (Flows({"M": 0.0, "Q": 0.0}, {}), "'Q', which is not among"),
        (Flows({"M": np.zeros(2)}, {}), r"shape \(2,\)"),
    ],
)
def test_laws_that_do_not_fit_are_refused(flows, match):
    def rates(values, cells):
        one = cells["C"] * 0.0 + 1.0
        return Flows(*({name: value * one for name, value in each.items()} for each in flows))

    memory = Compartment("M", "memory cells", fed=True, car=True)
    with pytest.raises(vc.VcohortError, match=match):
        vc.car_t(memory=Memory("wrong", "wrong", (), (memory,), rates))


def two_compartments(name="S", growth=()):
    """Return memory cells of two kinds, each a share of the infused product."""
    base = vc.laws("memory")["linear"]
    share = vc.Param("f_S", "f_S", "1", 0.2, (0.0, 1.0), "share", "a test", closed=True)

    def flows(values, cells):
        still = {"M": -values["d_M"], name: -values["d_M"]}
        return Flows(still | dict.fromkeys(growth, values["d_M"]), {})

    more = Compartment(name, "others", fed=True, car=True)
    return Memory("two", "two", (*base.parameters, share), (*base.compartments, more), flows,
                  lambda values: {"M": values["f_M"], name: values["f_S"]})  # fmt: skip


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"name": "C"}, "two species of the name 'C'"), ({"name": "M"}, "of the name 'M'"),
        ({"name": "B"}, "two species of the name 'B'"), ({"growth": ["C"]}, "'C' are given twice"),
    ],
)  # fmt: skip
def test_compartments_that_would_be_taken_for_others_are_refused(given, match):
    with pytest.raises(vc.VcohortError, match=match):
        vc.car_t(memory=two_compartments(**given))


def test_no_more_than_the_product_is_infused():
    cohort = cohort_of(vc.car_t(memory=two_compartments()), f_M=0.3)
    ds = vc.simulate(cohort, "deterministic", 10.0, save_at=[0.0], endpoints=FEW, progress=False)
    parts = [float(ds[name][0, 0]) / one(cohort)["C0"] for name in "CMS"]
    assert parts == pytest.approx([0.5, 0.3, 0.2], rel=1e-6)
    with pytest.raises(vc.VcohortError, match=r"infused product are M: 0.3, S: 0.8"):
        vc.cure_probability(cohort.replace(f_S=np.array([0.8])))


def test_a_compartment_that_the_model_does_not_have_is_refused():
    regimen = vc.Regimen(vc.Lymphodepletion(50.0, {"M": 0.5}))
    with pytest.raises(vc.VcohortError, match="compartment of a lymphodepletion 'M'"):
        vc.simulate(vc.Population("kimmel2021").sample(2), "exact", regimen=regimen)


def test_survivals_by_compartment_come_back_from_a_record_and_from_a_store(tmp_path):
    """In whatever order they are named."""
    pairs = [*zip("NCM", (np.array([0.2, 0.5]), 0.1, 0.6), strict=True)]
    first, second = (
        vc.Regimen(vc.Lymphodepletion(98.0, dict(each)), vc.Infusion(100.0, 1e8))
        for each in (pairs, pairs[::-1])
    )
    assert first == second
    again = vc.Regimen.from_record(first.to_record())
    assert again == first and repr(again) == repr(first)
    ds = vc.simulate(cohort_of(patients=2), "hybrid", 150.0, regimen=first, endpoints=FEW,
                     progress=False)  # fmt: skip
    assert vc.Regimen.from_record(ds.attrs["regimen_record"], ds) == first
    regimen = vc.Regimen(vc.Lymphodepletion(98.0, {"N": 0.2, "M": 0.6}))
    population = vc.Population("kimmel2021-figures", model=LINEAR)
    store = tmp_path / "it.zarr"
    swept = vc.sweep(population, {"lymphodepletion_1_M_survival": [0.1, 1.0]}, 10, store,
                     method="hybrid", horizon=120.0, regimen=regimen, progress=False)  # fmt: skip
    assert vc.resume(store, progress=False).equals(swept)


def test_through_the_command_line_and_a_sweep(tmp_path):
    from typer.testing import CliRunner  # noqa: PLC0415

    from vcohort.cli.app import app  # noqa: PLC0415

    path = tmp_path / "it.nc"
    told = CliRunner().invoke(app, [
        "simulate", "-n", "8", "--law", "memory=linear", "--law", "escape=mutation",
        "--set", "f_M=0.1", "--set", "E0=100", "--horizon", "50", "-o", str(path),
    ])  # fmt: skip
    assert told.exit_code == 0, told.output
    ds = vc.load(path)
    assert (ds["f_M"] == 0.1).all() and (ds["E0"] == 100).all()
    assert "memory" in ds.attrs["model"] and "escape" in ds.attrs["model"]
    told = CliRunner().invoke(app, ["simulate", "-n", "8", "--law", "memory=linaer"])
    assert "Did you mean 'linear'?" in str(told.exception)
    both = vc.car_t(memory="linear", escape="mutation")
    grid = vc.sweep(vc.Population("kimmel2021-figures", model=both), {"u": [0.0, 1e-3]}, 20,
                    method="hybrid", horizon=100.0, progress=False)  # fmt: skip
    assert float(grid["cure_probability"][0]) >= float(grid["cure_probability"][1])


@pytest.mark.parametrize(
    ("law", "values"),
    [("linear", {"d_M": 0.1}), ("antigen", {})],
)
def test_both_laws_in_logs_against_scipy(law, values):
    model = vc.car_t(memory=law)
    cohort = vc.Population("kimmel2021-figures", model=model, **values).sample(1)
    p = {name: float(value[0]) for name, value in cohort.values.items()}

    def slopes(_, state):
        n, c, b = np.exp(state[[0, 1, 3]])
        m, t = state[2], n + c + state[2]
        r_c = p["rho_C"] + p["b"] * (t - p["K_N"]) ** 2 / (p["a"] * t**2 + (t - p["K_N"]) ** 2)
        back = p["k_MC"] * (b / (p["k_M"] + b) if law == "antigen" else 1.0)
        return [
            -p["r_N"] * np.log(t / p["K_N"]),
            -r_c * np.log(t / p["K_C"]) - p["k_CM"] + back * m / c,
            p["k_CM"] * c - (back + p["d_M"]) * m,
            p["r_B"] - p["gamma_B"] * c / (p["k_B"] + c),
        ]

    memory = p["f_M"] * p["C0"]
    start = [np.log(p["N0"]), np.log(p["C0"] - memory), memory, np.log(p["B0"])]
    truth = solve_ivp(slopes, (0.0, 365.0), start, "LSODA", LATER, rtol=1e-10, atol=1e-9).y
    ds = vc.simulate(cohort, "deterministic", 400.0, save_at=LATER, endpoints=[vc.Nadir()],
                     progress=False)  # fmt: skip
    for name, path in zip("NCMB", truth, strict=True):
        wanted = np.log(path) if name == "M" else path
        np.testing.assert_allclose(np.log(ds[name].values[0]), wanted, atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("quartile", vc.data.QUARTILES)
def test_memory_cells_meet_the_trial_s_counts_to_day_180(quartile):
    """One parameter more, the rate at which effectors turn to memory cells."""
    table = vc.data.fit_table(quartile).to_dataframe()
    free = ["r_N", "rho_C", "K_C", "a", "b", "k_CM"]
    still = {"f_M": 0.0, "k_MC": 0.0, "d_M": 0.0032}
    base = vc.Cohort.from_values("kimmel2021-figures", model=LINEAR, **still)
    fit = vc.fit(table[table["observable"] != "B_ml"], free, base, loss="log", starts=40,
                 bounds={"k_CM": (1e-6, 0.5)}, progress=False)  # fmt: skip
    best = fit["estimate"].isel(patient=0).to_series().to_dict()
    counts = vc.data.t_cell_counts()
    _, effectors, memory, _ = truth(one(base) | best, list(counts["day"].values))
    ratio = (effectors + memory) / 5e8 / counts[f"car_t_{quartile}"].values
    assert (np.abs(np.log(ratio)) < np.log(1.2)).all(), ratio


def test_models_with_other_cells_are_compared():
    """What one lacks is missing there alone."""
    days = np.array([7.0, 14.0, 28.0, 60.0, 120.0, 180.0])
    _, c, m, _ = truth(one(cohort_of(k_CM=0.1)), list(days))
    table = {"day": days, "observable": ["C"] * 6, "value": c + m,
             "error": np.full(6, 0.1)}  # fmt: skip
    cohort = cohort_of(k_CM=0.1)
    ds = vc.compare_models(
        table, {"with": LINEAR, "without": vc.car_t()}, cohort, loss="log", starts=2,
        fixed=[name for name in LINEAR.parameters if name != "K_C"], progress=False,
    )  # fmt: skip
    assert float(ds["loss"].sel(model="with")[0]) < 0.1 < float(ds["loss"].sel(model="without")[0])
    assert np.isnan(ds["M"].sel(model="without")).all()
    assert not np.isnan(ds["M"].sel(model="with")).any()


@pytest.mark.parametrize(("law", "most"), [("linear", 112), ("antigen", 512)])
def test_late_steps_are_long_against_the_turnover_of_effectors(law, most):
    """They follow memory cells within a month; of some less than one is left until relapse."""
    from vcohort.simulation.preparation import prepare  # noqa: PLC0415

    model = vc.car_t(memory=law)
    cohort = vc.Population("kimmel2021-figures", 0.05, model=model).sample(2048, seed=1)
    resolution = prepare(cohort, vc.Run()).resolution
    assert resolution.error < 1e-3 and resolution.plan.steps <= most
