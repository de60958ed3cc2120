"""What the software can show of itself, now and here: against scipy, across methods, once again."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy
import xarray as xr

import vcohort as vc
from vcohort.cli.report.parameters import source_of
from vcohort.models.species import Cells
from vcohort.populations.cohort import Cohort
from vcohort.populations.population import Population
from vcohort.records import restored
from vcohort.results.kinds import kind_of

COLUMNS = ("what was done", "expected", "found", "verdict")

# Patients of the comparison of methods, of the widest cohort that is run once again, and those of
# whom one is solved by scipy.
_PATIENTS, _MOST, _SEVERAL = 4000, 20_000, 200

# Where a correct engine would fail one of these less than once in 150,000 times.
_Z_LIMIT = 4.5

# Progression that nobody reaches, so that cures are counted whenever they come.
_NEVER = 1e12


class Check(NamedTuple):
    """What was done, what was expected and found, and whether they agree."""

    what: str
    expected: str
    found: str
    agrees: bool

    @property
    def row(self) -> list[str]:
        """The check as texts."""
        return [self.what, self.expected, self.found, "agrees" if self.agrees else "DOES NOT AGREE"]


def checks_of(datasets: list[Any]) -> Iterator[Check]:
    """Yield checks of the population that the datasets were made from, run now."""
    source = next((found for ds in datasets if (found := source_of(ds)) is not None), None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", vc.VcohortWarning)
        if source is not None and source.population.model.tumour_is_linear:
            horizon = min(float(ds.attrs.get("horizon", 700.0)) for ds in datasets)
            if source.population.model.has_one_clone:
                yield _against_scipy(source.population, horizon)
            yield from _across_methods(source.population, horizon)
        for ds in datasets:
            yield from _once_again(ds)


def _against_scipy(population: Population, horizon: float) -> Check:
    """Check P(cure) of a patient in doubt, against the equations that scipy solves by itself."""
    several = population.sample(_SEVERAL, seed=20_000)
    doubt = np.abs(np.asarray(vc.cure_probability(several, horizon), float) - 0.5)
    cohort = several.select([int(np.nanargmin(doubt))])
    found = float(vc.cure_probability(cohort, horizon, dtype="float64")[0])
    expected = solved_by_scipy(cohort, horizon)
    return Check(
        f"P(cure) of that of {_SEVERAL} patients who is most in doubt, after one infusion, against "
        "scipy's DOP853 at 1e-10",
        f"{expected:.6f}", f"{found:.6f}", abs(found - expected) < 5e-3,
    )  # fmt: skip


def solved_by_scipy(cohort: Cohort, horizon: float) -> float:
    """Return P(cure) of the first patient, exp(-B0 ln(1 + 1/(B0 W))) with dW/dt = death / B.

    The rates are the model's, all else is scipy's (see docs/theory.md).
    """
    model, species = cohort.model, cohort.model.species
    names = (*species.grown, *species.fed)
    with jax.enable_x64(True):
        values = {name: jnp.asarray(float(cohort[name][0])) for name in cohort.values}

        @jax.jit
        def slopes(state: Any) -> Any:
            """Return the slopes of ln grown, fed, ln B and W."""
            grown = dict(zip(species.grown, jnp.exp(state[: len(species.grown)]), strict=True))
            fed = dict(zip(species.fed, state[len(species.grown) : -2], strict=True))
            cells = grown | fed
            rates = model.rates(values, Cells.counted(species, {**cells, "B": jnp.exp(state[-2])}))
            flow = {name: rates.growth.get(name, 0.0) * cells[name] for name in names}
            for (first, second), rate in rates.transfer.items():
                flow[first] = flow[first] - rate * cells[first]
                flow[second] = flow[second] + rate * cells[first]
            birth, death = rates.birth["B"], rates.death["B"]
            logs = [flow[name] / cells[name] for name in species.grown]
            return jnp.stack([*logs, *(flow[name] for name in species.fed), birth - death,
                              death * jnp.exp(-state[-2])])  # fmt: skip

        infused = {name: share * values["C0"] for name, share in model.infused(values).items()}
        first = {"N": values["N0"], "C": values["C0"] - sum(infused.values()), **infused}
        grown = [float(np.log(first[name])) for name in species.grown]
        fed = [float(first[name]) for name in species.fed]
        start = [*grown, *fed, float(np.log(values["B0"])), 0.0]
        path = scipy.integrate.solve_ivp(
            lambda _, state: np.asarray(slopes(jnp.asarray(state))), (0.0, horizon), start,
            "DOP853", rtol=1e-10, atol=1e-12,
        )  # fmt: skip
    tumour, total = float(values["B0"]), float(path.y[-1, -1])
    return float(np.exp(-tumour * np.log1p(1.0 / (tumour * total))))


def _across_methods(population: Population, horizon: float) -> Iterator[Check]:
    """Yield the shares cured by each method, against the mean of exact probabilities."""
    cohort = population.sample(_PATIENTS, seed=20_000)
    exact = np.asarray(vc.cure_probability(cohort, horizon), float)
    spread = np.sqrt(np.nansum(exact * (1.0 - exact))) / _PATIENTS
    methods = ("exact", "hybrid") if population.model.has_one_clone else ("hybrid",)
    for method in methods:
        ds = vc.simulate(cohort, method, horizon, progression=_NEVER, endpoints=[vc.Outcome()],
                         progress=False)  # fmt: skip
        share = float((ds["outcome"] == 1).mean())
        z = (share - float(np.nanmean(exact))) / max(spread, 0.5 / _PATIENTS)
        yield Check(
            f"share cured of {_PATIENTS:,} patients by the method {method}, against the mean of "
            "their exact probabilities",
            f"{np.nanmean(exact):.4f}", f"{share:.4f} (z = {z:+.1f})", abs(z) < _Z_LIMIT,
        )  # fmt: skip


def _once_again(ds: Any) -> Iterator[Check]:
    """Yield whether a cohort comes out again to the bit, where its file says how it was made."""
    if kind_of(ds) != "cohort" or "replaced" in ds.attrs or ds.sizes["patient"] > _MOST:
        return
    source = source_of(ds)
    if source is None or not {"cohort_seed", "endpoints_record"} <= {*ds.attrs}:
        return
    try:
        again = _run_again(ds, source.population)
    except vc.VcohortError:
        # It has an endpoint of the user's own, which no record holds.
        return
    if again is None:
        return
    count = ds.sizes["patient"]
    same = sum(
        np.array_equal(again[name].values, ds[name].values, equal_nan=True) for name in again
    )
    yield Check(
        f"the cohort of {count:,} patients run once again from its record",
        f"the same bits in all {len(again)} variables", f"the same in {same}", same == len(again),
    )  # fmt: skip


def _run_again(ds: xr.Dataset, population: Population) -> xr.Dataset | None:
    """Return the run of a record; None where patients were taken out, or joined, since."""
    attrs = ds.attrs
    cohort = population.sample(
        ds.sizes["patient"], int(attrs["cohort_seed"]), design=str(attrs["design"])
    )
    if not np.array_equal(cohort.patient, ds["patient"].values):
        return None
    if any(not np.array_equal(cohort[name], ds[name].values) for name in cohort.values):
        return None
    regimen = vc.Regimen.from_record(
        str(attrs["regimen_record"]), {str(name): ds[name] for name in ds}
    )
    endpoints = [restored(each) for each in json.loads(str(attrs["endpoints_record"]))]
    save_at = ds["time"].values.tolist() if "time" in ds.coords else None
    return vc.simulate(
        cohort, str(attrs["method"]), float(attrs["horizon"]), float(attrs["threshold"]),
        float(attrs["progression"]), regimen, save_at, int(attrs["seed"]),
        endpoints=endpoints, tolerance=float(attrs["tolerance"]), dtype=str(attrs["dtype"]),
        progress=False,
    )  # fmt: skip
