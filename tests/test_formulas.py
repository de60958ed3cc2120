"""Formulas of laws: what is read, what it is worth, and that it is what the laws compute."""

from dataclasses import replace
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser

import vcohort as vc
from vcohort.engine.integrator.step import _clone_rates, _stage
from vcohort.models import LAW_KINDS, Cells, Compartment, Flows, Killing, Memory
from vcohort.models.formulas.checking import (
    by_formulas,
    by_functions,
    checked_equations,
    random_states,
    slopes,
)
from vcohort.models.formulas.display import in_latex
from vcohort.models.formulas.equations import equations_of
from vcohort.models.formulas.parser import parse
from vcohort.models.formulas.statements import statements_of
from vcohort.models.formulas.texts import infix, l3_text, latex
from vcohort.models.formulas.tree import Call, Name, Number, evaluate, replaced

VALUES = {"a": 3.0, "b": 0.5, "x": 2.0, "r_B": 7.0}

EVERY_LAW = [(kind, name) for kind in LAW_KINDS for name in vc.laws(kind)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", 3.0),
        ("2.5e1", 25.0),
        (".5 a", 1.5),
        ("a b x", 3.0),
        ("a b / x", 0.75),
        ("a / b * x", 12.0),
        ("a / (b x)", 3.0),
        ("a - b - x", 0.5),
        ("-a^x", -9.0),
        ("a^-x", 1 / 9),
        ("x^a^x", 512.0),
        ("(x^a)^x", 64.0),
        ("r_B (1 - b)", 3.5),
        ("2 (a + 1) (x + 1)", 24.0),
        ("ln(exp(a))", 3.0),
        ("sqrt(a a)", 3.0),
        ("max(0, b - 1)", 0.0),
        ("min(a, b, x)", 0.5),
        ("a b^x x", 1.5),
    ],
)
def test_what_is_read(text, value):
    tree = parse(text)
    assert evaluate(tree, VALUES) == pytest.approx(value, rel=1e-15)
    assert parse(infix(tree)) == tree


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a / b x", "after a division say what is divided by"),
        ("a +", "a number, a name or a bracket was expected"),
        ("a = b", "'='"),
        ("(a", r"'\)' was expected"),
        ("a) b", "nothing more was expected"),
        ("ln a", r"'\(' was expected"),
        ("ln(a, b)", "ln was given 2 parts"),
        ("max(a)", "max was given 1 parts"),
        ("", "a number, a name"),
        ("a ** b", "a number, a name"),
        ("ä + 1", "no part of a formula"),
        ("(" * 60 + "a" + ")" * 60, "stand too deep"),
        ("a + " * 1000 + "a", "too long"),
        ("eps times those of B;", "';'"),
    ],
)
def test_what_is_not_read(text, told):
    with pytest.raises(vc.VcohortError, match=told):
        parse(text)


def test_random_trees_survive_every_text():
    """Trees of all shapes, written and read again; and read by Python, which has the same rules."""
    generator = np.random.default_rng(1)

    def tree(depth):
        if depth == 0 or generator.random() < 0.2:
            if generator.random() < 0.5:
                return Number(float(generator.integers(1, 4)))
            return Name(str(generator.choice(["a", "b", "x"])))
        sign = str(generator.choice(["+", "-", "*", "/", "^", "negative", "max", "ln"]))
        count = {"negative": 1, "ln": 1}.get(sign, 2)
        return Call(sign, tuple(tree(depth - 1) for _ in range(count)))

    known = {**{name: np.float64(value) for name, value in VALUES.items()},
             "ln": np.log, "max": np.maximum}  # fmt: skip
    with np.errstate(all="ignore"):
        for _ in range(300):
            each = tree(4)
            assert parse(infix(each)) == each
            text = l3_text(each).replace(" dimensionless", "").replace("^", "**")
            by_python = eval(text, {}, known)
            assert np.isclose(evaluate(each, VALUES), by_python, rtol=1e-12, equal_nan=True)
            assert latex(each, {}).count("{") == latex(each, {}).count("}")


@pytest.mark.parametrize(("kind", "name"), EVERY_LAW)
def test_a_formula_is_what_its_law_computes(kind, name):
    model = vc.car_t(**{kind: name})
    state = random_states(model, np.random.default_rng(7), 200)
    # Where a rate changes its sign, or is the small difference of powers, it has few digits left.
    state["N"] = np.exp(np.random.default_rng(8).uniform(np.log(1e6), np.log(1e10), 200))
    state["C"] = 0.1 * state["N"]
    if "c" in state:
        state["c"] = np.random.default_rng(9).uniform(0.1, 5.0, 200)
    told = by_formulas(equations_of(model), state)
    given = by_functions(model, state)
    assert given
    for (_, quantity), wanted in given.items():
        np.testing.assert_allclose(
            np.broadcast_to(told[quantity], 200), wanted, rtol=1e-12, err_msg=quantity
        )


