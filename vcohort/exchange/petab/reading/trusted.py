"""The files of a problem: none but plain ones of its folder, and nothing without end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vcohort.errors import VcohortError, unknown
from vcohort.extras import extra
from vcohort.files import read_given

# A problem's list of files has a screen.
_MOST_BYTES = 1 << 18

_DEEPEST, _MOST_TOKENS = 20, 5_000

_REFERENCES = {"<anchor>", "<alias>", "<tag>"}
_OPENED = {"[", "{", "<block sequence start>", "<block mapping start>"}
_CLOSED = {"]", "}", "<block end>"}


def problem_file(path: str | os.PathLike[str]) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a problem, and what its file of YAML says.

    :raises VcohortError: for no file, no YAML, and YAML of more than lists and texts.
    """
    text = plain_text_of(path, _MOST_BYTES)
    found = _loaded(path, text)
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise VcohortError(f"{path} is no problem of PEtab: it says nothing by name.")
    return Path(path).resolve().parent, found


def _loaded(path: Any, text: str) -> Any:
    yaml = extra("yaml", "petab")
    try:
        _check_tokens(path, yaml.scan(text))
        _refuse_twice(path, yaml.compose(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text)
    except VcohortError:
        raise
    except (yaml.YAMLError, ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:200]
        raise VcohortError(f"{path} is no YAML that can be read: {why}") from None


def _check_tokens(path: Any, tokens: Iterable[Any]) -> None:
    """Refuse what refers to itself or to Python, and what is nested or goes on without end."""
    depth = 0
    for number, token in enumerate(tokens):
        if token.id in _REFERENCES:
            raise VcohortError(
                f"{path} has YAML that refers to itself or to Python ({token.id}), which no "
                "problem needs."
            )
        depth += token.id in _OPENED
        depth -= token.id in _CLOSED
        if depth > _DEEPEST or number > _MOST_TOKENS:
            raise VcohortError(f"{path} is no problem of PEtab: its YAML has no end.")


def _refuse_twice(path: Any, node: Any) -> None:
    """Refuse a key that is there twice, of which YAML would take the last."""
    if node is None or node.id == "scalar":
        return
    pairs = node.value if node.id == "mapping" else [(None, each) for each in node.value]
    for key, times in Counter(key.value for key, _ in pairs if key is not None).items():
        if times > 1:
            raise VcohortError(f"{path} says {key!r} twice.")
    for _, part in pairs:
        _refuse_twice(path, part)


def check_keys(what: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse a key that is not known, and would be passed over."""
    names = list(known)
    for key in given:
        if key not in names:
            raise unknown(f"key in {what}", key, names)


def files_of(folder: Path, what: str, names: Any) -> list[Path]:
    """Return the paths of one or several files of a problem.

    :raises VcohortError: for what is no file's name, or leads out of the folder.
    """
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise VcohortError(f"The problem's {what} is {names!r}: it must be a list of files' names.")
    return [_inside(folder, what, name) for name in listed]


def _inside(folder: Path, what: str, name: str) -> Path:
    if "://" in name or name.startswith("file:"):
        raise VcohortError(
            f"The problem's {what} names {name!r}: nothing is fetched. Put the file into the "
            "folder of the problem, and give its name."
        )
    try:
        path = (folder / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise VcohortError(f"The problem's {what} names {name!r}: {error}.") from None
    if folder not in path.parents:
        raise VcohortError(
            f"The problem's {what} names {name!r}, which leads out of the folder of the problem. "
            "Put the file into the folder, and give its name."
        )
    return path


def plain_text_of(path: str | os.PathLike[str], most: int) -> str:
    """Return what a plain file of at most so many bytes holds, as text."""
    content = read_given(path, most)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise VcohortError(f"{path} is no text in UTF-8, in which PEtab is written.")
    return text
