"""SBML that is read: of this package, of others that compute the same, and bad files."""

import re
from pathlib import Path

import numpy as np
import pytest

import vcohort as vc
from tests.other_programs import PROGRAMS, copasi_rewritten
from tests.test_formulas import EVERY_LAW
from tests.test_sbml import MIXED, REGIMEN, course, patient

pytest.importorskip("libsbml", reason="python-libsbml is not installed")

PUBLISHED = Path(__file__).parent / "data" / "kimmel2021_as_biomd1041.xml"


@pytest.fixture
def read(tmp_path):
    """Read a text, which leaves nothing in its folder."""

    def from_text(text, **said):
        path = tmp_path / "model.xml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        try:
            return vc.from_sbml(path, **said)
        finally:
            assert [each.name for each in tmp_path.iterdir()] == ["model.xml"]

    return from_text


@pytest.fixture
def refuses(read):
    """Hold that a text is refused with a message, and by nothing else."""

    def with_message(text, message, **said):
        with pytest.raises(vc.VcohortError, match=message):
            read(text, **said)

    return with_message


@pytest.fixture(scope="module")
def base():
    """What is written of the base model with a regimen."""
    return vc.to_sbml(patient({}), REGIMEN)


@pytest.mark.parametrize("form", ["equations", "birth-death"])
@pytest.mark.parametrize("laws", [{kind: name} for kind, name in EVERY_LAW] + list(MIXED.values()))
def test_what_is_written_is_read_again(laws, form, read):
    cohort = patient(laws)
    found = read(vc.to_sbml(cohort, REGIMEN, form=form))
    assert found.cohort.model == cohort.model
    assert found.regimen == REGIMEN
    for name, values in cohort.values.items():
        # libSBML writes fifteen digits.
        np.testing.assert_allclose(found.cohort[name], values, rtol=1e-14, err_msg=name)


def test_a_law_whose_parameters_are_0_is_read_again(read):
    """Not the law that computes the same there."""
    laws = {"feedback": "both", "killing": "crowded", "memory": "antigen", "escape": "mutation"}
    cohort = patient(laws, b=0.0, k_1=0.0, phi=0.0, k_MC=0.0, u=0.0, f_M=0.0)
    found = read(vc.to_sbml(cohort, REGIMEN))
    assert found.cohort.model == cohort.model
    for name, values in cohort.values.items():
        np.testing.assert_allclose(found.cohort[name], values, rtol=1e-14, err_msg=name)


def test_treatments_by_compartment_are_read_again(read):
    regimen = vc.Regimen(
        vc.Lymphodepletion(0.0, {"N": 0.25}),
        vc.Infusion(0.0, 3e8),
        vc.Lymphodepletion(8.0, {"C": 0.5, "M": 0.0}),
    )
    found = read(vc.to_sbml(patient({"memory": "linear"}), regimen))
    assert found.regimen == regimen


def test_the_published_model(run):
    """BIOMD0000001041 in counts per microlitre and ml, beside what the file itself computes."""
    cohort, regimen = vc.from_sbml(PUBLISHED)
    assert cohort.model == vc.car_t() and regimen == vc.Regimen()
    assert cohort["r_B"][0] == 0.01
    assert vc.units.tumour_ml(cohort["B0"][0]) == pytest.approx(94.86)
    assert vc.units.t_cells_per_ul(cohort["K_C"][0]) == pytest.approx(139.0)
    days = np.array([0.0, 4.0, 9.0, 20.0, 40.0])
    names = ("Normal_T_cells", "CAR_T_cells", "Antigen_presenting_tumour_cells")
    text = PUBLISHED.read_text(encoding="utf-8")
    units = np.array([vc.units.CELLS_PER_UL] * 2 + [vc.units.CELLS_PER_ML])
    own = course(run, cohort, regimen, days)
    for program in PROGRAMS.values():
        np.testing.assert_allclose(program(text, names, days) * units, own, rtol=1e-6)
    # As others show of the published file itself, at the last of ten days from day 0 on.
    np.testing.assert_allclose(own[2] / units, [159.5, 25.922, 0.0710], rtol=4e-4)


def test_units_that_contradict_each_other_must_be_told(read, refuses):
    other = PUBLISHED.read_text(encoding="utf-8").replace("BIOMD0000001041", "another")
    refuses(other, "'Normal_T_cells' in another unit.*Say it: t_cells=.cells/ul")
    refuses(other, 'Say it: tumour="ml"', t_cells="cells/ul")
    found = read(other, t_cells="cells/ul", tumour="ml").cohort
    for name, values in vc.from_sbml(PUBLISHED).cohort.values.items():
        assert found[name] == values
    refuses(other, "Unknown t_cells 'ml'", t_cells="ml", tumour="ml")


