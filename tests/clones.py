"""Antigen-positive and -negative cells, event by event: numpy, and nothing of the package.

Births, deaths and mutations of single cells by thinning, along CAR T cells that scipy follows.
"""

import numpy as np
from scipy.integrate import solve_ivp


def slopes(p, logs):
    """Return d ln N / dt and d ln C / dt (paper, eqs. 2.1 and 2.2)."""
    total = np.exp(logs[0]) + np.exp(logs[1])
    gap = (total / p["K_N"] - 1.0) ** 2
    rate = p["rho_C"] + p["b"] * gap / (p["a"] * (total / p["K_N"]) ** 2 + gap)
    return [-p["r_N"] * np.log(total / p["K_N"]), -rate * np.log(total / p["K_C"])]


def killing(p, horizon):
    """Return the death rate of antigen-positive cells as a function of the day."""
    first = np.log([p["N0"], p["C0"]])
    path = solve_ivp(lambda _, logs: slopes(p, logs), (0.0, horizon), first, "DOP853",
                     rtol=1e-10, atol=1e-10, dense_output=True).sol  # fmt: skip

    def at(day):
        car = np.exp(path(day)[1])
        return p["gamma_B"] * car / (p["k_B"] + car)

    return at


def survival_logs(p, horizon):
    """Return ln P(a lineage survives) of one cell of E and of B, by a tight backward solution."""
    death = killing(p, horizon)
    own = p["r_B"] * (1.0 - p["u"])

    def back(passed, logs):
        mu = death(horizon - passed)
        of_e, of_b = np.exp(logs)
        mutants = p["r_B"] * p["u"] * of_e * (1.0 - of_b) / of_b
        return [p["r_E"] - p["eps"] * mu - p["r_E"] * of_e, own - mu - own * of_b + mutants]

    return solve_ivp(back, (0.0, horizon), [0.0, 0.0], "LSODA", rtol=1e-9, atol=1e-9).y[:, -1]


def log_cure(p, horizon):
    """Return ln P(no cell of either clone is left)."""
    of_e, of_b = survival_logs(p, horizon)
    per_b, per_e = (np.log1p(-min(np.exp(x), 1.0 - 1e-16)) for x in (of_b, of_e))
    return np.round(p["B0"]) * per_b + p["E0"] * per_e


def simulate(p, horizon, patients, seed, progression=1.2):
    """Return outcome (0, 1 cure, 2 progression), day and share of E at progression (patient,)."""
    rng = np.random.default_rng(seed)
    days = np.linspace(0.0, horizon, 20_001)
    death = killing(p, horizon)(days)
    most = p["r_B"] + death.max(), p["r_E"] + p["eps"] * death.max()
    cells = np.tile([[p["B0"]], [p["E0"]]], patients)
    level = np.ceil(progression * cells[:, 0].sum() * (1.0 - 1e-9))
    now, outcome = np.zeros(patients), np.zeros(patients, int)
    day, share = np.full(patients, float(horizon)), np.zeros(patients)
    going = np.arange(patients)
    while going.size:
        bound = most[0] * cells[0, going] + most[1] * cells[1, going]
        now[going] += rng.exponential(1.0 / bound)
        kept = now[going] < horizon
        going, bound = going[kept], bound[kept]
        b, e = cells[:, going]
        mu = np.interp(now[going], days, death)
        rates = [b * p["r_B"] * (1.0 - p["u"]), b * p["r_B"] * p["u"], b * mu, e * p["r_E"],
                 e * p["eps"] * mu]  # fmt: skip
        event = (rng.random(going.size) * bound >= np.cumsum(rates, axis=0)).sum(axis=0)
        changes = np.array([[1, 0, -1, 0, 0, 0], [0, 1, 0, 1, -1, 0]])
        cells[:, going] += changes[:, event]
        total = cells[:, going].sum(axis=0)
        gone, large = total == 0, total >= level
        outcome[going[gone]], outcome[going[large]] = 1, 2
        done = going[gone | large]
        day[done], share[done] = now[done], cells[1, done] / np.maximum(cells[:, done].sum(0), 1)
        going = going[~(gone | large)]
    return outcome, day, share
