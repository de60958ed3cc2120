"""PEtab of others: what is read of it, what is refused by name, and bad files."""

import math
import shutil
import socket
import warnings

import numpy as np
import pytest

import vcohort as vc
from tests.test_petab import BOUNDS, REGIMEN, TABLE, cohort
from tests.test_sbml_reading import PUBLISHED

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("petab", reason="petab is not installed")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One problem a version, as it is written here."""
    folder = tmp_path_factory.mktemp("petab")
    for version in (1, 2):
        vc.to_petab(
            TABLE, ["K_C", "gamma_B"], cohort(), path=folder / str(version), bounds=BOUNDS,
            regimen=REGIMEN, version=version,
        )  # fmt: skip
    return folder


@pytest.fixture
def changed(written, tmp_path, monkeypatch):
    """Read a problem of which a file is changed, without a network, leaving nothing behind."""

    def no_network(*_):
        raise AssertionError("something was fetched")

    monkeypatch.setattr(socket, "socket", no_network)

    def of(version, file, old, new, count=-1):
        folder = tmp_path / "p"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(written / str(version), folder)
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new, count), encoding="utf-8")
        before = sorted(each.name for each in tmp_path.rglob("*"))
        try:
            return vc.read_petab(folder / "problem.yaml")
        finally:
            assert sorted(each.name for each in tmp_path.rglob("*")) == before

    return of


@pytest.fixture
def refuses(changed):
    def with_message(version, file, old, new, message, count=-1):
        with pytest.raises(vc.VcohortError, match=message):
            changed(version, file, old, new, count)

    return with_message


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("problem.yaml", "format_version: 1", "format_version: 3", "no problem of PEtab 1 or 2"),
        ("problem.yaml", "format_version: 1", "", "its format_version is None"),
        ("problem.yaml", "parameter_file:", "parameter_files:", "Did you mean 'parameter_file'"),
        ("problem.yaml", "parameter_file:", "format_version: 1\nparameter_file:", "twice"),
        ("problem.yaml", "problems:", "problems:\n- {}", "must have one part in 'problems'"),
        ("problem.yaml", "[model.xml]", "[model.xml, model.xml]", "2 models in sbml_files"),
        ("problem.yaml", "[model.xml]", "[other.xml]", "Cannot read .*other.xml: No such file"),
        ("problem.yaml", "[model.xml]", "[../../1/model.xml]", "leads out of the folder"),
        ("problem.yaml", "[model.xml]", "[/etc/hostname]", "leads out of the folder"),
        ("problem.yaml", "[model.xml]", "['http://127.0.0.1:9/m.xml']", "nothing is fetched"),
        ("problem.yaml", "[model.xml]", "['file:///etc/hostname']", "nothing is fetched"),
        ("problem.yaml", "[model.xml]", "['.']", "leads out of the folder"),
        ("problem.yaml", "[model.xml]", "[\"a\\0b\"]", "names 'a.x00b'"),
        ("problem.yaml", "parameters.tsv", "http://127.0.0.1:9/p.tsv", "nothing is fetched"),
        ("problem.yaml", "[model.xml]", "!!python/object/apply:os.system ['true']", "tag"),
        ("problem.yaml", "[model.xml]", "&a [model.xml]", "anchor"),
        ("problem.yaml", "  condition_files:", "  visualization_files: ['http://127.0.0.1:9/v.tsv']"
         "\n  condition_files:", "visualization_files names .*nothing is fetched"),
        ("problem.yaml", "problems:", "extensions: {select: {version: 1}}\nproblems:", "extens"),
        ("problem.yaml", "problems:", "problems: [", "is no YAML"),
        ("problem.yaml", "format_version: 1", "- 1", "is no YAML|says nothing by name"),
        ("parameters.tsv", "parameterScale", "parameterscale", "no column 'parameterScale'"),
        ("parameters.tsv", "\testimate\n", "\tis_free\n", "no column 'estimate'"),
        ("parameters.tsv", "gamma_B_patient_2", "gamma_B_patient_1", "is there twice"),
        ("parameters.tsv", "gamma_B_patient_2", "gamma_B_patient_3", "'gamma_B_patient_2', which"),
        ("parameters.tsv", "\t0.1\t3.0\t1.15\t1", "\t0.1\t3.0\t1.15\tyes", "must be a number"),
        ("parameters.tsv", "\t0.1\t3.0\t1.15\t1", "\t0.1\t3.0\t1.15\t2", "estimate must be 0 or"),
        ("parameters.tsv", "\t0.1\t3.0\t1.15\t1", "\t3.0\t0.1\t1.15\t1", "the smaller one first"),
        ("parameters.tsv", "\t0.1\t3.0\t1.15\t1", "\t0\t3.0\t1.15\t1", "numbers above 0"),
        ("parameters.tsv", "\t0.1\t3.0\t1.15\t1", "\tnan\t3.0\t1.15\t1", "has no lowerBound"),
        ("parameters.tsv", "\nr_N\tlin", "\nr_N\tln", "Unknown parameterScale 'ln'"),
        ("parameters.tsv", "\nr_N\tlin\t\t\t0.17\t0", "\nr_N\tlog\t0.1\t1.0\t0.17\t1",
         "r_N is estimated as one for several patients"),
        ("parameters.tsv", "\nrho_C\t", "\nrho_X\t", "Extraneous|rho_X"),
        ("parameters.tsv", "infusion_1_day\tlin\t\t\t0.0", "infusion_1_day\tlin\t\t\t3.0",
         "is moved to day 3"),
        ("conditions.tsv", "gamma_B_patient_2", "gamma_B_patient_1",
         "gamma_B is estimated as one for several patients"),
        ("conditions.tsv", "gamma_B_patient_2", "K_C_patient_2", "is K_C and gamma_B at once"),
        ("conditions.tsv", "gamma_B_patient_2", "1.5", "for some patients, and known for others"),
        ("conditions.tsv", "gamma_B_patient_2", "2 * gamma_B_patient_2", "a number or a param"),
        ("conditions.tsv", "\tgamma_B\t", "\tgamma_X\t", "has a 'gamma_X' of its own"),
        ("conditions.tsv", "\tgamma_B\t", "\tB\t", "has a 'B' of its own"),
        ("conditions.tsv", "patient_2\t", "patient_1\t", "condition 'patient_1' is there twice"),
        ("conditions.tsv", "\tinf\t", "\t29.0\t", "measured on day 29, the day of infusion_3"),
        ("observables.tsv", "observed_ALC\t", "observed_AL\t", "observable 'observed_ALC'"),
        ("observables.tsv", "observed_ALC\t", "observed_B_ml\t", "is there twice"),
        ("observables.tsv", "(N + C) / 500000000.0", "N * C", "is no sum of N, C, B"),
        ("observables.tsv", "(N + C) / 500000000.0", "(N + C) / 5e7", "observable 'ALC' is .*here"),
        ("observables.tsv", "(N + C) / 500000000.0", "(N + X)", "Unknown name in a formula 'X'"),
        ("observables.tsv", "(N + C) / 500000000.0", "((((N", "cannot be read"),
        ("observables.tsv", "(N + C) / 500000000.0", "(" * 10**5, "is too long to read"),
        ("observables.tsv", "(N + C) / 500000000.0", "observableParameter1_observed_ALC * N",
         "has observableParameters"),
        ("observables.tsv", "(N + C) / 500000000.0", "__import__('os')", "cannot be read"),
        ("observables.tsv", "\tnormal\n", "\tlaplace\n", "noiseDistribution is 'laplace'"),
        ("observables.tsv", "500000000.0\tlog\t", "500000000.0\tlin\t", "in different ways"),
        ("observables.tsv", "\tnoiseParameter1_observed_ALC\t",
         "\tnoiseParameter1_observed_ALC * N\t", "which no loss here has"),
        ("observables.tsv", "\tnoiseParameter1_observed_ALC\t",
         "\tnoiseParameter1_observed_ALC + X\t", "reads 'X', which is neither"),
        ("observables.tsv", "\tnoiseParameter1_observed_ALC\t", "\t0.3\t", "has 1 noise param"),
        ("measurements.tsv", "\t26.6", "\tx26.6", "measurement holds text, 'x26.6"),
        ("measurements.tsv", "\t26.6", "\t-26.6", "lies below 0|must be positive|above 0"),
        ("measurements.tsv", "\t7.0\t", "\tinf\t", "time is inf: there is no steady state"),
        ("measurements.tsv", "\t7.0\t", "\t-7.0\t", "lies before day 0"),
        ("measurements.tsv", "observed_ALC", "observed_ALT", "the observable 'observed_ALT'"),
        ("measurements.tsv", "patient_2\t", "patient_3\t", "condition or experiment 'patient_3'"),
        ("measurements.tsv", "\tnoise_patient_2", "\tnoise_patient_1", "each patient has a scale"),
        ("measurements.tsv", "\ttime\t", "\tday\t", "has no column 'time'"),
        ("measurements.tsv", "\tnoiseParameters", "\tcensoringBounds", "Unknown key in the header"),
        ("model.xml", "</sbml>", "", "no whole XML"),
        ("model.xml", "<ci> gamma_B </ci>", "<ci> r_B </ci>", "not that of any laws known here"),
    ],
)  # fmt: skip
def test_bad_problems_of_version_1(file, old, new, message, refuses):
    refuses(1, file, old, new, message)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("problem.yaml", "language: sbml", "language: bngl", "the language sbml"),
        ("problem.yaml", "    language: sbml", "    language: sbml\n  b: {}", "2 models in mod"),
        ("problem.yaml", "location: model.xml", "location: ../1/model.xml", "leads out of"),
        ("problem.yaml", "location: model.xml", "location: https://127.0.0.1:9/m", "nothing is f"),
        ("problem.yaml", "location: model.xml", "location: 3", "must be a list of files"),
        ("problem.yaml", "parameter_files:", "mapping_files: [m.tsv]\nparameter_files:", "mapping"),
        ("problem.yaml", "observable_files: [observables.tsv]\n", "", "names no observable_files"),
        ("problem.yaml", "experiment_files: [experiments.tsv]\n", "", "'patient_1', which its tab"),
        ("parameters.tsv", "\ttrue", "\t1", "Unknown estimate '1'"),
        ("experiments.tsv", "\t0.0\t", "\t-inf\t", "there is no equilibrium"),
        ("experiments.tsv", "\t0.0\t", "\t1.0\t", "does not begin at 0"),
        ("experiments.tsv", "patient_1_treated_1", "patient_1_treated_9", "is in no table of cond"),
        ("experiments.tsv", "\t55.0\t", "\t40.0\t", "'C' is changed twice on one day"),
        ("experiments.tsv", "\t55.0\t", "\t90.0\t", "measured on day 90, the day of"),
        ("conditions.tsv", "C + 200000000.0", "C + 2 * C0 * N", "it must be between 0 and 1"),
        ("conditions.tsv", "C + 200000000.0", "C + K_C", "depends on 'K_C', which is no known"),
        ("conditions.tsv", "C + 200000000.0", "1.5 * C", "it must be between 0 and 1"),
        ("conditions.tsv", "C + 200000000.0", "0.5 * C", "what no infusion and no lympho"),
        ("conditions.tsv", "C + 200000000.0", "C + 1e8 + min(C, 5)", "what no infusion and no"),
        ("conditions.tsv", "C + 200000000.0", "200000000.0", "what no infusion and no lympho"),
        ("conditions.tsv", "C + 200000000.0", "max(C", "cannot be read"),
        ("conditions.tsv", "patient_1_treated_2\tC", "patient_1_treated_2\tB", "what no infusion"),
        ("conditions.tsv", "patient_1_treated_2\tC", "patient_1_treated_2\tK_N", "'K_N' of 007 ch"),
        ("conditions.tsv", "patient_1\tr_B", "patient_1\tK_C", "'K_C' is changed twice"),
        ("conditions.tsv", "patient_1\tB0", "patient_1\tB", "has a 'B' of its own"),
        ("observables.tsv", "\tlog-normal\t", "\tlog-laplace\t", "Unknown noiseDistribution"),
        ("observables.tsv", "\tlog-normal\tnoiseParameter1_observed_ALC", "\tlog-normal\t",
         "has 1 noise parameters"),
    ],
)  # fmt: skip
def test_bad_problems_of_version_2(file, old, new, message, refuses):
    refuses(2, file, old, new, message)


@pytest.mark.parametrize("version", [1, 2])
def test_files_cut_off_anywhere(version, written, changed):
    """Each is read as far as its whole lines say something, or told of."""
    told = 0
    for path in sorted((written / str(version)).iterdir()):
        text = path.read_text(encoding="utf-8")
        for share in (0.0, 0.2, 0.5, 0.9):
            try:
                changed(version, path.name, text, text[: int(share * len(text))])
            except vc.VcohortError:
                told += 1
    assert told > 15


@pytest.mark.parametrize("version", [1, 2])
def test_lines_and_words_changed_at_random(version, written, changed):
    generator = np.random.default_rng(version)
    told = 0
    tables = [each for each in sorted((written / str(version)).iterdir()) if each.suffix == ".tsv"]
    for number in range(25):
        path = tables[number % len(tables)]
        text = path.read_text(encoding="utf-8")
        lines = [line.split("\t") for line in text.splitlines()]
        one, other = (lines[each] for each in generator.integers(0, len(lines), 2))
        place, there = generator.integers(len(one)), generator.integers(len(other))
        one[place], other[there] = other[there], one[place]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", vc.VcohortWarning)
                changed(version, path.name, text, "\n".join("\t".join(line) for line in lines))
        except vc.VcohortError:
            told += 1
    assert told > 8


def test_noise_and_files_that_are_none(tmp_path, written):
    noise = np.random.default_rng(1).integers(0, 256, 5 << 20, dtype=np.uint8).tobytes()
    for content, message in (
        (noise, "has more than 0 MiB"), (noise[:1000], "no text in UTF-8"), (b"", "by name"),
        (b"[" * 100_000, "has no end"), (b"{a: " * 9_000, "has no end"),
        (b"- a\n" * 9_000, "has no end"), (b"a: 2020-99-99", "is no YAML"), (b"- 1", "by name"),
    ):  # fmt: skip
        path = tmp_path / "problem.yaml"
        path.write_bytes(content)
        with pytest.raises(vc.VcohortError, match=message):
            vc.read_petab(path)
    shutil.copytree(written / "1", tmp_path / "p")
    for name in ("parameters.tsv", "conditions.tsv", "measurements.tsv", "model.xml"):
        before = (tmp_path / "p" / name).read_bytes()
        for content in (noise, noise[: 1 << 20], b""):
            (tmp_path / "p" / name).write_bytes(content)
            with pytest.raises(vc.VcohortError, match=name):
                vc.read_petab(tmp_path / "p" / "problem.yaml")
        (tmp_path / "p" / name).unlink()
        (tmp_path / "p" / name).symlink_to("/etc/hostname")
        with pytest.raises(vc.VcohortError, match="leads out of the folder"):
            vc.read_petab(tmp_path / "p" / "problem.yaml")
        (tmp_path / "p" / name).unlink()
        (tmp_path / "p" / name).write_bytes(before)
    for wrong in (tmp_path / "none.yaml", tmp_path, "a\0b"):
        with pytest.raises(vc.VcohortError, match="Cannot read"):
            vc.read_petab(wrong)


def foreign(folder, **files):
    """A problem as others write it, by hand: few columns, other scales, formulas that say more."""
    vc.to_sbml(vc.Cohort.from_values("kimmel2021"), path=folder / "cart.xml")
    told = {
        "problem": "format_version: 1\nparameter_file: par.tsv\nproblems:\n  - sbml_files:\n"
        "      - cart.xml\n    condition_files:\n      - con.tsv\n    observable_files:\n"
        "      - obs.tsv\n    measurement_files:\n      - mea.tsv\n      - more.tsv\n",
        "par": "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\n"
        "r_B\tlog10\t0.01\t0.2\t\t1\nsigma\tlin\t0.0001\t10\t0.5\t1\n"
        "share\tlin\t0\t1\t0.25\t0\nK_N\tlin\t\t\t3e11\t0\n",
        "con": "conditionId\tB0\npatient\t5e10\n",
        "obs": "observableId\tobservableFormula\tobservableTransformation\tnoiseFormula\n"
        "B_ml\tB_all / 10^9\tlog10\t2 * sigma\nhalf\tshare * (T - N) * 2\tlog10\tsigma\n"
        "unused\tN * C\tlin\t1\n",
        "mea": "observableId\tsimulationConditionId\tmeasurement\ttime\tdatasetId\n"
        "B_ml\tpatient\t45\t7\ta\n",
        "more": "observableId\tsimulationConditionId\tmeasurement\ttime\n"
        "half\tpatient\t1e9\t14\nB_ml\tpatient\t47\t21\n",
    } | files
    for name, text in told.items():
        (folder / f"{name}.{'yaml' if name == 'problem' else 'tsv'}").write_text(text)
    return folder / "problem.yaml"


def test_what_is_estimated_is_one_thing(tmp_path):
    """K_N and K_C as one parameter, or a rate that is the noise, are no fit here."""
    for target in ("K_C", "K_N"):
        con = f"conditionId\tB0\tr_B\t{target}\npatient\t5e10\trate\trate\n"
        par = "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\n"
        par += "rate\tlog\t0.0001\t10\t0.1\t1\nsigma\tlin\t0.0001\t10\t0.5\t1\n"
        path = foreign(tmp_path, con=con, par=f"{par}share\tlin\t0\t1\t0.25\t0\n")
        with pytest.raises(vc.VcohortError, match=f"'rate' is estimated, and is .*{target}.* at o"):
            vc.read_petab(path)
    par = par.replace("sigma\tlin\t0.0001\t10\t0.5\t1\n", "")
    con = "conditionId\tr_B\npatient\trate\n"
    obs = "observableId\tobservableFormula\tnoiseFormula\nB_ml\tB / 1e9\trate\nhalf\tC\trate\n"
    path = foreign(tmp_path, con=con, par=f"{par}share\tlin\t0\t1\t0.25\t0\n", obs=obs)
    with pytest.raises(vc.VcohortError, match="'rate' is estimated, and is r_B and the noise at"):
        vc.read_petab(path)


def test_a_problem_of_others(tmp_path):
    found = vc.read_petab(foreign(tmp_path))
    assert found.free == ("r_B",) and found.bounds == {"r_B": (0.01, 0.2)} and not found.priors
    assert found.loss == "log" and found.data.patients == ("patient",)
    assert found.cohort["B0"][0] == 5e10 and found.cohort["K_N"][0] == 3e11
    assert found.cohort["r_B"][0] == pytest.approx(np.sqrt(0.01 * 0.2))
    rows = found.data.observations
    assert rows.observable == ("B_ml", "half", "B_ml") and rows.day.tolist() == [7.0, 14.0, 21.0]
    np.testing.assert_allclose(rows.weight, [0.25, 1.0, 0.25])
    assert dict(rows.kinds[1].log.weights) == {"C": 0.5}


def test_errors_on_the_scale_log10_are_those_of_logs(tmp_path):
    obs = "observableId\tobservableFormula\tobservableTransformation\tnoiseFormula\n"
    path = foreign(
        tmp_path, obs=f"{obs}B_ml\tB / 1e9\tlog10\tshare / 5\nhalf\tC / 2\tlog\t0.2\n",
        par="parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\n"
        "r_B\tlin\t0.01\t0.2\t0.1\t1\nshare\tlin\t0\t1\t0.25\t0\n",
    )  # fmt: skip
    found = vc.read_petab(path)
    error = found.data.observations.error
    np.testing.assert_allclose(error, [0.05 * np.log(10.0), 0.2, 0.05 * np.log(10.0)])
    # On a linear scale a parameter is uniform, of which a fit needs to know nothing.
    assert found.priors == {"r_B": vc.Uniform(0.01, 0.2)}
    assert "priors" not in found.for_fit()


def test_bounds_of_noise_that_would_bind_are_told_of(tmp_path):
    par = "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\n"
    path = foreign(
        tmp_path, par=f"{par}r_B\tlog\t0.01\t0.2\t0.1\t1\nsigma\tlin\t0.1\t0.2\t0.1\t1\n"
        "share\tlin\t0\t1\t0.25\t0\n",
    )  # fmt: skip
    with pytest.warns(vc.VcohortWarning, match="bounds of 'sigma', 0.1 and 0.2, are not kept"):
        vc.read_petab(path)


@pytest.mark.parametrize(
    ("kind", "numbers", "wanted"),
    [
        ("normal", "0.1;0.02", vc.Normal(0.1, 0.02)),
        ("uniform", "0.02;0.1", vc.Uniform(0.02, 0.1)),
        ("logNormal", f"{math.log(0.1)!r};0.3", vc.LogNormal(0.1, 0.3)),
        ("parameterScaleNormal", "-1;0.2", vc.LogNormal(0.1, 0.2 * np.log(10.0))),
        ("parameterScaleUniform", f"-2;{math.log10(0.2)!r}", None),
        ("laplace", "0.1;0.1", "Unknown prior of r_B"),
        ("parameterScaleUniform", "-1.5;-1", "lies between the bounds"),
        ("normal", "0.1", "must have two numbers"),
        ("normal", "-0.1;0.1", "mean = -0.1 is impossible"),
        ("logNormal", "1e6;0.1", "is beyond numbers"),
    ],
)
def test_priors_of_others(kind, numbers, wanted, tmp_path):
    path = foreign(
        tmp_path, par="parameterId\tparameterScale\tlowerBound\tupperBound\testimate\t"
        "nominalValue\tobjectivePriorType\tobjectivePriorParameters\n"
        f"r_B\tlog10\t0.01\t0.2\t1\t0.1\t{kind}\t{numbers}\n"
        "sigma\tlin\t0.0001\t10\t1\t0.5\t\t\nshare\tlin\t0\t1\t0\t0.25\t\t\n",
    )  # fmt: skip
    if isinstance(wanted, str):
        with pytest.raises(vc.VcohortError, match=wanted):
            vc.read_petab(path)
        return
    found = vc.read_petab(path).priors.get("r_B")
    assert type(found) is type(wanted)
    for name, value in vars(wanted).items() if wanted else ():
        assert getattr(found, name) == pytest.approx(value, rel=1e-12)


def test_a_problem_of_version_2_without_experiments(tmp_path):
    """The model as it is, with its own treatments: events."""
    regimen = vc.Regimen(vc.Infusion(30.0, 2e8))
    path = vc.to_petab(
        {"day": [7.0, 40.0], "observable": ["B_ml"] * 2, "value": [40.0, 45.0]}, ["r_B"],
        path=tmp_path / "p",
    )  # fmt: skip
    vc.to_sbml(vc.Cohort.from_values("kimmel2021-figures"), regimen, tmp_path / "p" / "model.xml")
    for name, old, new in (
        ("problem.yaml", "experiment_files: [experiments.tsv]\n", ""),
        ("measurements.tsv", "patient_1", ""),
    ):
        text = (tmp_path / "p" / name).read_text().replace(old, new)
        (tmp_path / "p" / name).write_text(text)
    found = vc.read_petab(path)
    dose = found.cohort["C0"][0]
    given = vc.Regimen(vc.Infusion(0.0, dose), *regimen.treatments)
    assert found.data.patients == ("all",) and found.data.regimen == given


def test_a_model_in_other_units_is_refused_where_a_problem_sets_its_numbers(tmp_path):
    """The published one counts T cells per microlitre."""
    path = foreign(tmp_path)
    shutil.copy(PUBLISHED, tmp_path / "cart.xml")
    with pytest.raises(vc.VcohortError, match="'K_N', which is no constant of the model that cou"):
        vc.read_petab(path)
