"""Sphinx configuration."""

from importlib.metadata import version as installed

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
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"ArrayLike": "ArrayLike", "Floats": "Floats"}
autodoc_default_options = {"members": True, "undoc-members": False}
