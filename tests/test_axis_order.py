"""Nothing hangs on the order of keys: each cell is the cohort of its own values, however it came.

Each cell is set beside ``simulate`` and ``cure_probability`` of its own cohort, never beside
another sweep.
"""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import vcohort as vc
from vcohort.cli.app import app
from vcohort.records import plain, restored
from vcohort.sweeps.api import plan_of
from vcohort.sweeps.store import manifest
from vcohort.sweeps.store.serialise import study_hash, to_record

N, SEED, TOLERANCE = 40, 3, 1e-2
OPTIONS = {"endpoints": [vc.Outcome()], "days": (), "tolerance": TOLERANCE, "seed": SEED,
           "chunk": 1, "progress": False}  # fmt: skip
AXES = {"K_C": [7.2e10, 6.6e10], "gamma_B": [1.2, 1.0], "sigma": [0.1, 0.02]}


def population():
    return vc.Population("kimmel2021-figures", 0.05)


class Truth:
    """What a cell must hold, by its values; each cohort is run once."""

    def __init__(self, population):
        self._population, self._known = population, {}

    def of(self, values):
        key = tuple(sorted(values.items()))
        if key not in self._known:
            cohort = self._population.replace(**values).sample(N, SEED)
            options = {"endpoints": [vc.Outcome()], "tolerance": TOLERANCE}
            drawn = vc.simulate(cohort, "exact", seed=SEED, progress=False, **options)
            exact = vc.cure_probability(cohort, tolerance=TOLERANCE)
            cured, progressed = (float((drawn["outcome"] == code).mean()) for code in (1, 2))
            self._known[key] = float(np.mean(exact)), cured, progressed
        return self._known[key]

    def check(self, ds, same_days=True):
        """Compare every cell; a time grid with other ``days`` in it moves numbers a little."""
        error, share = (2e-6, 1e-12) if same_days else (2e-3, 1.5 / N)
        over = ds["steps"].dims
        swept = [name for name in ds.coords if set(ds[name].dims) <= set(over) and name != "cell"]
        for place in np.ndindex(*(ds.sizes[name] for name in over)):
            cell = ds.isel(dict(zip(over, place, strict=True)))
            exact, cured, progressed = self.of({name: float(cell[name]) for name in swept})
            assert float(cell["cure_probability"]) == pytest.approx(exact, abs=error)
            assert float(cell["cured"]) == pytest.approx(cured, abs=share)
            assert float(cell["progressed"]) == pytest.approx(progressed, abs=share)


@pytest.fixture(scope="module")
def truth():
    return Truth(population())


def kill_after(store, chunks):
    """Leave of a store what a kill would: so many chunks are noted."""
    notes = Path(store) / ".vcohort" / "chunks-0.jsonl"
    notes.write_bytes(b"".join(notes.read_bytes().splitlines(keepends=True)[:chunks]))


def test_every_order_of_three_axes_begun_and_resumed(truth, tmp_path):
    for number, order in enumerate(permutations(AXES)):
        # Of equal sizes, and of three sizes.
        axes = {name: AXES[name] for name in order}
        if number % 2:
            axes[order[0]] = axes[order[0]][:1]
        path = tmp_path / f"{number}.zarr"
        begun = vc.sweep(population(), axes, N, path, **OPTIONS)
        assert begun["cured"].dims == order
        truth.check(begun)
        kill_after(path, 3)
        truth.check(vc.resume(path, progress=False))
        plain = xr.open_zarr(path, chunks=None, decode_times=False)
        assert plain["cured"].dims == order
        truth.check(plain[["cure_probability", "cured", "progressed", "steps"]])


def test_one_cell_and_axes_that_move_together(truth, tmp_path):
    for number, axes in enumerate((
        {"sigma": [0.02], "K_C": [7.2e10]},
        {"rho_C,r_B": [0.05, 0.07], "K_C": [7.2e10, 6.6e10, 7e10]},
        {"r_B,rho_C": [0.07, 0.05], "K_C": [7.2e10, 6.6e10]},
        {"sigma": [0.1, 0.02, 0.05], "r_B,rho_C": [0.07, 0.05]},
    )):  # fmt: skip
        path = tmp_path / f"{number}.zarr"
        truth.check(vc.sweep(population(), axes, N, path, **OPTIONS))
        kill_after(path, 1)
        truth.check(vc.resume(path, progress=False))


def test_tables_keep_their_rows(truth, tmp_path):
    path = tmp_path / "out.zarr"
    axes = {"gamma_B": [1.2, 1.0, 1.1], "K_C": [7.2e10, 7e10, 6.6e10]}
    truth.check(vc.sweep(population(), axes, N, path, layout="table", **OPTIONS))
    kill_after(path, 1)
    truth.check(vc.resume(path, progress=False))


