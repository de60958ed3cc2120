"""Numbers and lists as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def percent(share: float) -> str:
    """Return a share as per cent."""
    return f"{share:.1%}"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.1f}"


def number(value: float, unit: str = "") -> str:
    """Return a number to four digits, with its unit."""
    text = "not known" if np.isnan(value) else f"{value:.4g}"
    return text if unit in {"", "1"} or np.isnan(value) else f"{text} {unit}"


def counted(count: int, thing: str, things: str = "") -> str:
    """Return a number of things, in the plural where it is not one."""
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def listed(names: Iterable[object], most: int = 6) -> str:
    """Return names as "a, b and c"; of more than ``most`` how many others there are."""
    texts = [str(name) for name in names]
    if len(texts) > most:
        return f"{', '.join(texts[:most])} and {len(texts) - most} more"
    return " and ".join([*([", ".join(texts[:-1])] if texts[1:] else []), *texts[-1:]])


def largest(
    values: np.ndarray, names: Sequence[object] | np.ndarray, most: int = 3
) -> list[tuple[str, float]]:
    """Return the names with the largest values, and these; NaN is none."""
    order = [place for place in np.argsort(-np.nan_to_num(values, nan=-np.inf))
             if np.isfinite(values[place])]  # fmt: skip
    return [(str(names[place]), float(values[place])) for place in order[:most]]