def test_units_that_a_file_declares_are_taken(read):
    """Items per microlitre of blood, where all parameters have units, and these fit together."""
    text = PUBLISHED.read_text(encoding="utf-8").replace("BIOMD0000001041", "another")
    text = text.replace('<unit kind="litre" scale="-3"/>', '<unit kind="litre" scale="-6"/>')
    text = text.replace('units="day"', 'units="per_day"')
    for name, unit in (("a", "dimensionless"), ("r_C", "per_day")):
        text = text.replace(f'<parameter id="{name}"', f'<parameter id="{name}" units="{unit}"')
    found = read(text, tumour="ml").cohort
    assert found["K_N"][0] == pytest.approx(2.5e11)
    assert found["B0"][0] == pytest.approx(9.486e10)


@pytest.mark.parametrize("level", [(2, 4), (3, 1)])
@pytest.mark.parametrize("laws", ["base", "first"])
def test_what_copasi_makes_of_it_is_read(laws, level, read, refuses):
    cohort = patient(MIXED[laws])
    regimen = vc.Regimen(
        vc.Lymphodepletion(0.0, 0.5), vc.Lymphodepletion(9.0, 0.1), vc.Infusion(10.0)
    )
    text = copasi_rewritten(vc.to_sbml(cohort, regimen), *level)
    # Cells of the patient have become cells per litre of a compartment that says nothing.
    refuses(text, "In which unit T cells are counted is not clear")
    found = read(text, t_cells="cells", tumour="cells")
    assert found.cohort.model == cohort.model and found.regimen == regimen
    for name, values in cohort.values.items():
        np.testing.assert_allclose(found.cohort[name], values, rtol=1e-12, err_msg=name)


def test_events_of_others_are_told_by_what_they_do(read, base):
    """Without the names of this package: an infusion adds, a lymphodepletion leaves a share."""
    text = re.sub(r"infusion_(\d)", r"dose_\1", base)
    text = re.sub(r"lymphodepletion_(\d)", r"chemo_\1", text)
    # What holds on day 0 stands in the initial values: here nothing does.
    text = re.sub(r'(id="chemo_2_normal_survival".*?) value="0.5"', r'\1 value="1"', text)
    found = read(text)
    wanted = [vc.Infusion(30.0, 1.8e8), vc.Lymphodepletion(30.0, {"C": 0.01, "N": 0.01}),
              vc.Infusion(40.0, 1e8)]  # fmt: skip
    assert found.regimen == vc.Regimen(*wanted)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('<parameter id="r_N"', '<parameter id="r_M"', "no valid SBML|r_N"),
        ("<ci> gamma_B </ci>", "<ci> r_B </ci>", r"dB/dt is not that of any laws known here"),
        ("<ci> K_C </ci>", "<ci> K_N </ci>", r"dC/dt is not that of any laws"),
        ('variable="C"', 'variable="X"', "no valid SBML"),
        ('id="K_C"', 'id="K_N"', "no valid SBML: line .*[Dd]uplicate|no valid SBML: line"),
        ("<geq/>", "<leq/>", "triggered by something else"),
        ('timeUnits="day"', 'timeUnits="second"', "time in units of 1 seconds, and days"),
        (' timeUnits="day"', "", "no unit of time, and days are needed|contradict"),
        ('multiplier="86400"', 'multiplier="3600"', "time in units of 3600 seconds"),
        ('substanceUnits="item"', 'substanceUnits="mole"', "is counted in moles"),
        ('value="69640000000" units="item"', 'value="69640000000" units="litre"',
         "the file declares another unit of 'K_C'|'K_C' in another unit than these"),
        ('value="30"', 'value="-3"', "falls on day -3"),
        ("</sbml>", "", "no whole XML: .*cut off"),
        ("level3/version2/core", "level3/version9/core", "no valid SBML"),
        ("http://www.sbml.org/sbml/level3", "http://example.org/sbml/level3", "no valid SBML"),
        ("<sbml ", "<model ", "no whole XML|first element is 'model'"),
        ("<max/>", "<tanh/>", "no valid SBML|has what no law of this family has: 'tanh"),
        ('initialAmount="94840000000"', 'initialAmount="INF"', "no valid SBML|no finite number"),
        ('id="B0" name="tumour cells at the first infusion" value="94840000000"',
         'id="B0" name="tumour cells at the first infusion" value="-1"', "B0 = -1 is impossible"),
        ('id="infusion_2_cells" name="cells of infusion 2" value="100000000"',
         'id="infusion_9_cells" name="cells of infusion 2" value="100000000"', "no valid SBML"),
        ("<ci> one_cell </ci>", "<ci> B0 </ci>", "begins with|does to"),
    ],
)  # fmt: skip
def test_files_that_are_no_model_of_this_family(old, new, message, base, refuses):
    assert old in base
    refuses(base.replace(old, new), message)


