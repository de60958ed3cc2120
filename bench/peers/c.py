"""A hand-written C program, OpenMP and vectorised exp and log: the practical limit on a CPU."""

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from bench.workloads import HORIZON, PROGRESSION

_FLAGS = ["-Ofast", "-march=native", "-mprefer-vector-width=512", "-fopenmp", "-shared", "-fPIC"]
_FLOATS = ctypes.POINTER(ctypes.c_float)


def compiler():
    return shutil.which("gcc")


@cache
def _library():
    source, built = Path(__file__).parent / "limit.c", Path(tempfile.mkdtemp()) / "limit.so"
    subprocess.run([compiler(), *_FLAGS, "-o", built, source, "-lm"], check=True)
    return ctypes.CDLL(str(built))


def _floats(array):
    return array.ctypes.data_as(_FLOATS)


def _rows(values):
    return (_FLOATS * len(values))(*map(_floats, values))


def outcomes(values, day, length, seed=3):
    """Return outcome and day of each patient, by the closed form."""
    count = values.shape[1]
    outcome, when = np.empty(count, np.int8), np.empty(count, np.float32)
    _library().outcomes(
        ctypes.c_long(count), _rows(values), len(day), _floats(day), _floats(length),
        ctypes.c_float(PROGRESSION), ctypes.c_float(HORIZON), ctypes.c_uint64(seed),
        outcome.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)), _floats(when),
    )  # fmt: skip
    return outcome, when


def states(values, length, row):
    """Return ln N, ln C, ln B (state, row, patient); step s ends at ``row[s]``, if not negative."""
    row = np.ascontiguousarray(row, np.int32)
    rows = int(row.max()) + 1
    saved = np.empty((3, rows, values.shape[1]), np.float32)
    _library().states(
        ctypes.c_long(values.shape[1]), _rows(values), len(length), _floats(length),
        row.ctypes.data_as(ctypes.POINTER(ctypes.c_int)), ctypes.c_long(rows), _floats(saved),
    )  # fmt: skip
    return saved
