"""vcohort against what a user would pick instead, on the same work at the same error.

    python -m bench.compare           (or: make bench)

W1  deterministic: states at day 200, and at 100 days, of the car_t model
W2  a birth-death process alone: 100 cells, birth 0.10, death 0.15 a day, 100 days
W3  outcomes at the 2000-day horizon, preset kimmel2021-figures, sigma 0.05
W4  the gradient of the mean cure probability to all parameters of all patients

Every engine takes the coarsest of its settings whose largest error of ln N, ln C and ln B, on 257
patients, against DOP853 in float64, is at most 1e-3. All engines of a workload run in turn, warm,
in one process; peers that do not run here are named, and why. Raw seconds go to bench/results.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import vcohort as vc
from bench.arithmetic import ns_each
from bench.machine import describe, in_turn, median, timed, write
from bench.peers import c, diffrax_peer, engine, gillespy_peer, numba_peer, optional, scipy_peer
from bench.workloads import (
    HORIZON,
    LONG,
    SAVED,
    TOLERANCE,
    TRUTH,
    coarsest,
    crossing,
    error,
    patients,
)

REPEATS = 5
SIZES = (1 << 13, 1 << 17, 1 << 20)
SMALL, MIDDLE = SIZES[:2]
SCIPY_PATIENTS = 64
CELLS, BIRTH, DEATH, DAYS = 100, 0.10, 0.15, 100.0


class Rows(list):
    """What was measured: a row an engine and size."""

    def measure(self, workload, count, calls, **about):
        """Run the calls in turn; ``about``: setting and error of each engine."""
        for name, seconds in in_turn(calls, REPEATS).items():
            row = {"workload": workload, "engine": name, "patients": count, "seconds": seconds}
            self.append(row | about.get(name, {}))
            print(f"{workload}, {name}, {count:,}: {count / median(seconds):,.0f} a second")


def about(setting, found):
    return {"setting": str(setting), "error": found}


def tune(days):
    """Return the coarsest settings of the peers that solve the equations, and their errors."""
    few = patients(TRUTH).values
    put = lambda found: np.stack([np.asarray(each).T for each in found[:3]])  # noqa: E731
    numbers = jnp.asarray(days)
    return {
        "numba, blocked RK4": coarsest(
            numba_peer.CUTS,
            lambda cut: numba_peer.states(few, *numba_peer.nodes(cut, days), len(days)), days,
        ),
        "diffrax, adaptive Tsit5": coarsest(
            diffrax_peer.TOLERANCES,
            lambda rtol: put(diffrax_peer.adaptive(few, numbers, rtol)), days,
        ),
        "diffrax, fixed Tsit5": coarsest(
            numba_peer.CUTS,
            lambda cut: put(diffrax_peer.fixed(few, numbers, ends(cut, days))), days,
        ),
        "scipy, LSODA": coarsest(
            scipy_peer.TOLERANCES, lambda rtol: scipy_peer.states(few, days, rtol), days
        ),
    }  # fmt: skip


def ends(cut, days):
    lengths, _ = numba_peer.nodes(cut, days)
    return jnp.asarray(np.concatenate([[0.0], np.cumsum(lengths.astype(np.float64))]), jnp.float32)


def deterministic(rows, label, days, tuned, others, sizes):
    """W1."""
    numbers = jnp.asarray(days)
    notes = {name: about(*found) for name, found in tuned.items()}
    few = patients(TRUTH)
    for name, (peer, rtol, _) in others.items():
        notes[name] = about(rtol, error(peer.states(few.values, days, rtol), days))
    notes["vcohort"] = about("tolerance 1e-3", error(engine.logs(few.cohort, days), days))
    day, length = engine.grid(patients(SIZES[-1]).cohort, "deterministic", days[-1], days)
    row = [days.index(end) if end in days else -1 for end in (day + length).round(3)]
    if c.compiler():
        found = c.states(few.values, length, row)
        notes["C"] = about(f"{len(length)} steps of vcohort", error(found, days))
    rtol, cut = tuned["diffrax, adaptive Tsit5"][0], tuned["numba, blocked RK4"][0]
    steps, fixed = numba_peer.nodes(cut, days), ends(tuned["diffrax, fixed Tsit5"][0], days)
    for count in sizes:
        cohort, values = patients(count)
        calls = {"vcohort": lambda own=cohort: engine.states(own, days)}
        if c.compiler():
            calls["C"] = lambda own=values: c.states(own, length, row)
        calls["numba, blocked RK4"] = lambda own=values: numba_peer.states(own, *steps, len(days))
        if count <= MIDDLE:
            calls["diffrax, adaptive Tsit5"] = lambda own=values: jax.block_until_ready(
                diffrax_peer.adaptive(own, numbers, rtol)
            )
            calls["diffrax, fixed Tsit5"] = lambda own=values: jax.block_until_ready(
                diffrax_peer.fixed(own, numbers, fixed)
            )
        for name, (peer, tolerance, _) in others.items():
            if count <= (MIDDLE if len(days) == 1 else peer.MOST_SAVED):
                calls[name] = partial(peer.states, values, days, tolerance)
        rows.measure(label, count, calls, **notes)
    some = patients(SCIPY_PATIENTS).values
    call = lambda: scipy_peer.states(some, days, tuned["scipy, LSODA"][0])  # noqa: E731
    rows.measure(label, SCIPY_PATIENTS, {"scipy, LSODA": call}, **notes)


def extinction(rows):
    """W2."""
    lineage = vc.birth_death.constant_rates(BIRTH, DEATH, DAYS)
    exact = float(vc.birth_death.extinction_probability(CELLS, lineage))
    gillespie = gillespy_peer.prepare(CELLS, BIRTH, DEATH, DAYS)

    def draw(count):
        cells = np.full(count, float(CELLS), np.float32)
        return float((np.asarray(vc.birth_death.draw(0, cells, lineage)) == 0).mean())

    events = lambda count: numba_peer.extinct(count, CELLS, BIRTH, DEATH, DAYS) / count  # noqa: E731
    shares = {"vcohort": draw, "numba, event by event": events, "GillesPy2, SSACSolver": gillespie}
    for count in SIZES:
        most = {"vcohort": SIZES[-1], "numba, event by event": MIDDLE}
        named = {name: share for name, share in shares.items() if count <= most.get(name, SMALL)}
        notes = {name: {"extinct": share(count), "exact": exact} for name, share in named.items()}
        calls = {name: (lambda share=share: share(count)) for name, share in named.items()}  # noqa: B023
        rows.measure("W2", count, calls, **notes)


def whole_job(rows):
    """W3: patients as they come; then with chosen shares of them below the threshold."""
    tuned = tune(LONG)
    notes = {name: about(*found) for name, found in tuned.items()}
    notes["numba, the paper's algorithm"] = notes["numba, blocked RK4"]
    notes["diffrax, equations and W alone"] = notes["diffrax, adaptive Tsit5"]
    notes["vcohort, exact"] = about(
        "tolerance 1e-3", error(engine.logs(patients(TRUTH).cohort, LONG), LONG)
    )
    rtol = tuned["diffrax, adaptive Tsit5"][0]
    lengths = numba_peer.nodes(tuned["numba, blocked RK4"][0], LONG)[0]
    for count in SIZES:
        cohort, values = patients(count)
        calls = work(cohort, values)
        for method in ("exact", "hybrid"):
            calls[f"vcohort, {method}, blocks on the device"] = engine.bare(cohort, method)
        if count <= MIDDLE:
            calls["numba, the paper's algorithm"] = lambda own=values: numba_peer.outcomes(
                own, lengths
            )
            calls["diffrax, equations and W alone"] = lambda own=values: jax.block_until_ready(
                diffrax_peer.adaptive(own, jnp.asarray([HORIZON]), rtol, law=True)
            )
        rows.measure("W3", count, calls, **notes)
    for share in (0.0, 0.1, 0.5, 1.0):
        for order in ("sorted", "shuffled"):
            chosen = crossing(MIDDLE, share, order)
            rows.measure(f"W3, {share:.0%} below, {order}", MIDDLE, work(*chosen), **notes)


def work(cohort, values):
    """Return the calls of vcohort's two methods, and of the C program on the same steps."""
    calls = {
        "vcohort, exact": lambda: engine.outcomes(cohort, "exact"),
        "vcohort, hybrid": lambda: engine.outcomes(cohort, "hybrid"),
    }
    if c.compiler():
        steps = engine.grid(cohort, "exact")
        calls["C, exact"] = lambda: c.outcomes(values, *steps)
    return calls


