"""A store that cannot lie: kills, full disks, damage, edits, two writers."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import filelock
import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from vcohort.models.law import Killing
from vcohort.models.shared import gamma_B
from vcohort.sweeps.design.chunks import Chunks, cut
from vcohort.sweeps.store import manifest

AXES = {"K_C": [6.8e10, 7.0e10, 7.2e10], "gamma_B": [1.0, 1.1, 1.2, 1.3]}
OPTIONS = {"endpoints": [vc.Outcome()], "days": [90.0, 400.0], "tolerance": 1e-2, "seed": 3,
           "chunk": 2, "progress": False}  # fmt: skip


def population():
    return vc.Population("kimmel2021-figures", 0.05)


def sweep(store, n=32, **options):
    return vc.sweep(population(), AXES, n, store, **{**OPTIONS, **options})


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "undisturbed.zarr"
    sweep(path).close()
    return path


@pytest.fixture
def store(undisturbed, tmp_path):
    """A copy of the undisturbed store, to do damage to."""
    return Path(shutil.copytree(undisturbed, tmp_path / "out.zarr"))


def numbers(path):
    """Return every file that holds numbers or form, by its place."""
    files = (each for each in Path(path).rglob("*") if each.is_file())
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in files if ".vcohort" not in file.parts
    }  # fmt: skip


def forget(path, chunks):
    manifest.forget(path / ".vcohort", chunks)


def message(refused):
    return " ".join(str(refused.value).split())


@contextmanager
def full_disk(limit_bytes):
    """No file may grow beyond so many bytes: what a full disk does to a process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_store_holds_what_memory_would(undisturbed):
    here = vc.sweep(population(), AXES, 32, **{**OPTIONS, "chunk": 5})
    there = vc.open_sweep(undisturbed).load()
    assert there.drop_attrs().identical(here.drop_attrs())
    assert there.attrs["study_hash"] == here.attrs["study_hash"]
    assert vc.verify(undisturbed).is_whole
    # Any reader of Zarr sees the same.
    plain = xr.open_zarr(undisturbed, chunks=None, decode_times=False).load()
    for name in here.variables:
        np.testing.assert_array_equal(plain[name].values.astype(here[name].dtype), here[name])
    for name, variable in there.variables.items():
        assert {"units", "long_name"} <= set(variable.attrs), name


def test_chunks_cover_every_cell_once():
    for shape, cells in (((3, 4), 2), ((3, 4), 8), ((5,), 2), ((2, 3, 5), 7), ((4, 4), 100)):
        chunks = cut(shape, cells)
        seen = np.concatenate([chunks.cells(each).ravel() for each in range(len(chunks))])
        assert sorted(seen) == list(range(int(np.prod(shape))))
        assert all(chunks.size(each) <= max(cells, 1) for each in range(len(chunks)))
    assert Chunks((3, 4), (1, 3)).region(3) == (slice(1, 2), slice(3, 4))


def test_the_same_study_goes_on_where_it_was(store, undisturbed):
    forget(store, [1, 4])
    assert vc.verify(store).missing == [1, 4]
    with pytest.warns(vc.VcohortWarning, match="2 of 6 chunks are missing"):
        vc.open_sweep(store)
    whole, missing = (store / "cured" / "c" / "0" / name for name in ("0", "1"))
    before = [file.stat().st_mtime_ns for file in (whole, missing)]
    sweep(store)
    assert whole.stat().st_mtime_ns == before[0] and missing.stat().st_mtime_ns > before[1]
    assert numbers(store) == numbers(undisturbed)


def test_resume_needs_the_store_alone(store, undisturbed):
    """The study comes back from its text, whatever it is made of."""
    forget(store, [0])
    vc.resume(store, progress=False)
    assert numbers(store) == numbers(undisturbed)


