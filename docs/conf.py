"""Sphinx configuration."""

import hashlib
from importlib.metadata import version as installed
from pathlib import Path

project = "vcohort"
author = "The vcohort developers"
copyright = "the vcohort developers"
release = installed("vcohort")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build", "jupyter_execute"]

html_theme = "furo"
html_title = "vcohort"

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
# A page that has run is not run again, until it changes, or the code or JAX does.
nb_execution_mode = "cache"
_here = Path(__file__).parent
_files = sorted((_here.parent / "vcohort").rglob("*.py"))
_code = hashlib.sha256(b"".join(each.read_bytes() for each in _files)).hexdigest()
nb_execution_cache_path = str(_here / "_build" / "cells" / f"{_code[:16]}-jax-{installed('jax')}")
# A failure is a warning that names the page and shows the cell; `make docs` fails of it.
nb_execution_raise_on_error = False
# Seconds of one cell: a machine that does much else takes many times what it takes alone.
nb_execution_timeout = 3600
nb_execution_show_tb = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"ArrayLike": "ArrayLike", "Floats": "Floats"}
autodoc_default_options = {"members": True, "undoc-members": False}
