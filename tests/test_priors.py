"""Priors and bounds: what is drawn, fitted or profiled lies where it may."""

import numpy as np
import pytest

import vcohort as vc

DAYS = [10.0, 40.0, 80.0]
VALUES = [170.0, 1200.0, 15000.0]
BOUNDS = {"r_B": (0.06, 0.0625)}


def still_tumour():
    return vc.Cohort.from_values("kimmel2021-figures", gamma_B=0.0)


def table_of(*patients):
    """Return a tumour that grows by 0.064 a day; the same for all patients."""
    count = len(patients)
    return {"patient": np.repeat(patients, 3), "day": DAYS * count, "error": [0.1] * 3 * count,
            "observable": ["B_ml"] * 3 * count, "value": VALUES * count}  # fmt: skip


def drawn(table, free, **options):
    """Return a short posterior: the chains need not have mixed."""
    short = {"chains": 2, "warmup": 20, "draws": 10, "progress": False}
    with pytest.warns(vc.VcohortWarning, match="have not mixed"):
        return vc.posterior(table, free, still_tumour(), **(short | options))["posterior"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior", [None, vc.LogNormal(0.065, 0.2), vc.Normal(0.065, 0.02), vc.Uniform(0.01, 0.1)]
)
def test_draws_lie_between_the_bounds(prior):
    """The likelihood pulls to 0.064, above the upper bound."""
    priors = None if prior is None else {"r_B": prior}
    found = drawn(table_of("a"), ["r_B"], priors=priors, bounds=BOUNDS)["r_B"].values
    assert BOUNDS["r_B"][0] <= found.min() < found.max() <= BOUNDS["r_B"][1]


@pytest.mark.slow
def test_fits_and_profiles_lie_between_the_bounds():
    low, high = BOUNDS["r_B"]
    quick = {"bounds": BOUNDS, "starts": 4, "progress": False}
    ds = vc.fit(table_of("a"), ["r_B", "B0"], still_tumour(), **quick)
    ends = ds["start_estimate"].sel(parameter="r_B").values
    assert low <= ends.min() <= ends.max() <= high
    profile = vc.profile_likelihood(table_of("a"), ["r_B", "B0"], still_tumour(), points=6, **quick)
    others = profile["others"].sel(other="r_B").values
    assert low <= others.min() <= others.max() <= high
    models = {"plain": vc.car_t()}
    held = sorted(set(vc.car_t().parameters) - {"r_B"})
    ds = vc.compare_models(table_of("a"), models, fixed=held, values={"gamma_B": 0.0}, loss="log",
                           **quick)  # fmt: skip
    assert low <= float(ds["estimate"].sel(parameter="r_B").squeeze()) <= high


@pytest.mark.slow
def test_two_patients_and_seeds_of_all_sizes():
    """The same seed gives the same draws, however it is given; another seed gives others."""
    priors = {"B0": vc.LogNormal(9.5e10, 0.3), "r_B": vc.LogNormal(0.06, 0.3)}
    free, seen = list(priors), {}
    for seed in (0, 3, np.int64(3), 2**63 + 5, 2**63 + 5):
        found = drawn(table_of("a", "b"), free, priors=priors, seed=seed)
        assert found["B0"].shape == (2, 10, 2)
        again = seen.setdefault(int(seed), found)
        assert again.to_dataset().identical(found.to_dataset())
    firsts = {float(found["B0"][0, 0, 0]) for found in seen.values()}
    assert len(firsts) == len(seen)


@pytest.mark.parametrize(
    ("prior", "bounds"),
    [
        (vc.LogNormal(1.0, 0.1), {"r_B": (0.01, 0.1)}),
        (vc.Normal(1.0, 0.1), {"r_B": (0.01, 0.1)}),
        (vc.Uniform(0.5, 0.9), {"r_B": (0.01, 0.1)}),
    ],
)
def test_priors_without_mass_between_the_bounds_are_refused(prior, bounds):
    with pytest.raises(vc.VcohortError, match="next to no mass"):
        vc.posterior(table_of("a"), ["r_B"], still_tumour(), priors={"r_B": prior}, bounds=bounds,
                     progress=False)  # fmt: skip