@pytest.mark.parametrize(("kind", "name"), EVERY_LAW)
def test_a_formula_is_written_as_it_is_read(kind, name):
    law = vc.laws(kind)[name]
    said = statements_of(kind, law)
    texts = [infix(said.alone)] if said.alone is not None else []
    texts += [f"{a} -> {b}: {infix(tree)}" for (a, b), tree in said.passing.items()]
    for what, part in (("", said.growth), ("births of ", said.birth), ("deaths of ", said.death),
                       ("infused as ", said.infused)):  # fmt: skip
        texts += [f"{what}{each}: {infix(tree)}" for each, tree in part.items()]
    if texts:
        assert sorted(texts) == sorted(law.formula.split("; "))


def engine_slopes(model, state):
    """The slope of each species as the first stage of the engine's step has it, in cells a day."""
    species = model.species

    def of_one(values, numbers):
        logs = {name: jnp.log(numbers[name]) for name in (*species.grown, *species.tumour)}
        fed = {name: numbers[name] for name in species.fed}
        stage = _stage(model, values, Cells(logs, fed, species))
        found = {name: stage.slope[name] * numbers[name] for name in species.grown}
        for name in fed:
            found[name] = stage.net[name] * numbers[name] + stage.inflow.get(name, 0.0)
        rates = _clone_rates(
            model, jnp.zeros(()), stage.rates, stage.rates, stage.rates, stage.rates
        )
        for name, own in rates.own.items():
            found[name] = (own.birth.start - own.death.start) * numbers[name]
            for parent, rate in rates.parents(name).items():
                found[name] = found[name] + rate.start * numbers[parent]
        return found

    with jax.enable_x64(True):
        values = {name: jnp.asarray(state[name]) for name in model.parameters}
        numbers = {name: jnp.asarray(state[name]) for name in species.names}
        found = jax.vmap(of_one)(values, numbers)
        return {name: np.asarray(each) for name, each in found.items()}


@pytest.mark.parametrize("growth", vc.laws("growth"))
def test_the_equations_are_those_of_the_engine(growth):
    """Every combination of laws, at states where no rate is the small difference of large ones."""
    rest = [kind for kind in LAW_KINDS if kind != "growth"]
    for chosen in product(*(vc.laws(kind) for kind in rest)):
        model = vc.car_t(growth, **dict(zip(rest, chosen, strict=True)))
        state = random_states(model, np.random.default_rng(3), 8)
        told = slopes(equations_of(model), state)
        wanted = engine_slopes(model, state)
        assert set(told) == set(wanted) == set(model.species.names)
        for name in wanted:
            each = np.broadcast_to(told[name], 8)
            largest = np.abs(wanted[name] / state[name]).max()
            error = np.abs((each - wanted[name]) / state[name])
            assert (error <= 1e-12 * largest + 1e-10 * np.abs(wanted[name] / state[name])).all(), (
                model.name, name,
            )  # fmt: skip


def test_equations_in_full_are_the_same():
    model = vc.car_t("logistic", "both", "crowded", "saturation", "antigen", "mutation")
    state = random_states(model, np.random.default_rng(4), 8)
    short = equations_of(model)
    full = short.in_full()
    assert not full.derived
    for name, wanted in slopes(short, state).items():
        np.testing.assert_allclose(slopes(full, state)[name], wanted, rtol=1e-12)


def pairs(formula):
    """A law of one's own, killing that takes two CAR T cells, with a formula."""

    def rate(values, cells):
        ratio = (cells["C"] / values["k_B"]) ** 2
        return values["gamma_B"] * ratio / (1.0 + ratio)

    return Killing("pairs", formula, vc.laws("killing")["saturating"].parameters, rate)


def test_a_law_of_ones_own_is_read_by_its_formula():
    equations = checked_equations(vc.car_t(killing=pairs("gamma_B C^2 / (k_B^2 + C^2)")))
    assert infix(equations.derived["killing"].tree) == "gamma_B C^2 / (k_B^2 + C^2)"


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("two CAR T cells kill one tumour cell", "killing law 'pairs'.*reads 'two', which is"),
        ("killing, as of pairs", r"killing law 'pairs' is no formula.*cannot be read at ','"),
        ("gamma_B C^2 / (k_B + C)^2", "'pairs'.*is not what the law computes: killing is"),
        ("gamma_B C^2 / (k_B^2 + C^2) + 1e-6 gamma_B", "is not what the law computes"),
        ("gamma_B C^2 / (kB^2 + C^2)", "reads 'kB', which is neither.*mean 'k_B'"),
    ],
)
def test_a_law_whose_formula_is_wrong_still_runs_but_is_not_written(formula, told, run):
    model = vc.car_t(killing=pairs(formula))
    with pytest.raises(vc.VcohortError, match=told):
        checked_equations(model)
    cohort = vc.Cohort.from_values("kimmel2021-figures", model=model)
    assert run(cohort, method="deterministic", horizon=50.0).sizes["patient"] == 1


