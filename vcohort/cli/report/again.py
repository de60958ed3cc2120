"""How to run again what a file holds: a command, a study, or a few lines of Python."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from vcohort.cli.report.parameters import source_of
from vcohort.errors import VcohortError
from vcohort.records import restored
from vcohort.results.kinds import kind_of


class Recipe(NamedTuple):
    """A sentence, and what to type."""

    about: str
    text: str


# What made a file of a kind, and which of its attributes it was told.
_CALLS = {
    "sobol": "vc.sobol_indices(population, outputs, {n}, seed={seed})",
    "morris": "vc.morris(population, outputs, {trajectories}, levels={levels}, seed={seed})",
    "sensitivity_map": "vc.sensitivity_map(population, axes, {n}, seed={seed})",
    "calibration": "vc.calibrate(population, trial, free, n={n}, seed={seed})",
    "regimen": "vc.optimize_regimen(population.sample({patients}, seed={cohort_seed}), free)",
}


_OF_ARMS = {
    "arms": "vc.compare(arms, {reference!r}, confidence={confidence:g})",
    "planned_trial": "trial = vc.Trial(arms, {sizes}, {enrolment:g}, {dropout:g}, "
    "{looks}, analysis={analysis:g})\ntrial.predict(trials={trials}, reference={reference!r}, "
    "alpha={alpha:g}, seed={seed})",
}


def recipes_of(ds: Any, source: str) -> list[Recipe]:
    """Return the ways to run again what came from the file ``source``; the nearest to it first."""
    found: list[Recipe] = []
    study = str(ds.attrs.get("study", ""))
    if study:
        found.append(Recipe("Save this as study.toml and type: vcohort simulate study.toml", study))
    command = str(ds.attrs.get("command", ""))
    if command:
        found.append(Recipe("The command that wrote the file:", command))
    if found:
        return found
    kind = kind_of(ds)
    if kind == "sweep":
        return [Recipe("The store holds its study. This computes what is lacking, and checks all:",
                       f"vcohort resume {shlex.quote(source)}\nvcohort verify "
                       f"{shlex.quote(source)}")]  # fmt: skip
    if kind in _OF_ARMS:
        return [Recipe("It was made from Python, of an arm each:", _python_of_arms(ds, kind))]
    if kind == "cohort" and source_of(ds) is not None and "replaced" not in ds.attrs:
        return [Recipe("It was made from Python. From the records in the file:",
                       _python_of_a_cohort(ds, source))]  # fmt: skip
    if kind in _CALLS and source_of(ds) is not None:
        call = _CALLS[kind].format_map({**ds.attrs, "cohort_seed": ds.attrs.get("cohort_seed", 0)})
        return [Recipe("It was made from Python, by a call like this (names stand for what it "
                       "was given):", _python(source, call))]  # fmt: skip
    return []


def _python_of_arms(ds: Any, kind: str) -> str:
    arms = ", ".join(f"{name!r}: vc.load({name + '.nc'!r})" for name in ds["arm"].values.tolist())
    sizes = dict(zip(ds["arm"].values.tolist(), ds["patients"].values.tolist(), strict=True))
    visits = str(ds.attrs.get("visits", ""))
    looks = f"[{visits}]" if visits[:1].isdigit() else "None"
    call = _OF_ARMS[kind].format_map({**ds.attrs, "sizes": sizes, "looks": looks})
    return f"import vcohort as vc\narms = {{{arms}}}\n{call}"


def _python_of_a_cohort(ds: Any, source: str) -> str:
    attrs = ds.attrs
    settings = ", ".join(
        f"{name}={attrs[name]!r}" if isinstance(attrs[name], str) else f"{name}={attrs[name]:g}"
        for name in ("method", "horizon", "threshold", "progression", "tolerance", "dtype")
    )
    more = _endpoints_of(attrs)
    if "time" in ds.coords:
        more += f", save_at={ds['time'].values.tolist()}"
    call = (
        f"cohort = population.sample({ds.sizes['patient']}, seed={attrs['cohort_seed']}, "
        f"design={attrs['design']!r})\n"
        'regimen = vc.Regimen.from_record(ds.attrs["regimen_record"])\n'
        f"vc.simulate(cohort, {settings}, seed={attrs['seed']}, regimen=regimen{more})"
    )
    return _python(source, call)


def _endpoints_of(attrs: Mapping[Any, Any]) -> str:
    """Return the endpoints as an argument; nothing where they are not told, or the user's own."""
    try:
        found = [restored(each) for each in json.loads(attrs.get("endpoints_record", "[]"))]
    except VcohortError:
        return ""
    return f", endpoints=[{', '.join(f'vc.{each!r}' for each in found)}]" if found else ""


def _python(source: str, call: str) -> str:
    return (
        "import vcohort as vc\n"
        f"ds = vc.load({source!r})\n"
        'population = vc.Population.from_record(ds.attrs["population_record"])\n' + call
    )
