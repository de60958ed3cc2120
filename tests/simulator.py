"""An independent simulator: scipy's ODE solver, and numpy playing every birth and death.

It shares no code with the engine. Many replicates of one patient at once; the tumour is
stochastic at or below the threshold, deterministic above it.
"""

import numpy as np
from scipy.integrate import solve_ivp


def t_cells(p, horizon):
    """Return C(t) as a dense solution."""

    def slopes(_, state):
        n, c = np.exp(state)
        t = n + c
        r_c = p["rho_C"] + p["b"] * (t - p["K_N"]) ** 2 / (p["a"] * t**2 + (t - p["K_N"]) ** 2)
        return [-p["r_N"] * np.log(t / p["K_N"]), -r_c * np.log(t / p["K_C"])]

    start = np.log([p["N0"], p["C0"]])
    found = solve_ivp(
        slopes, (0, horizon), start, "DOP853", dense_output=True, rtol=1e-9, atol=1e-9
    )
    return lambda t: np.exp(found.sol(t)[1])


def simulate(p, replicates, threshold, seed, horizon=1200.0, progression=1.2):
    """Return outcome (1 cure, 2 progression) and day of each replicate."""
    rng = np.random.default_rng(seed)
    car = t_cells(p, horizon)
    grid = np.linspace(0.0, horizon, 120_001)
    step = grid[1]
    counts = car(grid)
    death = p["gamma_B"] * counts / (p["k_B"] + counts)
    log_b = np.log(p["B0"]) + np.concatenate(
        [[0.0], np.cumsum(p["r_B"] - 0.5 * (death[1:] + death[:-1])) * step]
    )
    below = np.flatnonzero(log_b <= np.log(threshold))
    outcome, day = np.zeros(replicates, int), np.full(replicates, horizon)
    if not below.size:
        return _deterministic(outcome, day, grid, log_b - log_b[0], np.log(progression), 0)
    t = np.full(replicates, grid[below[0]])
    n = np.full(replicates, int(np.ceil(threshold)))
    bound = p["r_B"] + death[below[0] :].max()
    active = np.ones(replicates, bool)
    while active.any():
        who = np.flatnonzero(active)
        t[who] += rng.exponential(size=who.size) / (n[who] * bound)
        rate = np.interp(t[who], grid, death)
        mark = rng.uniform(size=who.size) * bound
        n[who] += np.where(mark < p["r_B"], 1, np.where(mark < p["r_B"] + rate, -1, 0))
        dead, out = n[who] == 0, n[who] > threshold
        outcome[who[dead]], day[who[dead]] = 1, t[who[dead]]
        active[who[dead | out]] = False
        # Above the threshold: follow the mean until it progresses or falls back.
        for patient in who[out]:
            first = int(np.searchsorted(grid, t[patient]))
            path = np.log(n[patient]) + log_b[first:] - log_b[first]
            up = np.argmax(path >= np.log(progression * p["B0"]))
            down = np.argmax(path <= np.log(threshold))
            if down and (not up or down < up):
                t[patient], n[patient] = grid[first + down], int(np.ceil(threshold))
                active[patient] = True
            elif up:
                outcome[patient], day[patient] = 2, grid[first + up]
    return outcome, day


def _deterministic(outcome, day, grid, rise, level, first):
    up = np.argmax(rise >= level)
    if up:
        outcome[:], day[:] = 2, grid[first + up]
    return outcome, day


def cured_by(p, days, horizon=400.0):
    """Return P(cured by each day), from W along scipy's solution (Kendall 1948).

    P = exp(-Lambda), Lambda = B0 ln(1 + 1 / (B0 W)), dW/dt = death / B.
    """

    def slopes(_, state):
        n, c, log_b, _ = state
        n, c = np.exp(n), np.exp(c)
        t = n + c
        r_c = p["rho_C"] + p["b"] * (t - p["K_N"]) ** 2 / (p["a"] * t**2 + (t - p["K_N"]) ** 2)
        death = p["gamma_B"] * c / (p["k_B"] + c)
        normal = -p["r_N"] * np.log(t / p["K_N"])
        return [
            normal,
            -r_c * np.log(t / p["K_C"]),
            p["r_B"] - death,
            death * np.exp(min(-log_b, 100.0)),
        ]

    start = [np.log(p["N0"]), np.log(p["C0"]), np.log(p["B0"]), 0.0]
    found = solve_ivp(
        slopes, (0, horizon), start, "DOP853", t_eval=days, rtol=1e-9, atol=1e-10, max_step=5.0
    )
    w = np.maximum(found.y[3], 1e-300)
    return np.exp(-p["B0"] * np.log1p(1 / (p["B0"] * w)))


def first_event(p, replicates, seed, horizon=300.0, progression=1.2):
    """Return outcome and day of each replicate; every birth and death is played from day 0."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(0.0, horizon, 30_001)
    counts = t_cells(p, horizon)(grid)
    death = p["gamma_B"] * counts / (p["k_B"] + counts)
    bound, level = p["r_B"] + death.max(), progression * p["B0"]
    outcome, day = np.zeros(replicates, int), np.full(replicates, horizon)
    t, n = np.zeros(replicates), np.full(replicates, int(p["B0"]))
    active = np.arange(replicates)
    while active.size:
        t[active] += rng.exponential(size=active.size) / (n[active] * bound)
        active = active[t[active] < horizon]
        rate = np.interp(t[active], grid, death)
        mark = rng.uniform(size=active.size) * bound
        n[active] += np.where(mark < p["r_B"], 1, np.where(mark < p["r_B"] + rate, -1, 0))
        for event, now in ((1, n[active] == 0), (2, n[active] >= level)):
            outcome[active[now]], day[active[now]] = event, t[active[now]]
        active = active[outcome[active] == 0]
    return outcome, day