@pytest.mark.parametrize("order", [("gamma_B", "K_C"), ("K_C", "gamma_B")])
def test_from_the_command_line(order, truth, tmp_path):
    values = {"gamma_B": "1.2,1.0", "K_C": "7.2e10,6.6e10,7e10"}
    study = (
        f'preset = "kimmel2021-figures"\npatients = {N}\nsigma = 0.05\nseed = {SEED}\n'
        f"tolerance = {TOLERANCE}\n[sweep]\nchunk = 1\n[sweep.axes]\n"
    ) + "".join(f'{name} = "{values[name]}"\n' for name in order)
    (tmp_path / "study.toml").write_text(study)
    flags = [
        "--preset", "kimmel2021-figures", "-n", N, "--sigma", 0.05, "--seed", SEED, "--tolerance",
        TOLERANCE, "--chunk", 1, *(f"--axis={name}={values[name]}" for name in order),
    ]  # fmt: skip
    for number, arguments in enumerate(([tmp_path / "study.toml"], flags)):
        path = tmp_path / f"{number}.zarr"
        for after in (None, 2):
            if after is not None:
                kill_after(path, after)
            result = CliRunner().invoke(app, ["sweep", *map(str, arguments), "-o", str(path)])
            assert result.exit_code == 0, result.output
            found = vc.open_sweep(path)
            assert found["cured"].dims == order
            truth.check(found, same_days=False)
        kill_after(path, 2)
        assert CliRunner().invoke(app, ["resume", str(path)]).exit_code == 0
        truth.check(vc.open_sweep(path), same_days=False)


def test_an_axis_given_twice_is_refused():
    result = CliRunner().invoke(app, ["sweep", "--axis", "K_C=1e10,2e10", "--axis", "K_C=3e10"])
    assert "K_C twice" in str(result.exception)


@pytest.mark.slow
def test_by_workers(truth, tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as two,
        distributed.Client(two) as client,
    ):
        for number, order in enumerate((("sigma", "K_C", "gamma_B"), ("gamma_B", "sigma", "K_C"))):
            path = tmp_path / f"{number}.zarr"
            axes = {name: AXES[name] for name in order}
            truth.check(vc.sweep(population(), axes, N, path, client=client, **OPTIONS))
            kill_after(path, 3)
            truth.check(vc.resume(path, client=client, progress=False))


def test_the_order_of_overrides_is_no_part_of_a_study(tmp_path):
    overrides = {"r_B": vc.LogNormal(0.065, 0.2), "K_N": vc.Uniform(2e11, 3e11), "B0": 9e10}
    first, second = (
        vc.Population("kimmel2021-figures", 0.05, **dict(order))
        for order in (overrides.items(), reversed(overrides.items()))
    )
    for name, drawn in first.sample(N, SEED).values.items():
        np.testing.assert_array_equal(drawn, second.sample(N, SEED)[name])
    path, axes = tmp_path / "out.zarr", {"sigma": [0.1, 0.02], "K_C": [7.2e10, 6.6e10, 7e10]}
    truth = Truth(first)
    truth.check(vc.sweep(first, axes, N, path, **OPTIONS))
    kill_after(path, 2)
    truth.check(vc.sweep(second, axes, N, path, **OPTIONS))
    kill_after(path, 2)
    truth.check(vc.resume(path, progress=False))


@pytest.mark.parametrize("order", [("r_N", "b"), ("b", "r_N")])
def test_rows_of_a_covariance_stay_with_their_names(order, tmp_path):
    centre, spread = {"r_N": 0.17, "b": 0.525}, {"r_N": 0.02, "b": 0.2}
    covariance = [[spread[one] * spread[two] * (1 if one == two else 0.5) for two in order]
                  for one in order]  # fmt: skip
    joint = vc.MultivariateNormal({name: centre[name] for name in order}, covariance)
    made = vc.Population("kimmel2021-figures", 0.05, joint=joint)
    path, axes = tmp_path / "out.zarr", {"sigma": [0.1, 0.02], "K_C": [7.2e10, 6.6e10]}
    truth = Truth(made)
    truth.check(vc.sweep(made, axes, N, path, **OPTIONS))
    kill_after(path, 1)
    truth.check(vc.resume(path, progress=False))


def test_two_orders_of_the_axes_are_two_studies(tmp_path):
    axes = {"K_C": [7.2e10, 6.6e10], "gamma_B": [1.2, 1.0]}
    other = dict(reversed(axes.items()))
    one, two = (study_hash(to_record(plan_of(population(), each, N))) for each in (axes, other))
    assert one != two
    path = tmp_path / "out.zarr"
    vc.sweep(population(), axes, N, path, **OPTIONS)
    with pytest.raises(vc.VcohortError) as refused:
        vc.sweep(population(), other, N, path, **OPTIONS)
    told = '  order of axes: ["K_C", "gamma_B"] in the store, ["gamma_B", "K_C"] now'
    assert str(refused.value).splitlines()[1:2] == [told]


def test_a_record_is_the_same_with_its_keys_in_any_order(tmp_path):
    def turned(part):
        if isinstance(part, dict):
            return {key: turned(value) for key, value in reversed(part.items())}
        return [turned(each) for each in part] if isinstance(part, list) else part

    path = tmp_path / "out.zarr"
    vc.sweep(population(), AXES, N, path, **OPTIONS)
    study = path / ".vcohort" / "study.json"
    study.write_text(json.dumps(turned(json.loads(study.read_bytes()))))
    assert manifest.unsealed(study.read_bytes()) is not None
    kill_after(path, 3)
    Truth(population()).check(vc.resume(path, progress=False))


def test_a_list_of_values_is_no_pair():
    """A list is one survival a patient, a tuple that of normal and of CAR T cells."""
    given = [vc.Lymphodepletion(60.0, survival) for survival in ([0.01, 0.9], (0.01, 0.9))]
    by_patient, pair = (restored(json.loads(json.dumps(plain(each)))) for each in given)
    np.testing.assert_array_equal(by_patient.fractions, [[0.01, 0.9], [0.01, 0.9]])
    assert pair.fractions == (0.01, 0.9)
