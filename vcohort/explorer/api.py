"""Explore, from Python: a page in the notebook."""

from __future__ import annotations

from typing import Any

from vcohort.errors import VcohortError
from vcohort.extras import extra
from vcohort.models import LAW_KINDS
from vcohort.populations.population import Population
from vcohort.studies.study import Study


def explore(population: Population | str = "zuma1", *, trial: Any = "zuma1") -> Any:
    """Return a page on which sliders move a population, and its trial follows; shown in a notebook.

    In the shell it is ``vcohort explore``, with a page of its own in the browser.

    :param population: the name of a preset, or a population whose parameters a study file can hold:
        a preset with numbers for other centres.
    :param trial: a survival curve to lay over the cohort's: ``"zuma1"``, the built-in one; else as
        :func:`vcohort.calibrate` takes a trial; None for none.
    :raises VcohortError: where Panel is not installed, for populations that a study file cannot
        hold, and for what is no trial.
    """
    Page = page_class()
    from vcohort.explorer.page import read_trial

    return Page(study_of(population), read_trial(trial)).view


def page_class() -> Any:
    """Return the page, whose libraries are an extra.

    :raises VcohortError: where they are not installed.
    """
    pn = extra("panel", "explore", "The page")
    from vcohort.explorer.page import Page

    pn.extension()
    return Page


def study_of(population: Population | str) -> Study:
    """Return the study that a page of a population begins with.

    :raises VcohortError: for a population that a study file cannot hold.
    """
    from vcohort.explorer.settings import changed, start

    if isinstance(population, str):
        return start(population)
    if not isinstance(population, Population):
        raise VcohortError(
            f"population = {population!r} is no population. Try vc.explore('zuma1'), or "
            "vc.explore(vc.Population('kimmel2021', sigma=0.1))."
        )
    numbers = {name: value for name, value in population.overrides.items()
               if isinstance(value, float | int)}  # fmt: skip
    names = [law.name for law in population.model.laws]
    laws = dict(zip(LAW_KINDS, names, strict=True))
    study = changed(start(population.preset), sigma=population.sigma, set=numbers, model=laws)
    if study.population().to_record() != population.to_record():
        raise VcohortError(
            "The page moves presets by numbers, and this population has distributions of its own. "
            "Try vc.explore('zuma1'), or a study file: vcohort explore STUDY.toml."
        )
    return study
