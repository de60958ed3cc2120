"""Peers that not every machine has: which of them run here, and why the others do not."""

from contextlib import contextmanager
from importlib import import_module

import jax

from bench.workloads import TRUTH, coarsest, patients

PEERS = {
    "gradsolve, adaptive Tsit5": "gradsolve_peer",
    "cubie, adaptive Tsit5": "cubie_peer",
    "modax, adaptive Tsit5": "modax_peer",
}


@contextmanager
def float64():
    """Let JAX have float64 in here, and be as it was before afterwards."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def unimportable(*modules):
    """Return why one of the modules cannot be imported, or None."""
    with float64():  # which some of them set, for the whole process
        for name in modules:
            try:
                import_module(name)
            except Exception as error:
                return said(error)
    return None


def said(error):
    return f"{type(error).__name__}: {error}".splitlines()[0]


def without_a_gpu():
    """Return why what runs on GPUs alone does not run, or None."""
    return None if jax.default_backend() == "gpu" else "needs an NVIDIA GPU, and JAX sees none"


def tuned(days):
    """Return peers that run here, as (module, coarsest rtol, error) by name; why others do not."""
    few, present, absent = patients(TRUTH).values, {}, {}
    for name, module in PEERS.items():
        peer = import_module(f"bench.peers.{module}")
        reason = peer.available()
        try:
            if not reason:
                solve = lambda rtol, peer=peer: peer.states(few, days, rtol)  # noqa: E731
                present[name] = (peer, *coarsest(peer.TOLERANCES, solve, days))
        except Exception as error:  # whatever a package of others fails with ends no run
            reason = said(error)
        if reason:
            absent[name] = reason
    return present, absent
