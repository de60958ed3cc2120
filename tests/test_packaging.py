"""What is told of the package in several files is one thing."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml

import vcohort as vc

ROOT = Path(__file__).parents[1]
# As conda-forge calls them.
CONDA = {"matplotlib": "matplotlib-base"}


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def recipe():
    return yaml.safe_load((ROOT / "packaging/conda/recipe.yaml").read_text())


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_version_is_one(project, recipe):
    assert project["version"] == vc.__version__ == recipe["context"]["version"]


def test_conda_installs_what_pip_installs(project, recipe):
    asked = [tuple(each.split(">=")) for each in project["dependencies"]]
    python = ("python", project["requires-python"].removeprefix(">="))
    expected = {(CONDA.get(name, name), least) for name, least in [python, *asked]}
    assert {tuple(each.split(" >=")) for each in recipe["requirements"]["run"]} == expected


def test_conda_has_the_same_commands(project, recipe):
    expected = [f"{name} = {target}" for name, target in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == expected


def test_it_is_cited_and_kept_by_one_title_and_licence(project, recipe, citation):
    kept = json.loads((ROOT / ".zenodo.json").read_text())
    assert kept["title"] == citation["title"]
    assert kept["keywords"] == project["keywords"]
    licences = {each["license"] for each in (project, kept, citation, recipe["about"])}
    assert licences == {"Apache-2.0"}
    assert {each["identifier"] for each in kept["related_identifiers"]} == {
        reference["doi"] for reference in citation["references"] if "doi" in reference
    }


def test_a_container_is_built_from_files_that_are_there(project):
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]]
    let_in = (ROOT / ".dockerignore").read_text()
    assert copied
    for name in copied:
        assert (ROOT / name).exists() and f"!{name}\n" in let_in
    extras = next(line for line in lines if line.startswith("ARG")).partition("=")[2].split(",")
    assert set(extras) <= set(project["optional-dependencies"])
