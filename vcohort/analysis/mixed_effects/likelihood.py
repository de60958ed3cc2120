"""The likelihood of one patient's measurements and event, given what is predicted of them."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import log_ndtr

from vcohort.analysis.mixed_effects.spec import Errors, MixedSpec, Patient


class Event(NamedTuple):
    """What is known of a patient's event: that it came between two days, or after the first.

    ``is_seen``: that it came. ``is_told``: whether anything is known. ``is_late``: whether the
    patient was watched from a third day on, and is here since it had no event before. The days
    themselves are the course's business.
    """

    is_seen: Array
    is_told: Array
    is_late: Array


def data_log_likelihood(
    spec: MixedSpec, widths: Array, patient: Patient, predicted: Array
) -> Array:
    """Return the log likelihood of measurements and event, at predictions on the errors' scales.

    Of the measurements in their own units: where logs scatter, their density has the factor
    1 / value.
    """
    count = patient.rows.value.size
    found = jnp.sum(row_log_likelihood(spec, widths, patient, predicted[:count]))
    if patient.event is not None:
        found += event_log_likelihood(patient.event, predicted[count:])
    return found


def row_log_likelihood(spec: MixedSpec, widths: Array, patient: Patient, predicted: Array) -> Array:
    """Return the log likelihood (row,) of measurements."""
    rows = patient.rows
    found = jnp.zeros_like(predicted)
    for kind, (errors, places) in enumerate(zip(spec.errors, spec.width_places(), strict=True)):
        own = [jnp.exp(widths[place]) for place in places] or [jnp.ones(())]
        scale, ratio = own[0] * rows.unit, own[1] / own[0] if len(own) > 1 else 0.0
        is_kind = rows.kind == kind
        observed, limit = rows.observed & is_kind, rows.limit & is_kind
        each = errors.scatter.log_likelihood(
            predicted - rows.value, predicted, observed, limit, scale, ratio
        )
        constant = errors.scatter.tails.log_peak - (rows.value if errors.is_log else 0.0)
        found += each + jnp.where(observed, constant, 0.0)
    return found


def event_log_likelihood(event: Event, z: Array) -> Array:
    """Return the log likelihood of an event, P(none by a day) = Phi(z), z (3,) on its days.

    ln (Phi(z_first) - Phi(z_second)) where it was seen, else ln Phi(z_first); less ln Phi(z_third)
    where the patient was watched late.
    """
    start, end = z[0], jnp.minimum(z[1], z[0] - 1e-9)
    # On the side where both are small: neither may be lost in 1.
    is_late = start + end > 0
    high, low = jnp.where(is_late, -end, start), jnp.where(is_late, -start, end)
    gap = jnp.minimum(log_ndtr(low) - log_ndtr(high), -1e-15)
    seen = log_ndtr(high) + jnp.log1p(-jnp.exp(gap))
    found = jnp.where(event.is_seen, seen, log_ndtr(start))
    found -= jnp.where(event.is_late, log_ndtr(z[2]), 0.0)
    return jnp.where(event.is_told, found, 0.0)


def _log_width(errors: Errors, scale: Array, ratio: Array | float, predicted: Array) -> Array:
    return jnp.log(scale * errors.scatter.width(predicted, ratio))


def curvature(spec: MixedSpec, widths: Array, patient: Patient, predicted: Array) -> Array:
    """Return the information (prediction, prediction) that the data hold on the predictions.

    Of what was observed the expected one, of limits and events the bend of their likelihood:
    neither is below 0.
    """
    count = patient.rows.value.size
    found = jnp.diag(row_information(spec, widths, patient, predicted[:count]))
    if patient.event is None:
        return found
    of_event = -jax.hessian(event_log_likelihood, argnums=1)(patient.event, predicted[count:])
    return jax.scipy.linalg.block_diag(found, of_event)


def row_information(spec: MixedSpec, widths: Array, patient: Patient, predicted: Array) -> Array:
    """Return the information (row,) that measurements hold on their predictions."""
    rows = patient.rows
    own = jnp.zeros_like(predicted)
    for kind, (errors, places) in enumerate(zip(spec.errors, spec.width_places(), strict=True)):
        tails, is_kind = errors.scatter.tails, rows.observed & (rows.kind == kind)
        scales = [jnp.exp(widths[place]) for place in places] or [jnp.ones(())]
        ratio = scales[1] / scales[0] if len(scales) > 1 else 0.0

        log_width = partial(_log_width, errors, scales[0], ratio)
        safe = jnp.where(is_kind, predicted, 1.0)
        rise = jax.vmap(jax.grad(log_width))(safe)
        width = jnp.exp(log_width(safe)) * rows.unit
        own = jnp.where(is_kind, tails.place / width**2 + tails.scale * rise**2, own)

    def slope(at: Array) -> Array:
        return jax.grad(lambda at: jnp.sum(row_log_likelihood(spec, widths, patient, at)))(at)

    # Rows do not know each other: one direction tells all their second derivatives.
    limits = jax.jvp(slope, (predicted,), (jnp.ones_like(predicted),))[1]
    return jnp.where(rows.limit, jnp.maximum(-limits, 0.0), own)
