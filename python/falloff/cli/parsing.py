# SPDX-License-Identifier: Apache-2.0
"""What command lines are read with: a parser whose errors are one line, and numbers in a range."""

from __future__ import annotations

import argparse
import difflib
import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)  # `--tokens` is not `--tokens-per-frame`

    def error(self, message: str) -> NoReturn:
        """One line instead of the usage."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """argparse's own test, of options with choices and of commands alike, in our words."""
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        message = f"expects {either(choices)}, but got {value!r}{_nearest(str(value), choices)}"
        raise argparse.ArgumentError(action, message)


def either(words: Sequence[str]) -> str:
    """``"a, b or c"``."""
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _nearest(word: str, choices: Sequence[str]) -> str:
    """What to append where a choice was misspelt. One with another number is another thing:
    sm_87 is no slip of sm_89, whose kernels it does not run."""
    same = {choice.lower(): choice for choice in choices if _digits(choice) == _digits(word)}
    near = difflib.get_close_matches(word.lower(), same, n=1, cutoff=0.8)
    return f"; did you mean '{same[near[0]]}'?" if near else ""


def _digits(word: str) -> str:
    return "".join(filter(str.isdigit, word))


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