def gradient(rows):
    """W4."""
    for count in SIZES[:2]:
        cohort = patients(count).cohort
        names = list(cohort.model.parameters)
        arrays = {name: jnp.asarray(np.asarray(cohort[name]), jnp.float32) for name in names}

        def mean(values, own=cohort):
            return vc.cure_probability(own.replace(**values)).mean()

        programs = {"forward": jax.jit(mean), "with gradient": jax.jit(jax.value_and_grad(mean))}
        calls = {
            name: lambda program=program, own=arrays: jax.block_until_ready(program(own))
            for name, program in programs.items()
        }
        rows.measure("W4", count, calls)


def agreement():
    """Return shares of outcomes by engine, of the same patients: they must be alike."""
    cohort, values = patients(1 << 17)
    found = {f"vcohort, {each}": engine.outcomes(cohort, each) for each in ("exact", "hybrid")}
    if c.compiler():
        found["C, exact"] = c.outcomes(values, *engine.grid(cohort, "exact"))
    small = patients(SMALL)
    lengths = numba_peer.nodes(numba_peer.CUTS[-3], LONG)[0]
    found["numba, the paper's algorithm"] = numba_peer.outcomes(small.values, lengths)
    return {
        name: {"cured": float((outcome == 1).mean()), "progressed": float((outcome == 2).mean()),
               "day_of_cure": float(day[outcome == 1].mean()),
               "day_of_progression": float(day[outcome == 2].mean())}
        for name, (outcome, day) in found.items()
    }  # fmt: skip


