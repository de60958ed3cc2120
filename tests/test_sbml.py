"""SBML that is written: valid by libSBML's check, and the same courses in two other programs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import vcohort as vc
from tests.other_programs import PROGRAMS
from tests.test_cli import refused
from tests.test_cli import vcohort as vcohort
from tests.test_formulas import EVERY_LAW, pairs
from vcohort.models import LAW_KINDS, Killing
from vcohort.models.shared import gamma_B

libsbml = pytest.importorskip("libsbml", reason="python-libsbml is not installed")

# Together they have every law.
MIXED = {
    "base": {},
    "first": {"growth": "logistic", "feedback": "both", "killing": "crowded",
              "proliferation": "saturation", "memory": "antigen", "escape": "mutation"},
    "second": {"growth": "interaction", "feedback": "B", "killing": "doubly-saturating",
               "memory": "linear"},
    "third": {"feedback": "none", "escape": "mutation"},
}  # fmt: skip

# On one day lymphodepletion comes before the infusion, whatever their order here.
REGIMEN = vc.Regimen(
    vc.Infusion(30.0),
    vc.Lymphodepletion(30.0, 0.01),
    vc.Lymphodepletion(0.0, (0.5, 0.2)),
    vc.Infusion(40.0, 1e8),
)
DAYS = np.array([0.0, 3.0, 7.0, 14.0, 29.0, 31.0, 39.0, 41.0, 60.0])


def patient(laws, **values):
    model = vc.car_t(**laws)
    more = {"E0": 1e4, "eps": 0.1, "u": 1e-4} if laws.get("escape") == "mutation" else {}
    return vc.Cohort.from_values("kimmel2021-figures", model=model, **more | values)


def course(run, cohort, regimen, days=DAYS):
    """Cells (day, species) by vcohort's equations alone, which nothing stops at progression."""
    ds = run(
        cohort, method="deterministic", regimen=regimen, save_at=days, horizon=float(days[-1]),
        dtype="float64", tolerance=1e-7, progression=1e9,
    )  # fmt: skip
    return np.stack([ds[name].values[0] for name in cohort.model.species.names], axis=1)


def agree(found, wanted):
    """Where there is a cell at least: a mean of fewer is what no program is asked for."""
    there = wanted >= 1.0
    assert there.sum() > 20
    np.testing.assert_allclose(found[there], wanted[there], rtol=1e-6)


def complaints(text):
    """What libSBML says of a document, at any severity."""
    document = libsbml.readSBMLFromString(text)
    document.checkConsistency()
    return [document.getError(i).getMessage() for i in range(document.getNumErrors())]


def test_the_mixtures_have_every_law():
    models = [vc.car_t(**laws) for laws in MIXED.values()]
    for kind in LAW_KINDS:
        assert {getattr(model, kind).name for model in models} == set(vc.laws(kind))


@pytest.mark.parametrize("form", ["equations", "birth-death"])
@pytest.mark.parametrize(("kind", "name"), EVERY_LAW)
def test_libsbml_has_nothing_to_say(kind, name, form):
    text = vc.to_sbml(patient({kind: name}), REGIMEN, form=form)
    assert complaints(text) == []
    document = libsbml.readSBMLFromString(text)
    assert (document.getLevel(), document.getVersion()) == (3, 2)
    model = document.getModel()
    for each in (*model.getListOfParameters(), *model.getListOfCompartments()):
        assert each.getUnits()
    assert {each.getUnits() for each in model.getListOfSpecies()} == {"item"}


