"""The time grid: shared by all patients, as numpy arrays, or each patient's own, by JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vcohort as vc
from vcohort.engine.integrator.grid import (
    Days,
    _cut,
    _grid_points,
    _nodes,
    grid_points,
    make_grid,
    room_for,
    shared_grid,
)

CASES = [
    (36, 2000.0, (), ()),
    (80, 1000.0, (0.5, 28.0, 90.0, 365.0), (60.0, 60.0, 400.0)),
    (192, 365.0, tuple(range(1, 60)), (30.0, 700.0)),
    (48, 1e-3, (), (0.0,)),
    (112, 1e6, (1.0, 1e5), (3.0,)),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("steps", "horizon", "required", "treated"), CASES)
def test_a_shared_grid_is_that_of_each_patient(steps, horizon, required, treated, dtype):
    days = Days(*(np.asarray(each, dtype) for each in (horizon, required, treated)))
    size = room_for(steps)
    shared = shared_grid(size, steps, days)
    with jax.enable_x64(dtype == "float64"):
        own = make_grid(size, steps, Days(*map(jnp.asarray, days)))
        asked = np.union1d(days.required_days, days.treatments[days.treatments < horizon])
        places, own_places = (np.asarray(grid_points(grid, asked)) for grid in (shared, own))
    # Rounding of the last digits of the interval in which a step ends.
    exact = np.finfo(dtype).eps
    np.testing.assert_allclose(shared.end, own.end, rtol=32 * exact, atol=4 * exact * horizon)
    np.testing.assert_array_equal(places, own_places)
    # Days asked for are held to the last bit.
    np.testing.assert_array_equal(np.append(0.0, shared.end)[places[:, 0]], asked)
    assert shared.end[steps - 1] == days.horizon and (shared.days >= 0.0).all()
    assert not shared.days[steps:].any()


@pytest.mark.parametrize("method", ["deterministic", "hybrid"])
def test_a_run_on_other_days_compiles_no_grid(method):
    cohort = vc.Population("kimmel2021-figures", sigma=0.05).sample(8, seed=1)
    compiled = [each._cache_size() for each in (_cut, _nodes, _grid_points)]
    vc.simulate(cohort, method, 100.0, save_at=[1.0, 2.5, 7.0, 99.0], progress=False)
    vc.progression_free_probability(cohort, [1.0, 2.5, 9.0, 50.0, 99.0])
    assert [each._cache_size() for each in (_cut, _nodes, _grid_points)] == compiled