def inserted(base, after, what):
    assert after in base
    return base.replace(after, f"{after}{what}", 1)


MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">'


@pytest.mark.parametrize(
    ("after", "what", "message"),
    [
        ("<listOfRules>", f'<rateRule variable="one_cell">{MATH}<ci>r_B</ci></math></rateRule>',
         "no valid SBML|'one_cell' changes in time, and is not known here"),
        ("<listOfRules>", f"<algebraicRule>{MATH}<ci>N</ci></math></algebraicRule>",
         "no valid SBML|algebraic rule"),
        ("<listOfRules>", "<noise/>", "no valid SBML"),
        ("</trigger>", f"<delay>{MATH}<ci>infusion_1_day</ci></math></delay>",
         "has a delay, which no treatment has"),
        ("</listOfRules>", f"<listOfConstraints><constraint>{MATH}<true/></math></constraint>"
         "</listOfConstraints>", "the model has a constraint|The model has a constraint"),
        ("<listOfEventAssignments>", f'<eventAssignment variable="T">{MATH}<ci>N0</ci></math>'
         "</eventAssignment>", "no valid SBML|changes 'T'"),
    ],
)  # fmt: skip
def test_what_no_model_of_this_family_has(after, what, message, base, refuses):
    refuses(inserted(base, after, what), message)


def test_moles_are_refused(base, refuses):
    refuses(base.replace('"item"', '"mole"'), "is counted in moles. This family counts cells")


def test_what_is_missing_is_said(refuses, base):
    text = re.sub(r"\brho_C\b", "baseline", base)
    refuses(text, "it lacks the parameters rho_C")
    text = re.sub(r'(id|variable|symbol)="B"', r'\1="X"', base).replace(
        "<ci> B </ci>", "<ci> X </ci>"
    )
    text = text.replace('name="tumour cells"', 'name="bacteria"').replace("about_B", "about_X")
    refuses(text, "'X' changes in time, and is not known here. This family has N")


def test_events_of_one_day_must_say_which_comes_first(base, refuses):
    text = re.sub(r"<priority>.*?</priority>", "", base, flags=re.S)
    refuses(text, "the file does not say which comes first")
    text = base.replace('useValuesFromTriggerTime="false"', 'useValuesFromTriggerTime="true"')
    refuses(text, "the file does not say which comes first")


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "declared",
    [
        f'<!DOCTYPE sbml [<!ENTITY a0 "ha">{LAUGHS}]>',
        '<!DOCTYPE sbml [<!ENTITY file SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE sbml SYSTEM "http://127.0.0.1:9/sbml.dtd">',
        '<!DOCTYPE sbml [<!ENTITY % all SYSTEM "file:///etc/hostname"> %all;]>',
        "<!DOCTYPE sbml>",
    ],
)
def test_declarations_are_refused_before_anything_follows_them(declared, base, refuses):
    text = base.replace("?>", f"?>{declared}", 1).replace("CAR T cell therapy", "&a9;&file;", 1)
    refuses(text, "declares a document type|no whole XML: undefined entity")
    refuses(base.replace("?>", f"?>{declared}", 1), "declares a document type")


def test_other_encodings_are_refused(base, refuses):
    refuses(base.encode("utf-16"), "no XML in UTF-8")
    refuses(base.replace("UTF-8", "UTF-7", 1), "is written in UTF-7")
    refuses(base.replace("UTF-8", "ISO-8859-1", 1), "is written in ISO-8859-1")
    refuses(b"\xff\xfe\x00", "no XML in UTF-8")
    refuses(base.encode() + b"\0", "no XML in UTF-8")


