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

# Of the slope's differences, in units of the scales: far below a standard error.
_APART = 5e-4

# Vectors at a time: one program for all, whose memory does not grow with their number.
_AT_ONCE = 16

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
    few = min(_FINALISTS, int(np.isfinite(found.deviance).sum()))
    search = _Search(spec, patients, priors, few)
    vectors, whitened = found.vectors[:few].copy(), found.whitened[:few].copy()
    done = np.zeros(few, bool)
    converged = np.zeros(few, bool)
    deviance, slope, whitened = search.at(vectors, whitened)
    bend = np.zeros((few, spec.layout.size, spec.layout.size))
    for number in range(MOST_STEPS):
        bend = search.bends(vectors, whitened)
        step, promise = _newton(bend, slope.sum(axis=1))
        converged |= promise < _ENOUGH
        done |= converged
        told(f"step {number + 1}, -2 ln L = {deviance.min():.4f}")
        if done.all():
            break
        lengths = np.where(done[:, None], 0.0, _LENGTHS)
        tried, at = search.along(vectors, step, lengths, whitened)
        best = np.nanargmin(np.where(np.isfinite(tried), tried, np.inf), axis=1)
        rows = np.arange(few)
        is_better = tried[rows, best] < deviance - 1e-10
        done |= ~is_better
        vectors = np.where(is_better[:, None], at[rows, best], vectors)
        deviance, slope, whitened = search.at(vectors, whitened)
    order = np.argsort(deviance, kind="stable")
    first = order[0]
    return found._replace(
        vectors=np.concatenate([vectors[order], found.vectors[few:]]),
        deviance=np.concatenate([deviance[order], found.deviance[few:]]),
        whitened=np.concatenate([whitened[order], found.whitened[few:]]),
        trace=np.concatenate([found.trace[:few][order], found.trace[few:]]),
        bend=bend[first], converged=bool(converged[first]),
    )  # fmt: skip


class _Search(NamedTuple):
    """What is asked of the marginal likelihood."""

    spec: MixedSpec
    patients: Patient
    priors: Priors
    candidates: int

    def at(
        self, vectors: np.ndarray, whitened: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return deviances (candidate,), their slopes (…, patient, number), and modes."""
        deviance, slope, modes = self._all(vectors[:, None], whitened)
        return deviance[:, 0], slope[:, 0], modes[:, 0]

    def bends(self, vectors: np.ndarray, whitened: np.ndarray) -> np.ndarray:
        """Return second derivatives (candidate, number, number) by central differences."""
        shifts = _APART * np.eye(vectors.shape[1])
        around = vectors[:, None] + np.concatenate([shifts, -shifts])
        slope = self._all(around, whitened)[1].sum(axis=2)
        size = vectors.shape[1]
        bend = (slope[:, :size] - slope[:, size:]) / (2.0 * _APART)
        return 0.5 * (bend + np.swapaxes(bend, 1, 2))

    def along(
        self, vectors: np.ndarray, step: np.ndarray, lengths: np.ndarray, whitened: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return deviances (candidate, length) along steps, and the vectors there."""
        at = vectors[:, None] + lengths[:, :, None] * step[:, None]
        return self._all(at, whitened)[0], at

    def _all(
        self, vectors: np.ndarray, whitened: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return deviances, slopes, modes at vectors (candidate, point, number)."""
        points = vectors.shape[1]
        flat = vectors.reshape(-1, vectors.shape[2])
        first = np.repeat(whitened, points, axis=0)
        parts = [self._some(flat[at : at + _AT_ONCE], first[at : at + _AT_ONCE])
                 for at in range(0, len(flat), _AT_ONCE)]  # fmt: skip
        deviance, slope, modes = (np.concatenate(part) for part in zip(*parts, strict=True))
        prior, of_prior = jax.vmap(jax.value_and_grad(self._prior))(jnp.asarray(flat))
        # A prior is one more patient's, shared out.
        slope = slope + np.asarray(of_prior)[:, None] / slope.shape[1]
        shape = (self.candidates, points)
        total = (deviance.sum(axis=1) + np.asarray(prior)).reshape(shape)
        return (
            total, slope.reshape(*shape, *slope.shape[1:]), modes.reshape(*shape, *modes.shape[1:])
        )  # fmt: skip

    def _some(self, vectors: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the same at up to so many vectors as are computed at a time."""
        rows = np.minimum(np.arange(_AT_ONCE), len(vectors) - 1)
        found = marginal(
            self.spec, self.patients, jnp.asarray(vectors[rows]), jnp.asarray(first[rows])
        )
        return tuple(np.asarray(part)[: len(vectors)] for part in found)

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
