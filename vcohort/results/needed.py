"""What a reader needs of a dataset: one of another kind is refused at its door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr

from vcohort.errors import VcohortError, refuse_other, unknown
from vcohort.results.kinds import ANY


def need(
    ds: Any,
    source: str,
    variables: Mapping[str, tuple[str, ...]],
    attrs: Iterable[str] = (),
    *,
    what: str = "ds",
) -> None:
    """Refuse what is no dataset, or lacks variables over these dimensions, or attributes.

    A patient may have been selected, so that ``patient`` is no dimension; ``"…"`` is any others.
    ``source``: what returns such a dataset, ``what``: what it is called; for the message.
    """
    refuse_other(what, ds, xr.Dataset, f"what {source} returns")
    lacking = [
        f"{name} ({', '.join(dims)})" if dims else name
        for name, dims in variables.items()
        if name not in ds.variables or not _is_over(ds[name].dims, {*dims})
    ]
    lacking += [f"the attribute {name}" for name in attrs if name not in ds.attrs]
    if lacking:
        kind = f", a {ds.attrs['kind']}," if "kind" in ds.attrs else ""
        raise VcohortError(
            f"This dataset{kind} has no {' and no '.join(lacking)}. Give what {source} returns."
        )


def _is_over(found: Iterable[Any], wanted: set[str]) -> bool:
    more = {*found} - wanted
    return wanted - {"patient", ANY} <= {*found} and (ANY in wanted or not more)


def labelled(values: Any, over: str, label: Any) -> Any:
    """Return what a dataset or an array holds at one label; refuse one that it does not have."""
    known = values[over].values.tolist()
    if label not in known:
        raise unknown(over, label, known)
    return values.sel({over: label})
