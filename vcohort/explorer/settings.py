"""What is set on the page: a study. Each function returns another one, and changes none.

A study is also what the page's address holds, and what a saved file says: they cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

import tomli_w

from vcohort.errors import VcohortError
from vcohort.populations.shipped import shipped_names
from vcohort.studies.files import parse_fields
from vcohort.studies.study import Study, make_study

_KEY = "study"

# A method of the command line that gives what the page shows: exact fates.
_METHOD = "exact"

# How many patients are followed between two moves of a slider, and how closely. Memory cells, which
# a trial's own population has, take ten times as long; an error of 1 % in a number of cells is not
# seen.
_OF_A_TRIAL: Mapping[str, Any] = {"patients": 2000, "tolerance": 1e-2, "sigma": None}
_PUBLISHED: Mapping[str, Any] = {"patients": 10_000, "tolerance": None, "sigma": 0.05}

Treatments = Iterable[Mapping[str, Any]]


def start(preset: str) -> Study:
    """Return the study that a page begins with."""
    return with_preset(make_study({"method": _METHOD, "horizon": 1000.0}), preset)


def changed(study: Study, **fields: Any) -> Study:
    """Return the study with some fields changed, checked; None leaves one to its default."""
    before = study.model_dump(exclude_unset=True, exclude_none=True)
    wanted = {name: value for name, value in {**before, **fields}.items() if value is not None}
    found = make_study(wanted)
    found.check_names()
    return found


def with_value(study: Study, name: str, value: float | None) -> Study:
    """Return the study with a parameter's centre, in cells and days; None: the preset's own."""
    rest = {key: each for key, each in study.set.items() if key != name}
    return changed(study, set=rest if value is None else {**rest, name: value})


def with_preset(study: Study, preset: str) -> Study:
    """Return the study of another population; values, spread and laws are its own."""
    pace = _OF_A_TRIAL if preset in shipped_names() else _PUBLISHED
    return changed(study, preset=preset, set=None, model=None, **pace)


def with_law(study: Study, kind: str, name: str) -> Study:
    """Return the study with another law; values of parameters that fall away are dropped."""
    laws = {**study.model.model_dump(), kind: name}
    bare = changed(study, model=laws, set=None)
    known = bare.population().model.parameters
    return changed(bare, set={key: each for key, each in study.set.items() if key in known})


def with_treatments(study: Study, infusions: Treatments, depletions: Treatments) -> Study:
    """Return the study with another regimen."""
    found = changed(study, infusion=list(infusions), lymphodepletion=list(depletions))
    found.regimen.check(found.patients, found.run.horizon)
    return found


def laws_are_its_own(study: Study) -> bool:
    """Whether the laws belong to the population, and cannot be chosen."""
    return study.preset in shipped_names()


def address_of(study: Study) -> str:
    """Return the query of the page's address that holds a study."""
    return "?" + urlencode({_KEY: text_of(study)})


def study_at(address: str) -> Study | None:
    """Return the study that an address holds; None where it holds none.

    :raises VcohortError: for one that is no study.
    """
    found = parse_qs(address.removeprefix("?")).get(_KEY)
    return read_study(found[0]) if found else None


def read_study(text: str) -> Study:
    """Return the study of a study file's text, as the page can show it.

    :raises VcohortError: for what is no study, or asks for what the page does not show.
    """
    return as_shown(parse_fields(text))


def as_shown(fields: Mapping[str, Any]) -> Study:
    """Return the study of a study file's fields, as the page can show it.

    :raises VcohortError: for what is no study, or asks for what the page does not show.
    """
    study = make_study({"method": _METHOD, **fields})
    study.check_names()
    unread = [name for name in ("sweep", "save_at", "endpoints") if getattr(study, name)]
    if unread:
        raise VcohortError(
            f"The page does not show {', '.join(unread)} of a study. Leave it out here, and run it "
            "by vcohort simulate or vcohort sweep."
        )
    if study.run.method == "deterministic":
        raise VcohortError(
            "The page shows who is cured, which method = 'deterministic' does not know. Leave "
            "the method out."
        )
    study.regimen.check(study.patients, study.run.horizon)
    return study


def text_of(study: Study) -> str:
    """Return the study as the text of a study file: what is not at its default."""
    return tomli_w.dumps(study.model_dump(exclude_unset=True, exclude_none=True))
