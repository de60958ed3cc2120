"""What all pages share: how one is filled and written, and how a picture comes into it."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

import vcohort as vc
from vcohort.cli.report.provenance import today
from vcohort.cli.report.section import Section
from vcohort.files import replacing
from vcohort.plots.style import DOUBLE

# Rows of a table; of more, some spread over them.
ROWS = 60


def write_page(
    title: str, sections: Sequence[Section], path: str | os.PathLike[str], *,
    overwrite: bool = True, **more: Any,
) -> Path:  # fmt: skip
    """Write a page of sections; it appears under its name when it is whole. All text is escaped.

    ``more``: what the template shows before and after them.
    """
    page = Environment(
        loader=PackageLoader("vcohort.cli.report", "."), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    ).get_template("page.html.jinja").render(
        title=title, sections=sections, day=today(), version=vc.__version__,
        **{"notes": (), "left_out": (), "credibility": (), **more},
    )  # fmt: skip
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(path)


def spread(rows: int) -> np.ndarray:
    """Return which of so many rows are shown."""
    return np.unique(np.linspace(0, rows - 1, ROWS).astype(int))


def shown(about: str, draw: Callable[[], Any]) -> dict[str, str]:
    """Return a picture: its caption, what is drawn as the text of a data address, and its width."""
    try:
        draw()
        figure, buffer = plt.gcf(), io.BytesIO()
        figure.savefig(buffer, dpi=130)
        columns = "one-column" if figure.get_figwidth() < DOUBLE else "two-columns"
    finally:
        plt.close("all")
    return {"about": about, "png": base64.b64encode(buffer.getvalue()).decode(), "width": columns}
