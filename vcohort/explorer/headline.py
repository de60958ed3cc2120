"""What the page says in words and bars: P(cure), its change against what is pinned, responses."""

from __future__ import annotations

from html import escape

import numpy as np

from vcohort.colours import BLUE
from vcohort.explorer.outlook import Fates, Outlook, error_of_mean
from vcohort.explorer.settings import address_of
from vcohort.studies.study import Study


def headline(outlook: Outlook, pinned: Outlook | None, awaited: Study | None = None) -> str:
    """Return P(cure) as a large number, what it is of, and its change.

    ``awaited``: what is set, where it is not all shown yet.
    """
    percent, error = 100.0 * outlook.cured, 100.0 * outlook.cured_error
    how = "exact for each" if outlook.is_exact else "by chance"
    patients, run = outlook.study.patients, outlook.study.run
    others = "" if np.isnan(error) else f"; other patients, as many, would move it by ± {error:.1f}"
    about = (
        f"of {patients:,} virtual patients by day {run.horizon:g}, {how}{others}; logs of cells "
        f"have an error of at most {run.tolerance:g}"
    )
    is_old = awaited is not None and awaited != outlook.study
    if is_old:
        about = "of the settings before; the new ones are being computed …"
    elif awaited is not None:
        about += "; tumours, days and responses are still those before …"
    change = "" if pinned is None else (
        f" <span style='font-size:22px'>{change_of(outlook, pinned)}</span>"
    )  # fmt: skip
    return (
        f"<div id='p-cure' data-study='{escape(address_of(outlook.study))}' "
        f"data-cured='{outlook.cured!r}' style='font-size:44px;line-height:1.1;"
        f"opacity:{0.35 if is_old else 1.0}'>"
        f"P(cure) {percent:.1f} %{change}</div><div style='color:#555'>{about}</div>"
    )


def change_of(outlook: Outlook, pinned: Outlook) -> str:
    """Say how P(cure) changed against what is pinned, in percentage points."""
    moved = 100.0 * (outlook.cured - pinned.cured)
    if not outlook.has_patients_of(pinned):
        return f"{moved:+.1f} against pinned, of other patients"
    error = 100.0 * error_of_mean(outlook.chances - pinned.chances)
    return f"{moved:+.1f}{'' if np.isnan(error) else f' ± {error:.1f}'} against pinned"


def responses(fates: Fates) -> str:
    """Return the shares of responses as bars; nothing where the run is too short for one."""
    if not fates.shares:
        return ""
    names = {"CR": "complete", "PR": "partial", "SD": "stable", "PD": "progressive"}
    rows = "".join(
        f"<tr><td>{names[kind]}</td><td style='width:60%'><div style='background:{BLUE};"
        f"height:12px;width:{share:.1f}%'></div></td><td>{share:.1f} %</td></tr>"
        for kind, share in fates.shares.items()
        if kind in names
    )
    table = f"<table style='width:100%'>{rows}</table>"
    return f"<div style='padding:8px'>response on day {fates.response_day:g}{table}</div>"
