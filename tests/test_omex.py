"""COMBINE archives: written by the command line, opened by other programs, run again from it."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import vcohort as vc
from vcohort.cli.app import app
from vcohort.errors import VcohortError
from vcohort.studies.files import read_fields

libcombine = pytest.importorskip("libcombine", reason="pip install 'vcohort[omex]'")

STUDY = """
preset = "kimmel2021-figures"
method = "exact"
patients = 40
sigma = 0.05
horizon = 500.0

[[infusion]]
day = 60.0
"""


def called(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("omex")
    (folder / "study.toml").write_text(STUDY)
    found = called("archive", folder / "study.toml", "-o", folder / "study.omex")
    assert found.exit_code == 0, found.output
    return folder / "study.omex"


@pytest.fixture
def unpacked(archive, tmp_path):
    with zipfile.ZipFile(archive) as parts:
        parts.extractall(tmp_path)
    return tmp_path


def test_libcombine_finds_each_part_and_begins_with_the_simulation(archive):
    opened = libcombine.CombineArchive()
    assert opened.initializeFromArchive(str(archive))
    places = {str(each) for each in opened.getAllLocations()}
    assert places >= {"study.toml", "model.xml", "course.sedml", "cohort.nc", "report.html"}
    assert opened.getMasterFile().getLocation() == "course.sedml"


def test_the_study_in_it_gives_the_same_bits(archive, unpacked):
    found = called("simulate", archive, "-o", unpacked / "again.nc")
    assert found.exit_code == 0, found.output
    again, kept = vc.load(unpacked / "again.nc"), vc.load(unpacked / "cohort.nc")
    assert again.sizes["patient"] == 40
    assert again.equals(kept)


def test_copasi_runs_its_simulation_to_our_course(archive):
    basico = pytest.importorskip("basico", reason="pip install copasi-basico")
    basico.load_model(str(archive))
    basico.set_task_settings("Time-Course", {"method": {"Relative Tolerance": 1e-10}})
    course = basico.run_time_course(use_initial_values=True)
    assert course.index[-1] == 500.0 and len(course) == 1001
    patient = vc.Population("kimmel2021-figures", sigma=0.05).middle()
    ours = vc.simulate(
        patient, "deterministic", 500.0, regimen=vc.Regimen(vc.Infusion(60.0)),
        save_at=[10.0, 100.0, 500.0], tolerance=1e-7, dtype="float64", progress=False,
    )  # fmt: skip
    for name, column in (("N", "normal T cells"), ("C", "CAR T cells")):
        theirs = course[column].loc[[10.0, 100.0, 500.0]].to_numpy()
        np.testing.assert_allclose(theirs, ours[name].values[0], rtol=1e-5)


def test_libsedml_has_no_word_against_the_simulation(unpacked):
    libsedml = pytest.importorskip("libsedml")
    document = libsedml.readSedMLFromFile(str(unpacked / "course.sedml"))
    assert document.getNumErrors() == 0
    assert document.getNumTasks() == document.getNumModels() == 1


def test_its_provenance_names_what_is_given_and_what_follows(unpacked):
    told = json.loads((unpacked / "ro-crate-metadata.json").read_text())
    entities = {each["@id"]: each for each in told["@graph"]}
    run = entities["#run"]
    assert run["object"] == [{"@id": "study.toml"}] or run["object"] == {"@id": "study.toml"}
    assert {each["@id"] for each in run["result"]} > {"cohort.nc", "report.html", "model.xml"}
    assert entities["#vcohort"]["softwareVersion"] == vc.__version__
    assert all((unpacked / each["@id"]).exists() for each in entities["./"]["hasPart"])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", b"\x00" * 100])
def test_what_is_no_archive_is_told(tmp_path, content):
    (tmp_path / "a.omex").write_bytes(content)
    with pytest.raises(VcohortError, match="Cannot read the archive"):
        read_fields(tmp_path / "a.omex")


def test_an_archive_of_others_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.omex", "w") as archive:
        archive.writestr("manifest.xml", "<omexManifest/>")
    with pytest.raises(VcohortError, match="holds no study"):
        read_fields(tmp_path / "a.omex")


def test_a_study_that_grows_when_it_is_unpacked_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.omex", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("study.toml", b"#" * (11 << 20))
    assert (tmp_path / "a.omex").stat().st_size < 1 << 20
    with pytest.raises(VcohortError, match="more than 10 MiB"):
        read_fields(tmp_path / "a.omex")


def test_nothing_is_replaced_unasked_and_nothing_half_written(archive, tmp_path):
    before = archive.read_bytes()
    assert called("archive", archive, "-o", archive).exit_code != 0
    study = archive.with_name("study.toml")
    assert called("archive", study, "-o", archive).exit_code != 0
    assert archive.read_bytes() == before
    assert called("archive", study, "-o", tmp_path / "study.zip").exit_code != 0
    sweep = tmp_path / "sweep.toml"
    sweep.write_text(STUDY + "[sweep.axes]\nK_C = [6e10, 7e10]\n")
    assert called("archive", sweep, "-o", tmp_path / "a.omex").exit_code != 0
    assert [each.name for each in Path(tmp_path).iterdir()] == ["sweep.toml"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_study_that_is_there_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.omex", "w") as archive:
        for preset in ("zuma1", "kimmel2021"):
            archive.writestr("study.toml", f'preset = "{preset}"')
    with pytest.raises(VcohortError, match=r"holds study.toml more than once"):
        read_fields(tmp_path / "a.omex")


@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_told_of_or_read_as_it_was(tmp_path, packed):
    path, refused = tmp_path / "a.omex", 0
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("study.toml", 'preset = "zuma1"\npatients = 50\n')
    whole, wanted, generator = path.read_bytes(), read_fields(path), np.random.default_rng(1)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[generator.integers(len(whole))] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            assert read_fields(path) == wanted
        except VcohortError as error:
            assert "None" not in str(error)
            refused += 1
    assert refused > 100
