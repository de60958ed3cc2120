"""What JAX is told of the records here, by those who import it: which parts of them are arrays."""

from __future__ import annotations

import jax

from vcohort.models.species import Cells

jax.tree_util.register_dataclass(Cells, data_fields=["logs", "numbers"], meta_fields=["species"])
