# SPDX-License-Identifier: Apache-2.0
"""Command lines of the demo's programs: what they share, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from falloff.cli.parsing import Parser, at_least


def parser(prog: str, description: str, *, most_frames: int, least_frames: int) -> Parser:
    """A parser that takes a video, how many of its frames and how many tokens a frame."""
    made = Parser(prog=prog, description=description)
    made.add_argument("video", nargs="?", type=Path, help="default: carphone, 176 x 144")
    made.add_argument(
        "--frames",
        type=at_least(least_frames),
        default=most_frames,
        help=f"at most so many ({most_frames})",
    )
    made.add_argument(
        "--tokens",
        type=at_least(4),
        default=1584,
        help="scale down to so many 4 x 4 patches a frame",
    )
    return made


def run(prog: str, program: Callable[[], int]) -> int:
    """The exit code of `program`; an error is one line on stderr, an interrupt says nothing."""
    try:
        return program()
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except ValueError as error:
        message = str(error)
    print(f"{prog}: error: {message}", file=sys.stderr)
    return 1
