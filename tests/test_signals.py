"""Ctrl-C and SIGTERM: one line, the exit status of the shells' custom, nothing left behind."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vcohort.cli.signals import heard, uninterrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)

# A sweep that takes minutes, in chunks of a second.
LONG = ("sweep", "-o", "long.zarr", "-n", "2000", "--axis", "K_C=6e10:8e10:400", "--axis",
        "r_B=0.05:0.1:20", "--chunk", "20")  # fmt: skip

# "begun" is told when Python is there, and with it the moment at which the user may be impatient.
BEGIN = "import {first}; print('begun', flush=True); from vcohort.__main__ import main; main()"


def start(folder, first, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN.format(first=first), *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "begun\n"
    return process


def wait_until(condition, seconds=120.0):
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last, "it did not come to this"
        time.sleep(0.05)


def family(pid):
    """Return the processes that a process started, and those that they did."""
    parents = {}
    for entry in Path("/proc").iterdir():
        try:
            about = (entry / "stat").read_text() if entry.name.isdigit() else ""
        except OSError:
            continue
        if about:
            parents[int(entry.name)] = int(about.rpartition(")")[2].split()[1])
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        found |= new
    return found


def ended_in_one_line(process, number):
    _, told = process.communicate(timeout=120)
    assert told == "Stopped.\n"
    assert process.returncode == 128 + number


@pytest.mark.parametrize("number", SIGNALS)
def test_while_the_package_is_imported(number, tmp_path):
    process = start(tmp_path, "vcohort.__main__", "simulate", "-n", "5")
    time.sleep(0.3)
    process.send_signal(number)
    ended_in_one_line(process, number)
    assert not list(tmp_path.iterdir())


# Python wraps what is raised while a class names its parts; a bare except swallows it.
GREEDY = {
    "wraps": "class Part:\n    def __set_name__(*_):\n        send()\nclass A:\n    part = Part()",
    "swallows": "try:\n    send()\nexcept BaseException:\n    pass",
}
SEND = "import os, time\ndef send():\n    os.kill(os.getpid(), {number})\n    time.sleep(0.2)\n"
LISTEN = """
import time
from vcohort.cli.signals import heard
with heard() as signals:
    try:
        import greedy
        print("imported", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        raise SystemExit(128 + signals.number)
"""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("way", GREEDY)
def test_an_import_neither_wraps_nor_swallows_it(way, number, tmp_path):
    (tmp_path / "greedy.py").write_text(SEND.format(number=int(number)) + GREEDY[way])
    done = subprocess.run([sys.executable, "-c", LISTEN], cwd=tmp_path, capture_output=True,
                          text=True, timeout=50, check=False)  # fmt: skip
    assert done.stdout == "imported\n" and not done.stderr
    assert done.returncode == 128 + number


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    "command",
    [
        ("simulate", "--method", "gillespie", "-n", "300000"),
        ("demo", "-n", "1000000"),
        ("sensitivity", "--sigma", "0.1", "--outputs", "cure,rmst_365", "-n", "16384"),
    ],
)
def test_while_a_command_works(command, number, tmp_path):
    process = start(tmp_path, "vcohort.cli.app", *command)
    time.sleep(1.0)
    process.send_signal(number)
    ended_in_one_line(process, number)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("seconds", [0.1, 1.0])
def test_while_a_page_is_served(seconds, number, tmp_path):
    """Just after its address is told, and while its first numbers are computed."""
    process = start(tmp_path, "vcohort.cli.app", "explore", "--no-browser")
    assert "http://" in process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(number)
    ended_in_one_line(process, number)


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("seconds", [1.5, 2.0, 2.5, 3.0, 3.5, 4.0])
def test_while_programs_compute(seconds, number, tmp_path):
    """XLA goes on after the interrupt, and would crash if Python were taken down beneath it."""
    process = start(tmp_path, "vcohort.cli.app", "simulate", "--method", "gillespie",
                    "-n", "1000000")  # fmt: skip
    time.sleep(seconds)
    process.send_signal(number)
    ended_in_one_line(process, number)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("to_all", [False, True])
@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
def test_a_sweep_ends_with_its_workers_and_goes_on_later(workers, to_all, number, tmp_path):
    """``to_all``: as a terminal sends Ctrl-C, to every process."""
    process = start(tmp_path, "vcohort.cli.app", *LONG, *workers)
    noted = tmp_path / "long.zarr" / ".vcohort" / "chunks-0.jsonl"
    wait_until(lambda: noted.exists() and noted.stat().st_size > 0)
    children = family(process.pid)
    assert bool(children) == bool(workers)
    (os.killpg if to_all else os.kill)(process.pid, number)
    ended_in_one_line(process, number)
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 20.0)
    again = start(tmp_path, "vcohort.cli.app", "verify", "long.zarr")
    told, _ = again.communicate(timeout=120)
    assert again.returncode == 1 and ", 0 damaged" in told


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("to_all", [False, True])
@pytest.mark.parametrize("seconds", [0.5, 1.5, 3.0])
def test_while_workers_start(seconds, to_all, number, tmp_path):
    process = start(tmp_path, "vcohort.cli.app", *LONG, "--workers", "2")
    time.sleep(seconds)
    (os.killpg if to_all else os.kill)(process.pid, number)
    ended_in_one_line(process, number)


class Thrown:
    def __del__(self):
        strike()


def strike():
    signal.raise_signal(signal.SIGTERM)
    time.sleep(0.01)


def bare_except():
    with contextlib.suppress(BaseException):
        strike()


def from_c():
    """As a library's C does with a callback that cannot fail."""
    ctypes.CFUNCTYPE(None)(strike)()


def printed_by_c():
    """As Cython does with a function that cannot fail: by both of Python's hooks."""
    try:
        strike()
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)


@pytest.mark.parametrize("swallow", [Thrown, bare_except, from_c, printed_by_c])
def test_a_signal_that_is_swallowed_is_sent_again(swallow, capsys):
    begun = time.monotonic()
    with heard() as signals:
        try:
            swallow()
            time.sleep(60.0)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGTERM)  # Cleaning up is not interrupted,
            time.sleep(0.2)  # nor is what is handled sent again.
    assert time.monotonic() - begun < 30.0
    assert signals.number == signal.SIGTERM
    assert capsys.readouterr().err == ""


def test_signals_are_held_back_and_not_lost():
    done, before = [], signal.getsignal(signal.SIGINT)
    with heard() as signals, pytest.raises(KeyboardInterrupt), uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        done.append(True)
    assert done and signals.number == signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
