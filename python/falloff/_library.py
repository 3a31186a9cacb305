# SPDX-License-Identifier: Apache-2.0
"""Where the library's patterns lie: beside the package when installed, in patterns/ of a source
checkout."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from falloff._values import suggestion
from falloff.errors import CompileError


@cache
def library() -> Path:
    """The folder of the library's pattern files."""
    package = Path(__file__).resolve().parent
    installed = package / "patterns"
    return installed if installed.is_dir() else package.parent.parent / "patterns"


def patterns() -> list[str]:
    """Names of the library's patterns, sorted."""
    return sorted(path.stem for path in library().glob("*.mlir"))


def resolve(pattern: str) -> str:
    """The pattern as the compiler looks it up; an unknown name or file is one clear error.

    A name without a slash and without ``.mlir`` is one of the library; anything else is a path, to
    which ``:@name`` may be appended.
    """
    path, _, symbol = pattern.partition(":@")
    if not path:
        raise CompileError("expects the name of a pattern or a path, but got nothing")
    hint = _symbol_hint(path)
    if not symbol and not hint and "/" not in path and not path.endswith(".mlir"):
        known = patterns()
        if path not in known:
            raise CompileError(f"expects a pattern, but got '{path}'{suggestion(path, known)}")
        return pattern
    if not Path(path).is_file():
        kind = "a folder" if Path(path).is_dir() else "none there"
        raise CompileError(f"expects a pattern file at '{path}', but got {kind}{hint}")
    return pattern


def _symbol_hint(path: str) -> str:
    """What to append to a message about ``file.mlir:name``, which lacks the ``@`` of a name."""
    match = re.fullmatch(r"(.+\.mlir):(\w+)", path)
    return f"; did you mean '{match[1]}:@{match[2]}'?" if match else ""