def test_numbers_of_formulas_stay_apart():
    """In the birth-death form each is a parameter, of whose names none may stand for two."""
    numbers = (1e-16, 1e16, 0.1234567, 0.12345674, 2.0)
    own = vc.Param("number_2", "number_2", "1", 5.0, (1.0, 9.0), "no number 2", "assumed")
    formula = " + ".join(f"{number!r} gamma_B number_2" for number in numbers)
    killing = Killing(
        "odd", formula, (gamma_B, own),
        lambda values, cells: sum(
            number * values["gamma_B"] * values["number_2"] for number in numbers
        ),
    )  # fmt: skip
    text = vc.to_sbml(vc.car_t(killing=killing), form="birth-death")
    model = libsbml.readSBMLFromString(text).getModel()
    found = [each.getValue() for each in model.getListOfParameters()
             if each.getName().startswith("the number")]  # fmt: skip
    assert {*numbers} <= {*found} and len(found) == len({*found})
    assert complaints(text) == []


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("form", ["equations", "birth-death"])
@pytest.mark.parametrize("laws", MIXED)
def test_courses_agree_with_other_programs(laws, form, program, run, courses):
    cohort = patient(MIXED[laws])
    if laws not in courses:
        courses[laws] = course(run, cohort, REGIMEN)
    text = vc.to_sbml(cohort, REGIMEN, form=form)
    names = cohort.model.species.names
    agree(PROGRAMS[program](text, names, DAYS), courses[laws])


@pytest.fixture(scope="module")
def courses():
    """What vcohort has computed, once for all programs."""
    return {}


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(("kind", "name"), EVERY_LAW)
def test_courses_of_each_law_agree(kind, name, program, run):
    cohort = patient({kind: name})
    found = PROGRAMS[program](vc.to_sbml(cohort, REGIMEN), cohort.model.species.names, DAYS)
    agree(found, course(run, cohort, REGIMEN))


def test_cells_are_cut_to_one_at_the_least(run):
    """By a lymphodepletion that leaves nothing; what others feed is then empty."""
    cohort = patient({"memory": "linear"})
    regimen = vc.Regimen(
        vc.Lymphodepletion(4.0, {"C": 0.0, "M": 0.0}), vc.Lymphodepletion(0.0, 0.0)
    )
    days = np.array([0.0, 3.0, 4.5, 8.0])
    wanted = course(run, cohort, regimen, days)
    assert wanted[0, 0] == pytest.approx(1.0)
    found = PROGRAMS["roadrunner"](vc.to_sbml(cohort, regimen), cohort.model.species.names, days)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_dose_on_day_0_replaces_the_first_one_alone(run):
    cohort = patient({})
    regimen = vc.Regimen(vc.Infusion(0.0, 5e8), vc.Infusion(20.0), vc.Infusion(np.inf, 1e9))
    days = np.array([0.0, 5.0, 21.0])
    found = PROGRAMS["roadrunner"](vc.to_sbml(cohort, regimen), cohort.model.species.names, days)
    assert found[0, 1] == 5e8
    np.testing.assert_allclose(found, course(run, cohort, regimen, days), rtol=1e-6)


def test_what_it_is_of_is_said():
    text = vc.to_sbml(vc.car_t())
    for resource in ("taxonomy/9606", "doid/DOID:0050745", "doi/10.1098/rspb.2021.0229"):
        assert f'"http://identifiers.org/{resource}"' in text
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert "10.1098/rspb.2021.0229" in readme


def test_a_model_has_the_values_of_its_laws():
    document = libsbml.readSBMLFromString(vc.to_sbml(vc.car_t()))
    for name, param in vc.car_t().parameters.items():
        assert document.getModel().getParameter(name).getValue() == param.default


def test_whole_cells_of_a_small_tumour():
    cohort = patient({})
    broken = replace(cohort, values={**cohort.values, "B0": np.array([10.5])})
    with pytest.warns(vc.VcohortWarning, match="rounded up"):
        text = vc.to_sbml(broken)
    assert libsbml.readSBMLFromString(text).getModel().getParameter("B0").getValue() == 11.0


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "model.xml"
    text = vc.to_sbml(vc.car_t(), path=path)
    assert path.read_text(encoding="utf-8") == text
    with pytest.raises(vc.VcohortError, match="no folder"):
        vc.to_sbml(vc.car_t(), path=tmp_path / "none" / "model.xml")
    wrong = vc.car_t(killing=pairs("gamma_B C / (k_B + C)"))
    with pytest.raises(vc.VcohortError, match="is not what the law computes"):
        vc.to_sbml(wrong, path=tmp_path / "wrong.xml")
    assert [each.name for each in tmp_path.iterdir()] == ["model.xml"]


