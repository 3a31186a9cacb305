# SPDX-License-Identifier: Apache-2.0
"""What command lines are read with: a parser whose errors are one line, and numbers in a range."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)  # `--tokens` is not `--tokens-per-frame`

    def error(self, message: str) -> NoReturn:
        """One line instead of the usage."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def at_least(lowest: int) -> Callable[[str], int]:
    """The type of an option whose value is an integer of `lowest` or more, of up to 9 digits."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= lowest):
            raise argparse.ArgumentTypeError(
                f"expects an integer of at least {lowest}, but got {text!r}"
            )
        return int(text)

    return parse


def positive(text: str) -> float:
    """The type of an option whose value is a number above 0."""
    value = _number(text)
    if not (value > 0.0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"expects a finite number above 0, but got {text!r}")
    return value


def share(text: str) -> float:
    """The type of an option whose value is a number from 0 to 1."""
    value = _number(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"expects a share from 0 to 1, but got {text!r}")
    return value


def _number(text: str) -> float:
    """NaN where the text is no number."""
    try:
        return float(text)
    except ValueError:
        return math.nan