def test_a_study_of_many_parts_comes_back_from_its_text(tmp_path):
    joint = vc.MultivariateNormal({"r_N": 0.17, "b": 0.525}, [[1e-4, 0], [0, 1e-4]])
    made = vc.Population(
        "kimmel2021-figures", 0.05, model=vc.car_t(killing="crowded"), joint=joint,
        r_B=vc.LogNormal(0.065, 0.2), B0=vc.Empirical([1e10, 9e10]), K_N=vc.Uniform(2e11, 3e11),
    )  # fmt: skip
    regimen = vc.Regimen(vc.Infusion(np.linspace(50, 60, 16)), vc.Lymphodepletion(45.0, (0.1, 0.2)))
    path = tmp_path / "out.zarr"
    vc.sweep(
        made, {"sigma": [0.05, 0.1]}, 16, path, regimen=regimen, method="deterministic", chunk=1,
        endpoints=[vc.Kinetics(20.0), vc.Response((30.0,))], keep_patients=True, progress=False,
    )  # fmt: skip
    first = numbers(path)
    forget(path, [1])
    vc.resume(path, progress=False)
    assert numbers(path) == first


class Own(vc.Fixed):
    """A distribution of the user's own."""

    def __repr__(self):
        return f"Own({self.value})"


def test_a_study_with_something_of_ones_own_is_resumed_by_sweep(tmp_path):
    path = tmp_path / "out.zarr"
    made = vc.Population("kimmel2021-figures", 0.05, r_B=Own(0.065))
    vc.sweep(made, AXES, 32, path, **OPTIONS)
    forget(path, [2])
    with pytest.raises(vc.VcohortError) as refused:
        vc.resume(path)
    assert "something of your own: Own(0.065)" in message(refused)
    with pytest.warns(vc.VcohortWarning, match="not finished"):
        vc.open_sweep(path)
    vc.sweep(made, AXES, 32, path, **OPTIONS)
    assert vc.verify(path).is_whole
    other = vc.Population("kimmel2021-figures", 0.05, r_B=Own(0.066))
    with pytest.raises(vc.VcohortError, match="Own"):
        vc.sweep(other, AXES, 32, path, **OPTIONS)


def with_own_killing(power, half=2e9):
    """Return a population whose law of killing keeps its name and formula, whatever it computes."""
    half_of = vc.Param("half", "h", "cells", half, (1e6, 1e12), "half of the killing", "assumed")

    def rate(values, cells):
        ratio = (cells.car / values["half"]) ** power
        return values["gamma_B"] * ratio / (1.0 + ratio)

    law = Killing("own", "gamma_B C_all / (half + C_all)", (gamma_B, half_of), rate)
    return vc.Population("kimmel2021-figures", 0.05, model=vc.car_t(killing=law))


@pytest.mark.parametrize("other", [(2.0,), (1.0, 1e9)], ids=["function", "default"])
def test_a_store_knows_a_law_of_ones_own_by_what_it_computes(other, tmp_path):
    path = tmp_path / "out.zarr"
    vc.sweep(with_own_killing(1.0), AXES, 32, path, **OPTIONS)
    forget(path, [2])
    # The same law, made again, as in another session.
    vc.sweep(with_own_killing(1.0), AXES, 32, path, **OPTIONS)
    assert vc.verify(path).is_whole
    with pytest.raises(vc.VcohortError, match="computes"):
        vc.sweep(with_own_killing(*other), AXES, 32, path, **OPTIONS)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n": 33}, "patients: 32 in the store, 33 now"),
        ({"seed": 4}, "run.seed: 3 in the store, 4 now"),
        ({"days": [90.0]}, "days: [90.0, 400.0] in the store, [90.0] now"),
        ({"horizon": 1000.0}, "run.horizon: 2000.0 in the store, 1000.0 now"),
    ],
)
def test_another_study_is_refused_and_nothing_is_changed(options, told, store):
    before = numbers(store)
    with pytest.raises(vc.VcohortError) as refused:
        sweep(store, **options)
    assert told in message(refused) and "vcohort resume" in message(refused)
    assert numbers(store) == before


def edit_header(store, **changes):
    path = store / ".vcohort" / "study.json"
    header = manifest.unsealed(path.read_bytes())
    path.write_bytes(manifest.sealed({**header, **changes}))