def test_what_is_not_written():
    cohort = vc.Population("kimmel2021", 0.05).sample(3, seed=1)
    with pytest.raises(vc.VcohortError, match=r"the cohort has 3. Choose one: cohort.select"):
        vc.to_sbml(cohort)
    with pytest.raises(vc.VcohortError, match="is neither a cohort nor a model"):
        vc.to_sbml("kimmel2021")
    with pytest.raises(vc.VcohortError, match="is no regimen"):
        vc.to_sbml(vc.car_t(), vc.Infusion(3.0))
    with pytest.raises(
        vc.VcohortError, match=r"Unknown form 'equation'\. Did you mean 'equations'"
    ):
        vc.to_sbml(vc.car_t(), form="equation")
    with pytest.raises(vc.VcohortError, match="Unknown compartment of a lymphodepletion 'M'"):
        vc.to_sbml(vc.car_t(), vc.Regimen(vc.Lymphodepletion(3.0, {"M": 0.1})))
    with pytest.raises(vc.VcohortError, match=r"has the shape \(3,\), the cohort 1 patients"):
        vc.to_sbml(cohort.select([0]), vc.Regimen(vc.Infusion(np.array([1.0, 2.0, 3.0]))))


def test_units_that_are_none_of_cells_and_days_are_refused():
    def law(unit, formula):
        rate = vc.Param("g", "g", unit, 1.0, (0.1, 10.0), "a rate", "assumed")
        return vc.car_t(killing=Killing("own", formula, (rate,), lambda values, cells: values["g"]))

    assert vc.to_sbml(law("1/day", "g"))
    with pytest.raises(vc.VcohortError, match="'ul' is neither cells nor days"):
        vc.to_sbml(law("cells/ul", "g"))
    with pytest.raises(vc.VcohortError, match="libSBML does not accept the model"):
        vc.to_sbml(law("/cell", "g"))


def test_the_command(tmp_path, vcohort):
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(3, seed=1)
    regimen = vc.Regimen(vc.Infusion(np.array([10.0, 20.0, 30.0])), vc.Lymphodepletion(5.0, 0.1))
    ds = vc.simulate(cohort, horizon=40.0, regimen=regimen, progress=False)
    source = vc.save(ds, tmp_path / "run.nc")
    target = tmp_path / "model.xml"

    def export(*flags):
        return vcohort("export", source, *flags)

    sbml = ("--format", "sbml")
    refused(
        export(*sbml, "-o", target), "3 patients, and a model is of one. Say which: --patient 0"
    )
    refused(export(*sbml, "--patient", "7", "-o", target), "no patient 7")
    refused(export("--format", "sbm", "-o", target), "Did you mean 'sbml'")
    refused(export(*sbml, "-o", tmp_path / "model.csv"), "ends in .xml or .sbml")
    refused(export(*sbml, "--over", "patient", "-o", target), "--over says what a row")
    refused(export("--patient", "1", "-o", tmp_path / "table.csv"), "--patient is for a model")
    assert not target.exists()
    assert export(*sbml, "--patient", "1", "-o", target).returncode == 0
    found = vc.from_sbml(target)
    assert found.regimen == vc.Regimen(vc.Infusion(20.0), vc.Lymphodepletion(5.0, (0.1, 0.1)))
    for name, values in cohort.values.items():
        assert found.cohort[name][0] == pytest.approx(values[1], rel=1e-14)
    refused(export(*sbml, "--patient", "1", "-o", target), "is there already")
    chance = ("--format", "sbml-birth-death", "--patient", "1", "--force")
    assert export(*chance, "-o", target).returncode == 0
    assert "<reaction " in target.read_text(encoding="utf-8")
