"""Sweeps on workers: the same bits as here, also when a worker dies on the way."""

import dataclasses
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vcohort as vc
from tests.test_store import AXES, OPTIONS, numbers, population, sweep
from vcohort.cli.workers import workers_of
from vcohort.sweeps.store import manifest

distributed = pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")


@pytest.fixture
def client():
    """A client of two threads of this process."""
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as here,
    ):
        yield here


def test_workers_give_the_same_bits(client, tmp_path):
    sweep(tmp_path / "here.zarr")
    there = sweep(tmp_path / "there.zarr", client=client).load()
    assert numbers(tmp_path / "here.zarr") == numbers(tmp_path / "there.zarr")
    in_memory = vc.sweep(population(), AXES, 32, client=client, **OPTIONS)
    assert in_memory.drop_attrs().identical(there.drop_attrs())
    manifest.forget(tmp_path / "there.zarr" / ".vcohort", [0, 5])
    assert np.isfinite(vc.resume(tmp_path / "there.zarr", client=client)["cured"]).all()


def test_a_worker_must_see_the_store_and_run_the_same_code(client, tmp_path, monkeypatch):
    elsewhere = dataclasses.replace
    monkeypatch.setattr(
        "vcohort.sweeps.execution.cluster.replace",
        lambda files, path: elsewhere(files, path=Path("/else")),
    )
    with pytest.raises(vc.VcohortError, match="does not see"):
        sweep(tmp_path / "a.zarr", client=client)
    monkeypatch.setattr(client, "run", lambda function: {"tcp://elsewhere:1": "other"})
    with pytest.raises(vc.VcohortError, match="another version of vcohort"):
        sweep(tmp_path / "b.zarr", client=client)


@pytest.mark.slow
def test_the_command_lines_workers_are_closed_to_the_network():
    with workers_of(workers=2, scheduler=None) as client:
        assert len(client.nthreads()) == 2
        here = psutil.Process()
        sockets = [each for one in (here, *here.children(recursive=True))
                   for each in one.net_connections("inet") if each.status == "LISTEN"]  # fmt: skip
        assert len(sockets) >= 3
        assert {each.laddr.ip for each in sockets} == {"127.0.0.1"}


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_chunk(tmp_path):
    sweep(tmp_path / "here.zarr", n=4000)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        first = next(iter(client.run(os.getpid).values()))
        killer = subprocess.Popen(
            [sys.executable, "-c", KILLER, str(tmp_path / "there.zarr"), str(first)]
        )
        sweep(tmp_path / "there.zarr", n=4000, client=client)
        assert killer.wait() == 0
    assert numbers(tmp_path / "here.zarr") == numbers(tmp_path / "there.zarr")


KILLER = """
import os, pathlib, signal, sys, time
notes = pathlib.Path(sys.argv[1]) / ".vcohort" / "chunks-0.jsonl"
while not notes.exists() or not notes.read_bytes():
    time.sleep(0.01)
os.kill(int(sys.argv[2]), signal.SIGKILL)
"""

PROCESS = """
import sys
import jax
jax.distributed.initialize(sys.argv[2], 2, int(sys.argv[3]))
from tests.test_store import sweep
ds = sweep(sys.argv[1])
assert ds["cured"].notnull().all()
"""


@pytest.mark.slow
def test_processes_of_one_program_share_the_chunks(tmp_path):
    sweep(tmp_path / "here.zarr")
    with socket.socket() as port:
        port.bind(("localhost", 0))
        address = f"localhost:{port.getsockname()[1]}"
    folder = Path(__file__).parent.parent
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "there.zarr"), address]
    both = [subprocess.Popen([*command, str(rank)], cwd=folder) for rank in range(2)]
    assert [process.wait(timeout=180) for process in both] == [0, 0]
    assert numbers(tmp_path / "here.zarr") == numbers(tmp_path / "there.zarr")
    own = tmp_path / "there.zarr" / ".vcohort"
    shares = [len((own / f"chunks-{rank}.jsonl").read_bytes().splitlines()) for rank in range(2)]
    assert shares == [3, 3]
