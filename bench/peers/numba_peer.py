"""numba: the paper's own algorithm event by event, and Runge-Kutta blocked for vector registers."""

import numba
import numpy as np

from bench.workloads import HORIZON, PROGRESSION, THRESHOLD

_LANES = 64

# Longest step that the classical method bears: N returns to its capacity within days.
_LONGEST = 10.0

CUTS = (0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.035, 0.025)
"""Steps are a share of the time since the infusion: settings, coarsest first."""


def nodes(cut, days):
    """Return the lengths of steps that reach each of ``days``, and the row of each step's end."""
    lengths, rows, now = [], [], 0.0
    for row, day in enumerate(days):
        while now < day:
            step = min(cut * (now + 3.0), _LONGEST, day - now)
            lengths.append(step)
            now += step
            rows.append(-1)
        rows[-1], now = row, day
    return np.array(lengths, np.float32), np.array(rows, np.int64)


@numba.njit(fastmath=True, inline="always")
def _slopes(v, i, x, y):
    normal, car = np.exp(x), np.exp(y)
    total = normal + car
    crowd, share = np.log(total), total / v[2, i]
    gap = (share - np.float32(1)) ** 2
    growth = v[1, i] + v[5, i] * gap / (v[4, i] * share * share + gap)
    return (
        -v[0, i] * (crowd - np.log(v[2, i])),
        -growth * (crowd - np.log(v[3, i])),
        v[7, i] * car / (v[8, i] + car),
    )


@numba.njit(fastmath=True, inline="always")
def _step(v, i, x, y, days):
    """Return the rises of ln N and ln C, and the mean death rate of the tumour over the step."""
    half = np.float32(0.5) * days
    n1, c1, k1 = _slopes(v, i, x, y)
    n2, c2, k2 = _slopes(v, i, x + half * n1, y + half * c1)
    n3, c3, k3 = _slopes(v, i, x + half * n2, y + half * c2)
    n4, c4, k4 = _slopes(v, i, x + days * n3, y + days * c3)
    two, sixth = np.float32(2), days / np.float32(6)
    return (
        sixth * (n1 + two * (n2 + n3) + n4),
        sixth * (c1 + two * (c2 + c3) + c4),
        (k1 + two * (k2 + k3) + k4) / np.float32(6),
    )


@numba.njit(parallel=True, fastmath=True)
def states(v, lengths, rows, count):
    """Return ln N, ln C, ln B (state, day, patient)."""
    patients = v.shape[1]
    saved = np.empty((3, count, patients), np.float32)
    for block in numba.prange((patients + _LANES - 1) // _LANES):
        first = block * _LANES
        last = min(first + _LANES, patients)
        x = np.log(v[9, first:last])
        y = np.log(v[10, first:last])
        z = np.log(v[11, first:last])
        for s in range(lengths.size):
            days = lengths[s]
            for lane in range(last - first):
                dx, dy, killing = _step(v, first + lane, x[lane], y[lane], days)
                x[lane] += dx
                y[lane] += dy
                z[lane] += days * (v[6, first + lane] - killing)
            if rows[s] >= 0:
                saved[0, rows[s], first:last] = x
                saved[1, rows[s], first:last] = y
                saved[2, rows[s], first:last] = z
    return saved


@numba.njit(parallel=True)
def outcomes(v, lengths):
    """Return outcome (1 cure, 2 progression) and day, by the paper's algorithm.

    Equations while the tumour is large; below the threshold every birth and death, the T cells
    stepped from event to event. Each patient's loop ends with its fate.
    """
    patients = v.shape[1]
    outcome, when = np.zeros(patients, np.int8), np.full(patients, np.float32(HORIZON))
    for i in numba.prange(patients):
        np.random.seed(i)
        x, y, z = np.log(v[9, i]), np.log(v[10, i]), np.log(v[11, i])
        level, low = z + np.log(PROGRESSION), np.log(THRESHOLD)
        s, now, left, cells = 0, 0.0, lengths[0], -1
        while outcome[i] == 0 and s < lengths.size:
            if cells < 0:
                dx, dy, killing = _step(v, i, x, y, left)
                x, y, now = x + dx, y + dy, now + left
                z += left * (v[6, i] - killing)
                if z >= level:
                    outcome[i], when[i] = 2, now
                if z <= low:
                    cells = int(np.ceil(np.exp(z)))
                s += 1
                left = lengths[min(s, lengths.size - 1)]
                continue
            _, _, killing = _slopes(v, i, x, y)
            total = (v[6, i] + killing) * cells
            wait = np.float32(-np.log(1.0 - np.random.random()) / total)
            if wait < left:
                cells += 1 if np.random.random() * (v[6, i] + killing) < v[6, i] else -1
            step = min(wait, left)
            dx, dy, _ = _step(v, i, x, y, step)
            x, y, now, left = x + dx, y + dy, now + step, left - step
            if wait >= left + step:
                s += 1
                left = lengths[min(s, lengths.size - 1)]
            if cells == 0:
                outcome[i], when[i] = 1, now
            elif cells > THRESHOLD:
                z, cells = np.log(np.float32(cells)), -1
    return outcome, when


@numba.njit(parallel=True)
def extinct(count, cells, birth, death, days):
    """Return how many of ``count`` birth-death processes die out, event by event."""
    gone = 0
    for i in numba.prange(count):
        np.random.seed(i)
        now, left = 0.0, cells
        while left > 0:
            now -= np.log(1.0 - np.random.random()) / (left * (birth + death))
            if now > days:
                break
            left += 1 if np.random.random() * (birth + death) < birth else -1
        gone += left == 0
    return gone
