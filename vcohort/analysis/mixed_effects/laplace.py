"""The maximum of Laplace's likelihood: all starts by turns, then the best by Newton's method."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vcohort.analysis.mixed_effects.em import turn
from vcohort.analysis.mixed_effects.found import Found, Told
from vcohort.analysis.mixed_effects.marginal import marginal
from vcohort.analysis.mixed_effects.priors import Priors
from vcohort.analysis.mixed_effects.spec import MixedSpec, Patient

# Turns of all starts, and the change of the best deviance in five below which these are enough.
_LEAST_TURNS, MOST_TURNS, _SETTLED = 10, 80, 0.02

# Starts that Newton's method goes on with, its steps, and the promised gain of the last one.
_FINALISTS, MOST_STEPS, _ENOUGH = 3, 25, 1e-8

# In units of the scales: starts that came nearer to each other have found one maximum.
_SAME = 0.05

# Of the slope's differences, in units of the scales: far below a standard error.
_APART = 5e-4

# Vectors at a time: one program for all, whose memory does not grow with their number.
_AT_ONCE = 8

# Lengths of a step that are tried at once, and the longest, in units of the scales.
_LENGTHS, _LONGEST = 0.4 ** np.arange(8), 1.0


def by_turns(
    spec: MixedSpec, patients: Patient, priors: Priors, vectors: np.ndarray, seed: int, told: Told
) -> Found:
    """Lead all starts (candidate, number) near their maxima."""
    key = jax.random.key(seed % 2**32)
    count, random = len(patients.rows.value), len(spec.layout.random)
    whitened = jnp.zeros((len(vectors), count, random))
    reached: list[float] = []
    best, trace = np.full(len(vectors), np.inf), [np.asarray(vectors)]
    kept, modes = trace[0], np.zeros(whitened.shape)
    now = jnp.asarray(vectors)
    for number in range(MOST_TURNS):
        of_turn = jax.random.fold_in(key, number)
        step = turn(spec, patients, priors, now, whitened, of_turn)
        deviance = np.asarray(step.deviance)
        is_better = deviance < best
        kept = np.where(is_better[:, None], np.asarray(now), kept)
        modes = np.where(is_better[:, None, None], np.asarray(step.whitened), modes)
        best = np.minimum(best, deviance)
        now, whitened = step.vectors, step.again
        trace.append(np.asarray(now))
        reached.append(best.min())
        told(f"turn {number + 1}, -2 ln L = {best.min():.2f}")
        if number >= _LEAST_TURNS and reached[-6] - reached[-1] < _SETTLED:
            break
    order = np.argsort(best, kind="stable")
    bend = np.full((spec.layout.size, spec.layout.size), np.nan)
    ways = np.stack(trace, axis=1)[order]
    return Found(kept[order], best[order], modes[order], ways, bend, False)


def by_newton(
    spec: MixedSpec, patients: Patient, priors: Priors, found: Found, told: Told
) -> Found:
    """Bring the best candidates to their maxima; the bend of the best is kept."""
    chosen = _apart(found)
    rest, few = np.setdiff1d(np.arange(len(found.vectors)), chosen), len(chosen)
    search = _Search(spec, patients, priors)
    vectors, whitened = found.vectors[chosen], found.whitened[chosen]
    done = np.zeros(few, bool)
    converged = np.zeros(few, bool)
    deviance, slope, whitened = (part[:, 0] for part in search.at(vectors[:, None], whitened))
    bend = np.zeros((few, spec.layout.size, spec.layout.size))
    for number in range(MOST_STEPS):
        bend = search.bends(vectors, whitened)
        step, promise = _newton(bend, slope)
        converged |= promise < _ENOUGH
        done |= converged
        told(f"step {number + 1}, -2 ln L = {deviance.min():.4f}")
        if done.all():
            break
        lengths = np.where(done[:, None], 0.0, _LENGTHS)
        at = vectors[:, None] + lengths[:, :, None] * step[:, None]
        tried = search.at(at, whitened)
        row, best = np.arange(few), np.argmin(np.nan_to_num(tried.deviance, nan=np.inf), axis=1)
        is_better = tried.deviance[row, best] < deviance - 1e-10
        done |= ~is_better
        deviance, slope, whitened, vectors = (
            np.where(is_better.reshape(-1, *(1,) * (old.ndim - 1)), new[row, best], old)
            for new, old in zip((*tried, at), (deviance, slope, whitened, vectors), strict=True)
        )
    order = np.argsort(deviance, kind="stable")
    first = order[0]
    places = np.concatenate([chosen[order], rest])
    return found._replace(
        vectors=np.concatenate([vectors[order], found.vectors[rest]]),
        deviance=np.concatenate([deviance[order], found.deviance[rest]]),
        whitened=np.concatenate([whitened[order], found.whitened[rest]]),
        trace=found.trace[places], bend=bend[first], converged=bool(converged[first]),
    )  # fmt: skip


def _apart(found: Found) -> np.ndarray:
    """Return the places of the best candidates, of those that came to one place the best alone."""
    chosen: list[int] = []
    for place in np.flatnonzero(np.isfinite(found.deviance)):
        gaps = np.abs(found.vectors[chosen] - found.vectors[place])
        if (gaps.max(axis=1, initial=0.0) > _SAME).all():
            chosen.append(int(place))
        if len(chosen) == _FINALISTS:
            break
    return np.array(chosen)


class _Seen(NamedTuple):
    """Deviances (candidate, point), their slopes (…, number), and modes (…, patient, random)."""

    deviance: np.ndarray
    slope: np.ndarray
    whitened: np.ndarray


class _Search(NamedTuple):
    """What is asked of the marginal likelihood."""

    spec: MixedSpec
    patients: Patient
    priors: Priors

    def bends(self, vectors: np.ndarray, whitened: np.ndarray) -> np.ndarray:
        """Return second derivatives (candidate, number, number) by central differences."""
        shifts = _APART * np.eye(vectors.shape[1])
        around = vectors[:, None] + np.concatenate([shifts, -shifts])
        slope, size = self.at(around, whitened).slope, vectors.shape[1]
        bend = (slope[:, :size] - slope[:, size:]) / (2.0 * _APART)
        return 0.5 * (bend + np.swapaxes(bend, 1, 2))

    def at(self, vectors: np.ndarray, whitened: np.ndarray) -> _Seen:
        """Return what is at vectors (candidate, point, number), modes sought from ``whitened``."""
        shape = vectors.shape[:2]
        flat, first = vectors.reshape(-1, vectors.shape[2]), np.repeat(whitened, shape[1], axis=0)
        parts = [self._some(flat[at : at + _AT_ONCE], first[at : at + _AT_ONCE])
                 for at in range(0, len(flat), _AT_ONCE)]  # fmt: skip
        deviance, slope, modes = (np.concatenate(part) for part in zip(*parts, strict=True))
        prior, of_prior = jax.vmap(jax.value_and_grad(self._prior))(jnp.asarray(flat))
        seen = _Seen(deviance + np.asarray(prior), slope + np.asarray(of_prior), modes)
        return _Seen(*(each.reshape(*shape, *each.shape[1:]) for each in seen))

    def _some(self, vectors: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the same at up to so many vectors as are computed at a time."""
        rows = np.minimum(np.arange(_AT_ONCE), len(vectors) - 1)
        found = marginal(
            self.spec, self.patients, jnp.asarray(vectors[rows]), jnp.asarray(first[rows])
        )
        deviance, slope, modes = (np.asarray(part)[: len(vectors)] for part in found)
        return deviance.sum(axis=1), slope.sum(axis=1), modes

    def _prior(self, vector: jax.Array) -> jax.Array:
        return self.priors.deviance(vector[: self.priors.centre.size])


def _newton(bend: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return steps downhill (candidate, number), and by how much each promises to gain."""
    is_known = np.isfinite(bend).all(axis=(1, 2)) & np.isfinite(slope).all(axis=1)
    is_lost = np.asarray(~is_known)
    bend = np.where(is_lost[:, None, None], np.eye(bend.shape[1]), bend)
    slope = np.where(is_lost[:, None], 0.0, slope)
    worth, axes = np.linalg.eigh(bend)
    least = 1e-6 * np.abs(worth).max(axis=1, keepdims=True)
    along = np.einsum("cni,cn->ci", axes, slope) / np.maximum(np.abs(worth), least)
    step = -np.einsum("cni,ci->cn", axes, along)
    promise = -0.5 * np.einsum("cn,cn->c", step, slope)
    longest = np.abs(step).max(axis=1, keepdims=True)
    return step * np.minimum(1.0, _LONGEST / np.maximum(longest, 1e-300)), promise
