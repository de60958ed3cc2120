"""diffrax: Tsit5 under vmap, with adaptive steps and with steps fixed beforehand, in float32."""

from functools import partial

import diffrax
import jax
import jax.numpy as jnp

from bench.workloads import NAMES

TOLERANCES = (1e-3, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
"""rtol of the adaptive steps (atol is a tenth of it), coarsest first."""


def _field(t, logs, values):
    """Return the slopes of ln N, ln C, ln B; of ln of the cure integral's W where it is asked."""
    p = dict(zip(NAMES, values, strict=True))
    normal, car = jnp.exp(logs[0]), jnp.exp(logs[1])
    crowd, share = jnp.log(normal + car), (normal + car) / p["K_N"]
    gap = (share - 1.0) ** 2
    growth = p["rho_C"] + p["b"] * gap / (p["a"] * share**2 + gap)
    killing = p["gamma_B"] * car / (p["k_B"] + car)
    slopes = (
        -p["r_N"] * (crowd - jnp.log(p["K_N"])), -growth * (crowd - jnp.log(p["K_C"])),
        p["r_B"] - killing,
    )  # fmt: skip
    if len(logs) == 3:
        return slopes
    return (*slopes, killing * jnp.exp(jnp.minimum(-logs[2], 80.0)))


def _solve(days, controller, first_step, most, law, values):
    start = tuple(jnp.log(values[-3:])) + ((jnp.zeros(()),) if law else ())
    return diffrax.diffeqsolve(
        diffrax.ODETerm(_field), diffrax.Tsit5(), 0.0, days[-1], first_step, start, values,
        saveat=diffrax.SaveAt(ts=days), stepsize_controller=controller, max_steps=most,
        adjoint=diffrax.ForwardMode(), throw=False,
    ).ys  # fmt: skip


@partial(jax.jit, static_argnames=("law",))
def adaptive(values, days, rtol, law=False):
    """Return ln N, ln C, ln B, each (patient, day); with ``law`` W, too."""
    controller = diffrax.PIDController(rtol=rtol, atol=0.1 * rtol)
    solve = partial(_solve, days, controller, 0.1, 4096, law)
    return jax.vmap(solve)(values.T)


@partial(jax.jit, static_argnames=("law",))
def fixed(values, days, ends, law=False):
    """Return the same with steps that end at ``ends`` for all patients."""
    solve = partial(_solve, days, diffrax.StepTo(ts=ends), None, ends.size, law)
    return jax.vmap(solve)(values.T)