def test_what_a_formula_leaves_out_or_adds_is_refused():
    known = vc.laws("memory")["linear"]

    def memory(formula, **changes):
        return vc.car_t(memory=replace(known, name="own", formula=formula, **changes))

    whole = "C -> M: k_CM; M -> C: k_MC; M: -d_M; infused as M: f_M"
    checked_equations(memory(whole))
    with pytest.raises(vc.VcohortError, match="It does not say 'M'"):
        checked_equations(memory("C -> M: k_CM; M -> C: k_MC; infused as M: f_M"))
    with pytest.raises(vc.VcohortError, match="gives from_M_to_C, of which its formula"):
        checked_equations(memory("C -> M: k_CM; M: -d_M; infused as M: f_M"))
    with pytest.raises(vc.VcohortError, match="gives infused_as_M, of which its formula"):
        checked_equations(memory("C -> M: k_CM; M -> C: k_MC; M: -d_M"))
    with pytest.raises(vc.VcohortError, match="says from_N_to_M, which no law of it computes"):
        checked_equations(memory(f"{whole}; N -> M: 0 k_CM"))
    with pytest.raises(vc.VcohortError, match="does not begin by what it is of"):
        checked_equations(memory("C to M: k_CM"))
    with pytest.raises(vc.VcohortError, match="is said twice"):
        checked_equations(memory(f"{whole}; M: -d_M"))


def test_a_parameter_by_the_name_of_another_quantity_is_refused():
    total = vc.Param("T", "T", "/day", 0.1, (0.01, 1.0), "a rate", "assumed")
    law = Killing("named", "T", (total,), lambda values, cells: values["T"])
    with pytest.raises(vc.VcohortError, match="something of the name 'T'"):
        checked_equations(vc.car_t(killing=law))


def test_where_a_formula_is_no_number_it_is_refused():
    """The logistic law has a limit at c = 0, which its formula does not."""
    model = vc.car_t(growth="logistic")
    values = {name: param.default for name, param in model.parameters.items()}
    checked_equations(model, values)
    with pytest.raises(vc.VcohortError, match=r"'logistic'.*is nan by the formula.* at .*c = 0"):
        checked_equations(model, values | {"c": 0.0})


def test_births_at_a_rate_are_those_of_the_tumours_law():
    model = vc.car_t(proliferation="saturation", escape="mutation")
    births = equations_of(model).derived["births_E"].tree
    assert infix(births) == "r_E max(0, 1 - B_all / K_B)"
    swapped = replaced(births, {"r_E": Name("r_B")})
    assert swapped == equations_of(model).derived["births_B"].tree


def test_a_compartment_of_ones_own():
    """As of docs/extend.md: one that grows by itself, with the letters of its own."""
    rate = vc.Param("r_A", "r_A", "/day", 0.02, (0.005, 0.5), "regrowth", "assumed")
    first = vc.Param("A0", "A(0)", "cells", 1e7, (1e4, 1e12), "at the start", "assumed")
    law = Memory(
        "own",
        "A: -r_A ln(A / A0)",
        (rate, first),
        compartments=(Compartment("A", "normal B cells", niche=False),),
        flows=lambda values, cells: Flows(
            {"A": values["r_A"] * (jnp.log(values["A0"]) - cells.log("A"))}, {}
        ),
        relaxation=lambda values, cells: {"A": values["r_A"]},
    )
    equations = checked_equations(vc.car_t(memory=law))
    assert infix(equations.rates["A"]) == "growth_A A"


def test_latex():
    symbols = {"gamma_B": r"\gamma_B"}
    assert latex(parse("gamma_B C / (k_B + C)"), symbols) == (r"\frac{\gamma_B \, C}{k_B + C}")
    assert latex(parse("-r ln(T / K)^2"), {}) == (r"-r \, \ln\left(\frac{T}{K}\right)^{2}")
    assert latex(parse("1e-9 a"), {}) == r"1 \cdot 10^{-9} \, a"


@pytest.mark.parametrize(("kind", "name"), EVERY_LAW)
def test_every_law_has_its_equations_in_latex(kind, name):
    """Which matplotlib's reader of LaTeX takes, in the symbols of the law's parameters."""
    law = vc.laws(kind)[name]
    lines = list(in_latex(kind, law))
    for line in lines:
        for side in line.split("&="):
            MathTextParser("path").parse(f"${side.strip()}$")
    silent = kind in {"memory", "escape"} and name == "none"
    assert bool(lines) != silent
    for param in law.parameters:
        assert param.name in vc.car_t(**{kind: law}).initial or param.symbol in " ".join(lines)
