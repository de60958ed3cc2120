"""vcohort: massively parallel virtual cohorts of CAR T cell therapy, in JAX.

The public names are those of ``__init__.pyi``; each is imported when it is first used.
"""

from importlib.metadata import version as _version

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

__version__ = _version("vcohort")
