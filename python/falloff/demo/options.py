# SPDX-License-Identifier: Apache-2.0
"""Command lines of the demo's programs: their parser, numbers in a range, and how they end."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable

from falloff.cli import _Parser


def parser(prog: str, description: str) -> argparse.ArgumentParser:
    """A parser whose errors are one line, as those of `falloff`."""
    return _Parser(prog=prog, description=description)


def at_least(lowest: int) -> Callable[[str], int]:
    """The type of an option whose value is an integer of `lowest` or more."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if value < lowest:
            raise argparse.ArgumentTypeError(
                f"expects an integer of at least {lowest}, but got '{text}'"
            )
        return value

    return parse


def positive(text: str) -> float:
    """The type of an option whose value is a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"expects a finite number above 0, but got '{text}'")
    return value


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
