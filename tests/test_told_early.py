"""What names, bounds and files tell is told before JAX is imported, which takes a second."""

import json
import subprocess
import sys

MISTAKES = {
    "value out of bounds": ["simulate", "--set", "K_C=-1"],
    "horizon out of bounds": ["simulate", "--horizon", "-1"],
    "tolerance that float32 has not": ["simulate", "--tolerance", "1e-9"],
    "unknown parameter": ["simulate", "--set", "K_X=1"],
    "unknown preset": ["simulate", "--preset", "kimmel2020"],
    "unknown design": ["simulate", "--design", "grid"],
    "unknown law": ["simulate", "law.toml"],
    "no patients": ["simulate", "-n", "0"],
    "negative spread": ["simulate", "--sigma", "-1"],
    "negative day": ["simulate", "--infuse", "-1"],
    "no study file": ["sweep", "nothing.toml"],
    "unread flag": ["sweep", "--price", "1", "--axis", "K_C=6e10,7e10"],
    "range in a grid": ["sweep", "--axis", "K_C=6e10:8e10"],
    "no folder": ["simulate", "-o", "nowhere/x.nc"],
    "no table": ["fit", "nothing.csv"],
    "unknown column": ["fit", "odd.csv"],
    "unknown free parameter": ["fit", "zuma1", "--free", "K_X"],
    "unknown bounded parameter": ["fit", "zuma1", "--bounds", "K_X=1:2"],
    "unknown calibrated parameter": ["calibrate", "--free", "K_X"],
    "no trial": ["calibrate", "--free", "K_C", "--trial", "nothing.csv"],
    "unknown way": ["sensitivity", "--how", "guess"],
    "no store to resume": ["resume", "nothing.zarr"],
    "no store to verify": ["verify", "nothing.zarr"],
    "no store to report": ["report", "nothing.zarr"],
}

# Each in turn, in a process that has imported nothing yet.
ALL = """
import json, sys
from vcohort.cli.app import app
from vcohort.errors import VcohortError
late = {}
for name, arguments in json.loads(sys.argv[1]).items():
    try:
        app(arguments, standalone_mode=False)
    except VcohortError:
        late[name] = "jax" in sys.modules
print(json.dumps(late))
"""


def test_a_slip_is_told_before_jax_is_imported(tmp_path):
    (tmp_path / "odd.csv").write_text("day,observble,value\n1,C_per_ul,2\n")
    (tmp_path / "law.toml").write_text('[model]\ngrowth = "cubic"\n')
    arguments = [sys.executable, "-c", ALL, json.dumps(MISTAKES)]
    ran = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == dict.fromkeys(MISTAKES, False)
