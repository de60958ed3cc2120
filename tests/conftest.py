"""What all tests share: a headless matplotlib, few endpoints, a statement of false alarms.

Randomised tests use fixed seeds. Their limits are set so that a correct engine would fail one
of them, under fresh seeds, less than once in a thousand runs of the suite: |z| < 4.5 (one in
150,000) where many comparisons are made, p > 1e-4 for Kolmogorov-Smirnov.
"""

import atexit
import locale
import os
import shutil
import sys
import tempfile

import matplotlib

matplotlib.use("Agg")

# All workers of a run keep their compiled programs in one place, which the run begins empty.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _programs = tempfile.mkdtemp(prefix="vcohort-tests-")
    atexit.register(shutil.rmtree, _programs, ignore_errors=True)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _programs)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")

import numpy as np
import pytest

import vcohort as vc
from vcohort.engine.compiling.program_cache import forget_programs

Z_LIMIT = 4.5
P_LIMIT = 1e-4

FEW = (vc.Nadir(),)


def z_of_share(share: float, expected: float, n: int) -> float:
    """Return how many standard errors a share of ``n`` lies from its expectation."""
    error = np.sqrt(max(expected * (1 - expected), 1 / n) / n)
    return float((share - expected) / error)


# Of texts and numbers of this process, as it began.
LOCALE = locale.setlocale(locale.LC_ALL)


@pytest.fixture(autouse=True)
def _texts_are_read_as_before():
    """Undo what a program's library does when it is imported: COPASI's makes all text ASCII."""
    locale.setlocale(locale.LC_ALL, LOCALE)


@pytest.fixture(autouse=True)
def _pictures_are_closed():
    """Close what a test has drawn: pyplot would keep it for the tests that follow."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture
def no_programs():
    """Begin without compiled programs: who counts them must not see others dropped meanwhile."""
    forget_programs()


@pytest.fixture
def run():
    """Simulate with few endpoints and no progress bar."""

    def simulate(cohort, method="hybrid", **options):
        return vc.simulate(cohort, method, **({"endpoints": FEW, "progress": False} | options))

    return simulate


@pytest.fixture
def figures():
    """The population behind the paper's figures."""

    def population(sigma=0.0, **overrides):
        return vc.Population("kimmel2021-figures", sigma, **overrides)

    return population
