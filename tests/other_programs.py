"""SBML as other programs run it: libRoadRunner and COPASI, each a course over given days."""

import locale
import warnings
from contextlib import contextmanager

import numpy as np
import pytest


def roadrunner_course(text, names, days):
    """Return cells (day, name) by libRoadRunner's CVODE, at its finest."""
    roadrunner = pytest.importorskip("roadrunner", reason="libroadrunner is not installed")
    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_ERROR)
    model = roadrunner.RoadRunner(text)
    model.integrator.relative_tolerance = 1e-14
    model.integrator.absolute_tolerance = 1e-16
    model.integrator.maximum_num_steps = 2_000_000
    model.timeCourseSelections = ["time", *names]
    return np.asarray(model.simulate(times=list(map(float, days))))[:, 1:]


@contextmanager
def copasi(text):
    """Yield basico and a model in it; the language of the process is then what it was."""
    before = locale.setlocale(locale.LC_ALL)
    with warnings.catch_warnings():
        # Of pandas and of SWIG, by the package's own doing.
        warnings.simplefilter("ignore")
        try:
            basico = pytest.importorskip("basico", reason="copasi-basico is not installed")
            model = basico.load_model_from_string(text)
            yield basico, model
            basico.remove_datamodel(model)
        finally:
            locale.setlocale(locale.LC_ALL, before)


def copasi_course(text, names, days):
    """Return cells (day, name) by COPASI's LSODA."""
    with copasi(text) as (basico, model):
        course = basico.run_time_course(
            values=list(map(float, days)), use_initial_values=True, r_tol=1e-12, a_tol=1e-12,
            max_steps=1_000_000, use_sbml_id=True, model=model,
        )  # fmt: skip
        return course[list(names)].to_numpy()


def copasi_rewritten(text, level, version):
    """Return a model as COPASI writes it, which it has read."""
    with copasi(text) as (basico, model):
        return basico.save_model_to_string(type="sbml", level=level, version=version, model=model)


PROGRAMS = {"roadrunner": roadrunner_course, "copasi": copasi_course}
