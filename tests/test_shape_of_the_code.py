"""The house rules: imports run downwards, every public name is documented and used."""

import subprocess
import sys
from pathlib import Path

import vcohort as vc

ROOT = Path(__file__).parent.parent


def test_imports_run_downwards():
    lint = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([lint], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stdout


def test_every_public_name_has_a_docstring_and_a_place_in_the_reference():
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    for name in vc.__all__:
        assert getattr(vc, name).__doc__, name
        assert f"vcohort.{name}" in reference, name


def test_every_public_name_is_used_in_an_example():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    unused = [name for name in vc.__all__ if f"vc.{name}" not in text]
    assert not unused
