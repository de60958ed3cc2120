"""diffrax: Tsit5 under vmap, with adaptive steps and with steps fixed beforehand, in float32."""

from functools import partial

import diffrax
import jax
import jax.numpy as jnp

from bench.peers.equations import TOLERANCES as TOLERANCES
from bench.peers.equations import slopes


def _field(t, logs, values):
    """Return the slopes of ln N, ln C, ln B; of ln of the cure integral's W where it is asked."""
    *rises, killing = slopes(jnp.exp, jnp.log)(logs[0], logs[1], *values[:9])
    if len(logs) == 3:
        return tuple(rises)
    return (*rises, killing * jnp.exp(jnp.minimum(-logs[2], 80.0)))


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
