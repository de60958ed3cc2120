"""A kernel written by hand in CUDA C++, compiled by NVRTC: the practical limit on a GPU.

Where there is no GPU its text is compiled as plain C++ and run on one core, to look at its numbers.
"""

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from bench.workloads import HORIZON, PROGRESSION

_SOURCE = Path(__file__).parent / "limit.cu"
_THREADS, _SEED = 128, 3
_FLAGS = ["-x", "c++", "-O2", "-shared", "-fPIC"]


def _check(status, what):
    if status:
        raise RuntimeError(f"{what} failed with status {status}")


def _library(name):
    """Return one of NVIDIA's libraries: of the wheels beside JAX, or of the system."""
    found = [path for folder in _wheels() for path in sorted(folder.rglob(f"lib{name}.so*"))]
    return ctypes.CDLL(str(found[0]) if found else f"lib{name}.so")


def _wheels():
    found = find_spec("nvidia")
    return [Path(each) for each in found.submodule_search_locations or ()] if found else []


@cache
def ptx(capability):
    """Return the kernel's PTX for a compute capability, such as 90."""
    nvrtc, program = _library("nvrtc"), ctypes.c_void_p()
    source = _SOURCE.read_bytes()
    _check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"limit.cu", 0, None, None),
           "nvrtcCreateProgram")  # fmt: skip
    flags = [f"--gpu-architecture=compute_{capability}".encode(), b"--use_fast_math"]
    status = nvrtc.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * 2)(*flags))
    if status:
        raise RuntimeError(_text(nvrtc, program, "ProgramLog"))
    return _text(nvrtc, program, "PTX")


def _text(nvrtc, program, what):
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, text)
    return text.value.decode()


class OnAGpu:
    """The kernel on JAX's first device, in JAX's context: arrays are handed over as they lie."""

    def __init__(self, values, day, length):
        device = jax.local_devices()[0]
        capability = device.compute_capability.replace(".", "")
        self.count, self.steps = values.shape[1], len(day)
        self.arrays = [jax.device_put(np.ascontiguousarray(each, np.float32), device)
                       for each in (values, day, length)]  # fmt: skip
        self.outcome = jnp.zeros(self.count, jnp.int8)
        self.when = jnp.zeros(self.count, jnp.float32)
        jax.block_until_ready([*self.arrays, self.outcome, self.when])
        self.driver, context = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p()
        number = device.local_hardware_id
        _check(self.driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), number),
               "cuDevicePrimaryCtxRetain")  # fmt: skip
        _check(self.driver.cuCtxSetCurrent(context), "cuCtxSetCurrent")
        module, self.kernel = ctypes.c_void_p(), ctypes.c_void_p()
        text = ptx(capability).encode()
        _check(self.driver.cuModuleLoadData(ctypes.byref(module), text), "cuModuleLoadData")
        _check(self.driver.cuModuleGetFunction(ctypes.byref(self.kernel), module, b"outcomes"),
               "cuModuleGetFunction")  # fmt: skip

    def __call__(self):
        """Return outcome and day of each patient, by the closed form."""
        values, day, length, outcome, when = (
            ctypes.c_void_p(each.unsafe_buffer_pointer())
            for each in (*self.arrays, self.outcome, self.when)
        )
        given = (
            ctypes.c_longlong(self.count), values, ctypes.c_int(self.steps), day, length,
            ctypes.c_float(PROGRESSION), ctypes.c_float(HORIZON), ctypes.c_ulonglong(_SEED),
            outcome, when,
        )  # fmt: skip
        pointers = (ctypes.c_void_p * len(given))(*(ctypes.addressof(each) for each in given))
        groups = -(-self.count // _THREADS)
        status = self.driver.cuLaunchKernel(
            self.kernel, groups, 1, 1, _THREADS, 1, 1, 0, None, pointers, None
        )
        _check(status or self.driver.cuCtxSynchronize(), "cuLaunchKernel")
        return np.asarray(self.outcome), np.asarray(self.when)


class OnACpu:
    """The same text on one core."""

    def __init__(self, values, day, length):
        target = Path(tempfile.mkdtemp()) / "limit.so"
        subprocess.run([shutil.which("g++"), *_FLAGS, "-o", target, _SOURCE], check=True)
        self.built = ctypes.CDLL(str(target))
        self.arrays = [np.ascontiguousarray(each, np.float32) for each in (values, day, length)]

    def __call__(self):
        """Return outcome and day of each patient, by the closed form."""
        values, day, length = self.arrays
        count = values.shape[1]
        outcome, when = np.empty(count, np.int8), np.empty(count, np.float32)
        at = [ctypes.c_void_p(each.ctypes.data) for each in (values, day, length, outcome, when)]
        self.built.outcomes(
            ctypes.c_longlong(count), at[0], ctypes.c_int(len(day)), *at[1:3],
            ctypes.c_float(PROGRESSION), ctypes.c_float(HORIZON), ctypes.c_ulonglong(_SEED),
            *at[3:],
        )  # fmt: skip
        return outcome, when
