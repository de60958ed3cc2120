"""PEtab as others understand it: pyPESTO with libRoadRunner, and PEtab's own likelihood.

pyPESTO fits problems of version 1 with libRoadRunner. Those of version 2 are followed here, period
by period as the specification says, by libRoadRunner, and judged by the likelihood of PEtab's
library. AMICI has both; where it is installed, which needs a compiler, it is asked, too.
"""

import warnings

import jax
import numpy as np
import pandas as pd
import pytest

import vcohort as vc
from vcohort.analysis.estimation.make_problem import make_problem, settle_fit
from vcohort.analysis.estimation.posterior import likelihoods_at

roadrunner = pytest.importorskip("roadrunner", reason="libroadrunner is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("petab", reason="petab is not installed")
    from petab.v2 import Problem
    from petab.v2.calculate import calculate_llh

DAYS = np.array([7.0, 14.0, 28.0, 39.0, 50.0, 70.0])
FREE = ["K_C", "gamma_B"]
COHORT = vc.Cohort.from_values("kimmel2021-figures", B0=[9e10, 5e10], r_B=[0.06, 0.07], gamma_B=0.5)
REGIMEN = vc.Regimen(
    vc.Lymphodepletion(0.0, np.array([0.6, 0.9])),
    vc.Lymphodepletion(np.array([40.0, np.inf]), (0.01, 0.05)),
    vc.Infusion(np.array([40.0, 45.0]), np.array([3e8, 2e8])),
)
ERROR = 0.1

# What is asked of integrators: courses are then right to 1e-9.
FINEST = {
    "relative_tolerance": 1e-13, "absolute_tolerance": 1e-16, "maximum_num_steps": 2_000_000
}  # fmt: skip


def measured():
    """A table of two patients whose parameters are others than those of the cohort."""
    truth = COHORT.replace(gamma_B=[0.45, 0.6], K_C=[6e10, 9e10])
    ds = vc.simulate(
        truth, "deterministic", 70.0, regimen=REGIMEN, save_at=DAYS, dtype="float64",
        tolerance=1e-6, progression=1e9, progress=False,
    )  # fmt: skip
    noise = np.random.default_rng(1)
    rows = [
        (label, day, name, float(ds[state].values[place, at] / unit * noise.lognormal(0.0, ERROR)))
        for place, label in enumerate(["one", "other"])
        for at, day in enumerate(DAYS)
        for name, state, unit in (("C_per_ul", "C", 5e8), ("B_ml", "B", 1e9))
    ]
    return dict(
        zip(("patient", "day", "observable", "value"), zip(*rows, strict=True), strict=True)
    )


def own_likelihood(data, loss):
    """The log likelihood at the cohort's values, with all constants, and the likeliest widths."""
    run = settle_fit("fit", data, None, regimen=REGIMEN, seed=None, tolerance=1e-7)
    problem = make_problem(data, FREE, COHORT, loss, None, run, ())
    rows, measures = problem.data, problem.subjects.measured
    with jax.enable_x64(True):
        logs = np.log(np.stack([COHORT[name] for name in FREE], axis=1))
        found = likelihoods_at(problem.spec, problem.subjects, logs[None])
    told, scale, ratio = (np.asarray(part)[0] for part in found)
    assert measures.present.all()
    error = rows.error if rows.errors_known else 1.0
    constant = np.log(2.0 * np.pi) + 2.0 * np.log(error) - np.log(rows.weight)
    constant = constant + (2.0 * np.log(rows.value) if loss == "log" else 0.0)
    return float(told.sum() - 0.5 * np.sum(constant)), list(zip(scale, ratio, strict=True))


def courses(problem):
    """What each observable is at each measurement of a problem of version 2, by libRoadRunner."""
    known = {each.id: each.nominal_value for each in problem.parameters}
    found = []
    for experiment in problem.experiments:
        run = roadrunner.RoadRunner(problem.model.to_sbml_str())
        for name, value in FINEST.items():
            run.integrator.setValue(name, value)
        days = sorted({each.time for each in problem.get_measurements_for_experiment(experiment)})
        periods = experiment.sorted_periods
        ends = [each.time for each in periods[1:]] + [np.inf]
        for name in set(known) & set(run.model.getGlobalParameterIds()):
            run.setValue(name, known[name])
        for period, end in zip(periods, ends, strict=True):
            changes = problem.get_changes_for_period(period)
            now = {**known, **{name: run.getValue(name) for name in (*"NCB", "C0")}}
            values = {each.target_id: at(each.target_value, now) for each in changes}
            for name, value in values.items():
                run.setValue(name, value)
            if period is periods[0]:
                run.reset()
            inside = [day for day in days if period.time <= day < end]
            stops = [*inside, *([end] if np.isfinite(end) else [])]
            before = period.time
            for stop in stops:
                if stop > before:
                    run.simulate(before, stop, 2)
                before = stop
                cells = {name: run.getValue(name) for name in "NCB"}
                if stop in inside:
                    found += [(experiment.id, stop, each.id, at(each.formula, known | cells))
                              for each in problem.observables]  # fmt: skip
    return pd.DataFrame(found, columns=["experimentId", "time", "observableId", "simulation"])


def at(formula, values):
    """The number that a formula of PEtab's library is."""
    return float(formula.subs({each: values[str(each)] for each in formula.free_symbols}))


@pytest.mark.parametrize(
    ("loss", "more"),
    [
        ("log", {"error": [0.1, 0.3] * 12}),
        pytest.param("log", {"weight": [1.0, 2.5, 1.0] * 8}, marks=pytest.mark.slow),
        pytest.param("linear", {}, marks=pytest.mark.slow),
        pytest.param("proportional", {}, marks=pytest.mark.slow),
        ("combined", {"weight": [1.0, 0.4] * 12}),
    ],
)
def test_the_likelihood_of_version_2_is_that_of_petab(loss, more, tmp_path):
    """To 1e-5, with errors that are known, and at the likeliest widths."""
    data = measured() | more
    path = vc.to_petab(data, FREE, COHORT, path=tmp_path / "p", loss=loss, regimen=REGIMEN)
    wanted, widths = own_likelihood(data, loss)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = Problem.from_yaml(path)
        table = problem.parameter_df
        for number, (scale, ratio) in enumerate(widths, start=1):
            for name, value in (
                (f"noise_patient_{number}", scale),
                (f"noise_proportional_patient_{number}", scale),
                (f"noise_constant_patient_{number}", scale * ratio),
            ):
                if name in table.index:
                    table.loc[name, "nominalValue"] = value
        found = calculate_llh(
            problem.measurement_df, courses(problem), problem.observable_df, table
        )
    assert found == pytest.approx(wanted, rel=1e-7, abs=1e-5)


@pytest.fixture
def pypesto_problem(tmp_path):
    """A problem of version 1 in pyPESTO, with libRoadRunner."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("pypesto", reason="pyPESTO is not installed")
        from pypesto.objective.roadrunner import SolverOptions  # noqa: PLC0415
        from pypesto.petab import PetabImporter  # noqa: PLC0415

        def of(data, **given):
            path = vc.to_petab(data, FREE, COHORT, path=tmp_path / "p", version=1, **given)
            importer = PetabImporter.from_yaml(str(path), simulator_type="roadrunner")
            creator = importer.create_objective_creator(simulator_type="roadrunner")
            objective = creator.create_objective()
            objective.solver_options = SolverOptions(**FINEST)
            first = importer.petab_problem.x_nominal_scaled
            problem = importer.create_problem(objective=objective, x_guesses=[first])
            return path, problem

        yield of


def test_the_objective_of_pypesto(pypesto_problem):
    data = measured() | {"error": [ERROR] * 24}
    _, problem = pypesto_problem(data, regimen=REGIMEN)
    [first] = problem.x_guesses
    wanted, _ = own_likelihood(data, "log")
    assert float(problem.objective(first)) == pytest.approx(-wanted, rel=1e-8, abs=1e-5)


def check_optimum(path, estimate):
    """Estimates by PEtab's names are those of our fit of the same problem."""
    fit = vc.fit(
        **vc.read_petab(path).for_fit(), starts=8, tolerance=1e-7, progress=False
    )["estimate"]  # fmt: skip
    for number, label in enumerate(["one", "other"], start=1):
        for name in FREE:
            own = float(fit.sel(patient=label, parameter=name))
            assert estimate[f"{name}_patient_{number}"] == pytest.approx(own, rel=1e-5)


@pytest.mark.slow
def test_pypesto_finds_the_same_optimum(pypesto_problem):
    """Estimates to 1e-5, by Powell's method in pyPESTO and by Levenberg and Marquardt's here."""
    import pypesto.optimize as by_pypesto  # noqa: PLC0415

    data = measured() | {"error": [ERROR] * 24}
    path, problem = pypesto_problem(data, regimen=REGIMEN)
    powell = by_pypesto.ScipyOptimizer("Powell", options={"xtol": 1e-8, "ftol": 1e-14})
    found = by_pypesto.minimize(problem, optimizer=powell, n_starts=1, progress_bar=False)
    best = found.optimize_result[0]
    estimate = dict(zip(problem.x_names, np.exp(best.x), strict=True))
    check_optimum(path, estimate)


@pytest.fixture
def amici_problem(tmp_path):
    """A problem, and AMICI's program for it, which a compiler makes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("amici", reason="AMICI is not installed")

        def of(version):
            data = measured() | {"error": [ERROR] * 24}
            path = vc.to_petab(
                data, FREE, COHORT, path=tmp_path / "p", version=version, regimen=REGIMEN
            )
            return path, own_likelihood(data, "log")[0], tmp_path / "compiled"

        yield of


def at_its_finest(solver):
    solver.set_relative_tolerance(1e-12)
    solver.set_absolute_tolerance(1e-14)
    solver.set_max_steps(1_000_000)


@pytest.mark.slow
def test_amici_and_pypesto_find_the_same_optimum(amici_problem):
    """The objective to 1e-8 of it, and by its derivatives, and a quasi-Newton method, estimates."""
    import pypesto.optimize as by_pypesto  # noqa: PLC0415
    from pypesto.petab import PetabImporter  # noqa: PLC0415

    path, wanted, folder = amici_problem(1)
    importer = PetabImporter.from_yaml(str(path), model_name="first", output_folder=str(folder))
    objective = importer.create_objective_creator().create_objective()
    at_its_finest(objective.amici_solver)
    first = importer.petab_problem.x_nominal_scaled
    assert float(objective(first)) == pytest.approx(-wanted, rel=1e-8)
    problem = importer.create_problem(objective=objective, x_guesses=[first])
    method = by_pypesto.ScipyOptimizer("L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-7})
    found = by_pypesto.minimize(problem, optimizer=method, n_starts=1, progress_bar=False)
    best = dict(zip(problem.x_names, np.exp(found.optimize_result[0].x), strict=True))
    check_optimum(path, best)


@pytest.mark.slow
def test_amici_has_the_same_likelihood_of_version_2(amici_problem):
    from amici.importers.petab import PetabImporter  # noqa: PLC0415

    path, wanted, folder = amici_problem(2)
    problem = Problem.from_yaml(path)
    asked = PetabImporter(problem, output_dir=folder, module_name="second").create_simulator()
    at_its_finest(asked.solver)
    free = {each.id: each.nominal_value for each in problem.parameters if each.estimate}
    assert asked.simulate(free).llh == pytest.approx(wanted, rel=1e-8)
