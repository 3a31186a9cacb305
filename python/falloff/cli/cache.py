# SPDX-License-Identifier: Apache-2.0
"""cache: what is kept on disk, where, and how to be rid of it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from falloff import cache
from falloff.cli.commands import Subparsers

_WIDTH = 96


def add_cache(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "cache",
        help="list or clear the plans and kernels that are kept on disk",
        description="Lists or clears the plans and kernels that are kept on disk.",
    )
    actions = parser.add_subparsers(
        metavar="ls|clear|path", required=True, dest="action", parser_class=type(parser)
    )
    listing = actions.add_parser("ls", help="list entries, what was used last first")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=list_entries)
    clearing = actions.add_parser("clear", help="remove every entry")
    clearing.set_defaults(run=clear)
    place = actions.add_parser("path", help="print the cache's folder")
    place.set_defaults(run=print_path)


def list_entries(arguments: argparse.Namespace) -> int:
    found = cache.entries()
    if arguments.json:
        print(json.dumps(_report(found), indent=1))
        return 0
    for entry in found:
        used = entry.last_used.astimezone().strftime("%Y-%m-%d %H:%M")
        what = entry.what or "a file that this version does not read"
        line = f"{entry.kind:<6} {_size(entry.bytes):>9}  {used}  {what}"
        print(line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…")
    total = sum(entry.bytes for entry in found)
    count = f"{len(found):,} " + ("entry" if len(found) == 1 else "entries")
    print(f"{count}, {_size(total)}, in {cache.path()}")
    return 0


def clear(arguments: argparse.Namespace) -> int:
    entries, size = cache.clear()
    count = f"{entries:,} " + ("entry" if entries == 1 else "entries")
    print(f"removed {count}, {_size(size)}, from {cache.path()}")
    return 0


def print_path(arguments: argparse.Namespace) -> int:
    print(cache.path())
    return 0


def _report(found: list[cache.Entry]) -> dict[str, Any]:
    entries = [asdict(entry) | {"last_used": entry.last_used.isoformat()} for entry in found]
    return {
        "path": str(cache.path()),
        "bytes": sum(entry.bytes for entry in found),
        "entries": entries,
    }


def _size(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KiB" if count < 1 << 20 else f"{count / (1 << 20):.1f} MiB"