def test_files_without_end_are_refused(base, refuses):
    generator = np.random.default_rng(1)
    noise = generator.integers(0, 256, 5 << 20, dtype=np.uint8).tobytes()
    refuses(noise, "more than 2 MiB")
    refuses(noise[: 1 << 20], "no XML in UTF-8")
    refuses(generator.integers(32, 127, 1 << 20, dtype=np.uint8).tobytes(), "no whole XML")
    deep = inserted(base, "<listOfRules>", "<apply>" * 100_000 + "</apply>" * 100_000)
    refuses(deep, "nests its elements more than 100 deep")
    refuses("", "no whole XML: no element found")
    refuses("<html/>", "its first element is 'html'")


def test_functions_that_call_functions_without_end_are_refused(base, refuses):
    """What entities cannot do, functions could: each calls the one before it twice."""

    def function(n, body):
        head = f'<functionDefinition id="f{n}">{MATH}<lambda><bvar><ci>x</ci></bvar>'
        return f"{head}{body}</lambda></math></functionDefinition>"

    calls = [function(0, "<apply><times/><ci>x</ci><ci>x</ci></apply>")]
    for n in range(1, 40):
        call = f"<apply><ci>f{n - 1}</ci><ci>x</ci></apply>"
        calls.append(function(n, f"<apply><plus/>{call}{call}</apply>"))
    text = base.replace("<listOfUnitDefinitions>",
        f"<listOfFunctionDefinitions>{''.join(calls)}</listOfFunctionDefinitions>"
        "<listOfUnitDefinitions>", 1)  # fmt: skip
    refuses(text, "is too long to be read")


def test_many_of_a_kind_are_refused(base, refuses):
    """Before libSBML, whose checks take hours for thousands of rules, sees them."""
    many = "".join(f'<parameter id="q{n}" value="1" constant="true"/>' for n in range(5000))
    refuses(inserted(base, "<listOfParameters>", many), "more than 300 elements 'parameter'")
    long = "<apply><plus/>" + "<ci> r_N </ci>" * 2000 + "</apply>"
    refuses(base.replace("<ci> r_N </ci>", long, 1), "a formula of more than 60 terms")
    short = "<apply><plus/>" + "<ci> r_N </ci>" * 50 + "</apply>"
    nested = short.replace("<ci> r_N </ci>", short, 1).replace("<ci> r_N </ci>", short, 1)
    refuses(base.replace("<ci> r_N </ci>", nested, 1), "is too long to be read|any laws known here")
    many = "<ci> r_N </ci>" * 6000
    refuses(base.replace("<ci> r_N </ci>", f"<piecewise>{many}</piecewise>", 1), "more than 5,000")


def test_a_file_that_ends_libsbml_s_check_of_units_is_refused(base, refuses):
    """A power whose exponent is no number: the check of units, which is not asked, does not end."""
    before, rule, after = base.partition('<assignmentRule variable="r_C">')
    refuses(before + rule + after.replace("<times/>", "<power/>", 1), "any laws known here")


def test_a_needed_package_is_refused(base, refuses):
    name = "http://www.sbml.org/sbml/level3/version1/comp/version1"
    text = base.replace("<sbml ", f'<sbml xmlns:comp="{name}" comp:required="true" ', 1)
    refuses(text, "needs a package of SBML that is not read here")


def test_files_cut_off_anywhere(base, refuses):
    for share in np.linspace(0.02, 0.98, 25):
        refuses(base[: int(share * len(base))], "no whole XML")


def test_files_with_lines_changed_at_random(base, read):
    """Of 150 files with three lines lost, doubled or swapped each is read, or told of."""
    generator = np.random.default_rng(2)
    lines = base.splitlines(keepends=True)
    told = 0
    for _ in range(150):
        changed = list(lines)
        for _ in range(3):
            first, second = generator.integers(1, len(changed), 2)
            way = generator.integers(3)
            if way == 0:
                del changed[first]
            elif way == 1:
                changed.insert(second, changed[first])
            else:
                changed[first], changed[second] = changed[second], changed[first]
        try:
            read("".join(changed))
        except vc.VcohortError:
            told += 1
    assert told > 100


def test_files_that_are_none(tmp_path):
    with pytest.raises(vc.VcohortError, match=r"Cannot read .*No such file"):
        vc.from_sbml(tmp_path / "none.xml")
    with pytest.raises(vc.VcohortError, match="it is a folder"):
        vc.from_sbml(tmp_path)
    with pytest.raises(vc.VcohortError, match="Cannot read"):
        vc.from_sbml("a\0b")
