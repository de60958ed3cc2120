"""What a user's program asks of JAX changes no number: double precision, a halt at every NaN.

Patients that get lost are marked by NaN, and still are.
"""

import os
import pickle
import subprocess
import sys
import warnings

import jax
import numpy as np
import pytest

import vcohort as vc

FLAGS = {"double precision": {"JAX_ENABLE_X64": "1"}, "halts at NaN": {"JAX_DEBUG_NANS": "1"},
         "on a CPU": {"JAX_PLATFORMS": "cpu"}}  # fmt: skip

FIGURES = "kimmel2021-figures"
QUIET = {"progress": False}
DAYS = [30.0, 100.0, 365.0]
TREATED = vc.Regimen(vc.Infusion(60.0), vc.Lymphodepletion(58.0, 0.1))


def cohort():
    """Return patients of whom one cannot be followed."""
    drawn = vc.Population(FIGURES, 0.05).sample(8, seed=1)
    return drawn.replace(b=np.where(np.arange(8) == 3, 990.0, drawn["b"]))


def simulated(method, **options):
    return lambda: vc.simulate(cohort(), method, regimen=TREATED, **QUIET, **options)


def varied():
    return vc.Population(FIGURES, 0.05)


def slope():
    healthy = varied().sample(4, seed=1)
    cure = jax.grad(lambda b: vc.cure_probability(healthy.replace(b=b), regimen=TREATED).sum())
    return cure(np.asarray(healthy["b"], np.float32))


def sampled():
    data = {"day": [1.0, 5.0], "observable": ["B", "B"], "value": [9e10, 7e10]}
    tree = vc.posterior(data, ["B0"], warmup=10, draws=10, chains=2, **QUIET)
    return tree["posterior"].to_dataset()


FAST = {
    "exact": simulated("exact", horizon=200.0, endpoints=[vc.Nadir()]),
    "cure": lambda: vc.cure_probability(cohort()),
    "survival": lambda: vc.progression_free_probability(cohort(), DAYS, noise=0.1),
    "slope": slope,
}

ALL = FAST | {
    "hybrid": simulated("hybrid", save_at=DAYS),
    "gillespie": simulated("gillespie"),
    "deterministic": simulated("deterministic"),
    "local": lambda: vc.local_sensitivity(
        varied().sample(2), [0.0, 50.0, 100.0], outputs=["cure", "pfs_50", "C_max"], **QUIET
    ),
    "morris": lambda: vc.morris(varied(), ["cure", "rmst_365", "C_auc_28"], 2, **QUIET),
    "sobol": lambda: vc.sobol_indices(varied(), ["cure", "pfs_100"], 4, seed=1, **QUIET),
    "map": lambda: vc.sensitivity_map(
        varied(), {"K_C": [6e10, 7e10], "gamma_B": [1.0, 1.1]}, n=8, **QUIET
    ),
    "optimal": lambda: vc.optimize_regimen(
        cohort(), {"day": (20.0, 200.0)}, regimen=vc.Regimen(vc.Infusion(5.0)), grid=2, **QUIET
    ),
    "sweep": lambda: vc.sweep(varied(), {"K_C": [6e10, 7e10]}, n=16, **QUIET),
    "fit": lambda: vc.fit(
        vc.data.fit_table("median"), ["K_C"], loss="kimmel2021", starts=4, **QUIET
    ),
    "calibrate": lambda: vc.calibrate(
        vc.Population(FIGURES, 0.1), vc.data.progression_free_survival(), ["K_C"], n=64, starts=1,
        **QUIET,
    ),
    "posterior": sampled,
}  # fmt: skip


def numbers(found):
    """Return what was found as arrays."""
    if not hasattr(found, "data_vars"):
        return [np.asarray(found)]
    each = (found[name].values for name in sorted(found.data_vars))
    return [values for values in each if values.dtype.kind in "iuf"]


def work(names):
    """Do some of the work, as a process of its own, and write what is found to its output."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {name: numbers(ALL[name]()) for name in names}
    sys.stdout.buffer.write(pickle.dumps(found))


def in_a_process(names, flags):
    script = f"from tests.test_jax_flags import work; work({list(names)!r})"
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | flags, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return pickle.loads(done.stdout)


def compare(found, expected):
    assert found.keys() == expected.keys()
    for name, arrays in expected.items():
        for ours, theirs in zip(found[name], arrays, strict=True):
            assert ours.dtype == theirs.dtype, name
            # Slopes follow the values' precision, and a search the last digit of its start.
            is_near = name in {"slope", "calibrate"}
            close = {"rtol": 1e-3, "atol": 1e-4} if is_near else {"rtol": 0, "atol": 0}
            np.testing.assert_allclose(ours, theirs, **close, err_msg=name)


@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
@pytest.mark.parametrize("flag", [jax.enable_x64, jax.debug_nans], ids=["x64", "debug_nans"])
@pytest.mark.parametrize("name", FAST)
def test_a_flag_changes_no_number(name, flag):
    expected = {name: numbers(FAST[name]())}
    with flag(True):
        compare({name: numbers(FAST[name]())}, expected)


@pytest.mark.slow
@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
def test_a_flag_of_the_whole_program_changes_no_number(flags):
    compare(in_a_process(ALL, flags), in_a_process(ALL, {}))