def test_a_newer_schema_other_code_and_an_edited_study_are_told(store):
    header = manifest.unsealed((store / ".vcohort" / "study.json").read_bytes())
    edit_header(store, code={**header["code"], "digest": "0" * 64})
    with pytest.raises(vc.VcohortError, match="was begun by vcohort"):
        vc.resume(store)
    told = {99: "newer than 2, the newest known here", 1: "numbers may stand in the wrong cells"}
    for version, words in told.items():
        edit_header(store, record={**header["record"], "schema_version": version})
        for touch in (vc.resume, vc.verify, vc.open_sweep, sweep):
            with pytest.raises(vc.VcohortError, match=words):
                touch(store)
    path = store / ".vcohort" / "study.json"
    path.write_bytes(path.read_bytes().replace(b'"patients": 32', b'"patients": 64'))
    with pytest.raises(vc.VcohortError, match=r"study\.json is not what was written"):
        vc.resume(store)


def test_another_device_is_warned_of(store):
    code = manifest.unsealed((store / ".vcohort" / "study.json").read_bytes())["code"]
    edit_header(store, code={**code, "device": "gpu: NVIDIA H100"})
    with pytest.warns(vc.VcohortWarning, match="to rounding, not to the bit"):
        vc.resume(store, progress=False)


def test_a_flipped_bit_anywhere_is_found(store):
    """In the numbers it is a damaged chunk, elsewhere a damaged form or a chunk not counted."""
    generator = random.Random(5)
    files = sorted(
        file for file in store.rglob("*")
        if file.is_file() and file.name not in {"lock", "writer"}
    )  # fmt: skip
    assert len(files) > 60
    own = [file for file in files if ".vcohort" in file.parts]
    for file in [*own, *generator.sample(files, 16)]:
        whole = file.read_bytes()
        place = generator.randrange(len(whole) - 1)
        changed = bytearray(whole)
        changed[place] ^= 1 << generator.randrange(8)
        file.write_bytes(changed)
        try:
            assert not vc.verify(store, progress=False).is_whole, file
        except vc.VcohortError as error:
            assert "damaged" in str(error) or "Cannot read" in str(error), file
        file.write_bytes(whole)
    assert vc.verify(store, progress=False).is_whole


