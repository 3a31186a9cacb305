# SPDX-License-Identifier: Apache-2.0
"""check: whether a pattern is right, and at a size, whether each query sees a key."""

from __future__ import annotations

import argparse
import json
from typing import Any

import falloff
from falloff.cli import commands, sizes
from falloff.cli.commands import Subparsers

_KEYS = (
    *("pattern", "segments", "declared", "parameters", "tokens", "heads"),
    *("density", "sparsity", "empty_rows"),
)


def add_check(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "check",
        help="verify and link a pattern; with a size, find queries that see no key",
        description="Verifies and links a pattern; with a size, finds queries that see no key.",
    )
    sizes.add_pattern(parser)
    sizes.add_sizes(parser)
    commands.add_json(parser)
    parser.set_defaults(run=check)


def check(arguments: argparse.Namespace) -> int:
    report: dict[str, Any] = dict.fromkeys(_KEYS)
    problem: ValueError | OSError | None = None
    try:
        _examine(arguments, report)
    except (ValueError, OSError) as error:  # a CompileError is a ValueError
        problem = error
    if arguments.json:
        report = {"ok": problem is None, **report, "error": problem and _error(problem)}
        print(json.dumps(report, indent=1))
    elif problem is None or report["tokens"] is not None:
        print(_text(report))
    if problem:
        raise problem
    return 0


def _examine(arguments: argparse.Namespace, report: dict[str, Any]) -> None:
    """Reports what it finds until something is wrong, which it raises."""
    pattern = sizes.load(arguments)
    report |= {"pattern": pattern.name, "segments": pattern.segments}
    report["declared"] = pattern.parameters
    if not sizes.has_size(arguments):
        return
    mask = sizes.bind(arguments)
    rows = mask.empty_rows()
    report |= {
        "parameters": mask.parameters,
        "tokens": mask.tokens,
        "heads": mask.heads,
        "density": mask.density,
        "sparsity": mask.sparsity,
    }
    if rows is None:
        return
    first, count, head = rows
    report["empty_rows"] = {"first": first, "count": count, "head": head}
    where = f" of head {head}" if mask.heads else ""
    queries = "1 query sees no key" if count == 1 else f"{count:,} queries see no key"
    raise ValueError(f"@{mask.name}: {queries}; the first is query {first:,}{where}")


def _error(error: ValueError | OSError) -> dict[str, Any]:
    """Where it stands in no file, there are no file, line and column."""
    if not isinstance(error, falloff.CompileError):
        message = str(error)
        if isinstance(error, OSError) and error.filename:
            message = f"{error.filename}: {error.strerror}"
        return {"message": message, "file": None, "line": None, "column": None}
    place = {name: getattr(error, name) or None for name in ("file", "line", "column")}
    return {"message": error.message, **place}


def _text(report: dict[str, Any]) -> str:
    if report["tokens"] is None:
        lines = [f"@{report['pattern']}: ok"]
        for segment, axes in report["segments"].items():
            extents = ", ".join(f"{a}: {'?' if n is None else n}" for a, n in axes.items())
            lines.append(f"  over {segment}({extents})")
        return "\n".join([*lines, *(f"  {n}: {kind}" for n, kind in report["declared"].items())])
    head = f"@{report['pattern']}: {report['tokens']:,} tokens, density {report['density']:.4f}"
    return "\n".join([head, *(f"  {n} = {value}" for n, value in report["parameters"].items())])
