# SPDX-License-Identifier: Apache-2.0
"""The cache on disk: plans and kernels that processes of a user share.

Nothing here is needed to use it; it fills by itself. A process that stores something removes what
was used longest ago until 512 MiB are left, at once and again after every 32 MiB that it stores: so
the cache may exceed them by 32 MiB for each process that fills it. It lies in
``FALLOFF_CACHE_DIR``, else in ``$XDG_CACHE_HOME/falloff``, else in ``~/.cache/falloff``;
``FALLOFF_DISABLE_CACHE=1`` does without.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from falloff import _falloff


@dataclass(frozen=True)
class Entry:
    """A plan or a kernel on disk."""

    kind: str
    """``"kernel"`` or ``"plan"``."""
    name: str
    """Name of its files, without the extension."""
    what: str
    """What it is, in a line; empty for a file that this version cannot read."""
    key: str
    """All that it depends on; empty for a file that this version cannot read."""
    bytes: int
    """With the source that is kept beside it."""
    last_used: datetime
    """In UTC."""


def path() -> Path:
    """The folder of the cache, which need not be there yet.

    Raises OSError where the environment names none.
    """
    folder = _falloff.cache_folder()
    if folder is None:
        raise OSError(
            "expects HOME, XDG_CACHE_HOME or FALLOFF_CACHE_DIR to say where the cache lies, "
            "but none of them is set"
        )
    return folder


def problem() -> str | None:
    """Why Falloff does not use the cache, or cannot write to it; None where neither is so.

    Makes the folder where it is missing, as using it does. Raises OSError where the environment
    names none.
    """
    return _falloff.cache_problem(path())


def entries() -> list[Entry]:
    """Everything in the cache, what was used last first."""
    return [_entry(entry) for entry in _falloff.cache_entries(path())]


def clear() -> tuple[int, int]:
    """Removes everything from the cache; returns the number of entries and of bytes removed.

    Other files that lie in its folders stay. Processes that run keep what they have loaded. Raises
    OSError where a file cannot be removed.
    """
    return _falloff.clear_cache(path())


def _entry(found: _falloff.CacheEntry) -> Entry:
    key = found.key.decode("utf-8", "replace")
    used = datetime.fromtimestamp(found.last_used_ns / 1e9, UTC)
    return Entry(found.kind, found.name, _what(found.kind, key), key, found.bytes, used)


def _what(kind: str, key: str) -> str:
    """One line of a key, whose own lines say who made it, then what it is.

    That of a CUDA device's kernel is one line: what it is, then the hash of its source.
    """
    lines = key.splitlines()
    if kind == "kernel" and len(lines) == 1:
        return key.rpartition(", source ")[0]
    if len(lines) < 3:
        return ""
    if kind == "plan":
        return f"{lines[1].strip()}; {lines[2]}"
    title = re.split(r" (?=\d)", lines[2], maxsplit=1)[0]  # a functor's sets follow as numbers
    return f"{title}, {lines[1]}"