@pytest.mark.parametrize("harm", ["truncated", "flipped", "another's", "in another place"])
def test_a_damaged_chunk_is_found_and_mended(harm, store, undisturbed):
    file = store / "pfs" / "c" / "1" / "0" / "0"
    whole = file.read_bytes()
    match harm:
        case "truncated":
            file.write_bytes(whole[: len(whole) // 2])
        case "flipped":
            file.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
        case "another's":
            file.write_bytes((store / "pfs_lower" / "c" / "1" / "0" / "0").read_bytes())
        case _:
            file.write_bytes((store / "pfs" / "c" / "0" / "0" / "0").read_bytes())
    found = vc.verify(store)
    assert list(found.damaged) == [2] and not found.missing
    assert "chunk 2: pfs" in str(found)
    for touch in (vc.open_sweep, vc.resume):
        with pytest.raises(vc.VcohortError, match=r"in chunk 2, pfs .* --repair"):
            touch(store)["pfs"].load()
    # Other chunks, and other variables, are as good as before.
    there = vc.open_sweep(store)
    np.testing.assert_array_equal(there["pfs"][0], vc.open_sweep(undisturbed)["pfs"][0])
    np.testing.assert_array_equal(there["cured"], vc.open_sweep(undisturbed)["cured"])
    vc.resume(store, repair=True, progress=False)
    assert numbers(store) == numbers(undisturbed)


def test_a_chunk_whose_file_is_gone_is_missing_again(store, undisturbed):
    (store / "pfs" / "c" / "1" / "0" / "0").unlink()
    shutil.rmtree(store / "cured" / "c" / "2")
    assert vc.verify(store).missing == [2, 4, 5] and not vc.verify(store).damaged
    with pytest.warns(vc.VcohortWarning, match="3 of 6 chunks are missing"):
        there = vc.open_sweep(store)
    # No variable holds numbers where another has none.
    assert there["progressed"].isnull().sum() == there["cured"].isnull().sum() == 6
    vc.resume(store, progress=False)
    assert numbers(store) == numbers(undisturbed)


def test_a_file_that_goes_while_the_store_is_open_is_told_of(store):
    there = vc.open_sweep(store)
    (store / "pfs" / "c" / "1" / "0" / "0").unlink()
    with pytest.raises(vc.VcohortError, match="the file of pfs is gone"):
        there["pfs"].load()


def test_empty_chunks_are_files_too(tmp_path):
    """A chunk of cells that cannot be followed holds what stands where nothing was computed."""
    path = tmp_path / "out.zarr"
    options = {**OPTIONS, "chunk": 1}
    with pytest.warns(vc.VcohortWarning, match="the error misses"):
        vc.sweep(population(), {"rho_C": [0.037, 700.0]}, 32, path, **options)
    assert vc.verify(path).is_whole
    with pytest.warns(vc.VcohortWarning, match="the error misses"):
        assert np.isnan(vc.open_sweep(path)["cured"].values).tolist() == [False, True]


def test_what_may_not_be_read_is_neither_damaged_nor_missing(store, monkeypatch):
    whole = os.open

    def refuse(path, *rest):
        if str(path).endswith("pfs/c/1/0/0"):
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path, *rest)

    monkeypatch.setattr(os, "open", refuse)
    for touch in (vc.verify, lambda path: vc.open_sweep(path).load()):
        with pytest.raises(vc.VcohortError, match=r"Cannot read .*pfs/c/1/0/0: Perm"):
            touch(store)


def test_values_are_read_as_any_index_asks(undisturbed):
    lazy, whole = vc.open_sweep(undisturbed)["pfs"], vc.open_sweep(undisturbed)["pfs"].load()
    for key in (
        np.s_[1], np.s_[::-1, 1:3], np.s_[[2, 0, 2], [3, 1]], np.s_[-1, -1, -1], np.s_[..., 0],
        np.s_[2:2], np.s_[0, [3, 0]],
    ):  # fmt: skip
        np.testing.assert_array_equal(lazy[key], whole[key])
    rows, columns = xr.DataArray([0, 2, 1], dims="p"), xr.DataArray([3, 0, 0], dims="p")
    np.testing.assert_array_equal(lazy[rows, columns], whole[rows, columns])


def test_two_writers_exclude_each_other(store):
    forget(store, [0])
    (store / ".vcohort" / "writer").write_text("process 7 on elsewhere")
    with filelock.FileLock(store / ".vcohort" / "lock"):
        for write in (lambda: sweep(store), lambda: vc.resume(store)):
            with pytest.raises(vc.VcohortError, match="being written by process 7 on elsewhere"):
                write()
        assert vc.verify(store).missing == [0]
    vc.resume(store, progress=False)


def test_a_full_disk_loses_nothing_that_was_finished(tmp_path, undisturbed):
    path = tmp_path / "out.zarr"
    with full_disk(3000), pytest.raises(vc.VcohortError) as refused:
        sweep(path)
    assert "Could not write" in message(refused)
    assert not path.exists() and not list(tmp_path.iterdir())
    shutil.copytree(undisturbed, path)
    forget(path, [3, 4, 5])
    written = (path / ".vcohort" / "chunks-0.jsonl").stat().st_size
    # Room for one more line of the manifest, and half of another.
    with full_disk(written + written // 2), pytest.raises(vc.VcohortError) as refused:
        sweep(path)
    assert "What is finished is kept" in message(refused) and "vcohort resume" in message(refused)
    assert vc.verify(path).missing == [4, 5]
    vc.resume(path, progress=False)
    assert vc.verify(path).is_whole and numbers(path) == numbers(undisturbed)


def test_folders_that_cannot_be_written_are_refused_before_any_work(tmp_path, store, monkeypatch):
    with pytest.raises(vc.VcohortError, match="mkdir -p"):
        sweep(tmp_path / "nowhere" / "out.zarr")
    (tmp_path / "taken.zarr").mkdir()
    with pytest.raises(vc.VcohortError, match="is no store of a sweep"):
        sweep(tmp_path / "taken.zarr")
    with pytest.raises(vc.VcohortError, match="does not exist"):
        vc.resume(tmp_path / "none.zarr")
    # Root may write anywhere: what the system says to others is said here for it.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(vc.VcohortError, match="no permission"):
        sweep(tmp_path / "readonly.zarr")


PROGRAM = """
import vcohort as vc
from tests.test_store import sweep
import sys
sweep(sys.argv[1])
"""


def start(path, cache):
    environment = {
        **os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(cache / "python"),
        "JAX_COMPILATION_CACHE_DIR": str(cache / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)], cwd=Path(__file__).parent.parent,
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def kill_at_random(path, cache, generator):
    """Start the sweep, and kill it some moment after it began to write."""
    process = start(path, cache)
    done = len(manifest.read(path / ".vcohort")) if path.exists() else 0
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists() and len(manifest.read(path / ".vcohort")) > done:
            break
        time.sleep(0.005)
    time.sleep(generator.uniform(0.0, 0.06))
    was_running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    _, told = process.communicate()
    assert was_running or process.returncode == 0, told.decode()
    return was_running


def test_a_kill_costs_the_chunk_in_flight_alone(tmp_path, undisturbed):
    path = tmp_path / "out.zarr"
    assert kill_at_random(path, tmp_path / "cache", random.Random(1))
    whole = len(manifest.read(path / ".vcohort"))
    assert 1 <= whole < 6
    (path / "cured" / "c" / "2").mkdir(parents=True, exist_ok=True)
    (path / "cured" / "c" / "2" / "0.torn.partial").write_bytes(b"cut short")
    vc.resume(path, progress=False)
    assert numbers(path) == numbers(undisturbed)


@pytest.mark.slow
def test_twenty_kills_change_no_bit(tmp_path, undisturbed):
    generator = random.Random(2)
    kills = 0
    for attempt in range(60):
        path = tmp_path / f"{attempt}.zarr"
        while kills < 20 and (not path.exists() or len(manifest.read(path / ".vcohort")) < 6):
            kills += kill_at_random(path, tmp_path / "cache", generator)
        if path.exists():
            vc.resume(path, progress=False)
            assert vc.verify(path).is_whole
            assert numbers(path) == numbers(undisturbed)
        if kills >= 20:
            return
    pytest.fail(f"only {kills} kills in 60 attempts")


def test_the_manifest_forgets_torn_and_changed_lines(tmp_path):
    manifest.append(tmp_path, 3, {"cured": "aa"})
    path = tmp_path / "chunks-0.jsonl"
    torn = manifest.sealed({"chunk": 4, "files": {"cured": "bb"}})[:-5]
    path.write_bytes(path.read_bytes() + torn)
    assert manifest.read(tmp_path).keys() == {3}
    manifest.append(tmp_path, 5, {"cured": "cc"})
    manifest.append(tmp_path, 6, {"cured": "dd"}, writer=1)
    noted = {3: {"cured": "aa"}, 5: {"cured": "cc"}, 6: {"cured": "dd"}}
    assert manifest.read(tmp_path) == noted
    changed = json.loads(manifest.sealed({"chunk": 7, "files": {}})) | {"chunk": 8}
    path.write_bytes(path.read_bytes() + json.dumps(changed).encode() + b"\n[]\nnull\n")
    with path.open("ab") as file:
        file.write(b"[" * 100_000 + b"\n" + b'{"chunk": ' + b"9" * 5000 + b"}\n\xff\n")
        for entry in ({"chunk": "7", "files": {}}, {"chunk": 7}, {"chunk": 7, "files": []}):
            file.write(manifest.sealed(entry) + b"\n")
    assert manifest.read(tmp_path) == noted
