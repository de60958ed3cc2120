"""SBML as other programs run it: libRoadRunner and COPASI, each a course over given days."""

import warnings

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


def copasi_course(text, names, days):
    """Return cells (day, name) by COPASI's LSODA."""
    basico = pytest.importorskip("basico", reason="copasi-basico is not installed")
    with warnings.catch_warnings():
        # Of pandas and of SWIG, by the package's own doing.
        warnings.simplefilter("ignore")
        model = basico.load_model_from_string(text)
        try:
            course = basico.run_time_course(
                values=list(map(float, days)), use_initial_values=True, r_tol=1e-12, a_tol=1e-12,
                max_steps=1_000_000, use_sbml_id=True, model=model,
            )  # fmt: skip
            return course[list(names)].to_numpy()
        finally:
            basico.remove_datamodel(model)


def copasi_rewritten(text, level, version):
    """Return a model as COPASI writes it, which it has read."""
    basico = pytest.importorskip("basico", reason="copasi-basico is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = basico.load_model_from_string(text)
        try:
            return basico.save_model_to_string(
                type="sbml", level=level, version=version, model=model
            )
        finally:
            basico.remove_datamodel(model)


PROGRAMS = {"roadrunner": roadrunner_course, "copasi": copasi_course}