def compiling():
    """Return seconds of the first call in this process, of a second, and of one of another size."""
    found = {}
    for method in ("exact", "hybrid", "deterministic"):
        jax.clear_caches()
        calls = [(1 << 13, 1), (1 << 13, 1), (3 << 12, 5)]
        cohorts = [patients(*each).cohort for each in calls]
        found[method] = [timed(lambda own=each: engine.outcomes(own, method)) for each in cohorts]  # noqa: B023
    return dict(found, what="first call, second, third of another size and seed; seconds")


def main():
    packages = ("vcohort", "jax", "jaxlib", "numpy", "scipy", "numba", "diffrax", "gillespy2",
                "gradsolve", "warp-lang", "cubie", "modax-solvers")  # fmt: skip
    report = describe("python -m bench.compare", packages) | {"tolerance": TOLERANCE}
    report["compiling"] = compiling()
    report["agreement"] = agreement()
    report["steps"] = len(engine.grid(patients(MIDDLE).cohort, "exact")[0])
    report["ns_each"] = ns_each()
    rows = Rows()
    tuned = tune(SAVED)
    others, report["absent"] = optional.tuned(SAVED)
    deterministic(rows, "W1, end state", SAVED[-1:], tuned, others, SIZES)
    deterministic(rows, "W1, 100 saved days", SAVED, tuned, others, SIZES[:2])
    extinction(rows)
    whole_job(rows)
    gradient(rows)
    write("compare", report | {"rows": rows})


if __name__ == "__main__":
    main()
