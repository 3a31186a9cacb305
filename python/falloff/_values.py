# SPDX-License-Identifier: Apache-2.0
"""Sizes and parameters as Python users write them, made into what the compiler takes."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

Value = float | str | list[float] | list[str] | list[list[bool]]
"""A number or a word, one of either a head, a table, or a relation."""

JsonValue = float | int | str | list[Any]


def suggestion(name: str, known: Iterable[str]) -> str:
    """What to append to a message about an unknown name: the nearest one, or all there are."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; there are {', '.join(names)}" if names else "; there are none"


def to_size(name: str, value: object) -> int:
    """An extent. Whether the pattern takes it is the compiler's to say."""
    try:
        if isinstance(value, bool):
            raise TypeError
        size = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"expects {name} to be an integer, but got {value!r}") from None
    if not -(2**63) <= size < 2**63:
        raise ValueError(f"expects {name} below 2^31, but got {size}")
    return size


def to_text(name: str, value: object) -> str:
    """An option that is a word. Which words there are is said elsewhere."""
    if not isinstance(value, str):
        raise TypeError(f"expects {name} to be a string, but got {one_line(value)}")
    return _in_utf8(name, value)


def _in_utf8(name: str, text: str) -> str:
    """The compiler's strings are UTF-8, in which Python's bytes of other encodings are nothing."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"expects {name} in UTF-8, but got {text!a}") from None
    return text


def one_line(value: object) -> str:
    """A value as messages show it; arrays print themselves on several lines."""
    return " ".join(repr(value).split())


def to_value(name: str, value: object) -> Value:
    """A parameter's value: a number, a word, a list of either, or rows of booleans."""
    if hasattr(value, "tolist"):  # numpy arrays and scalars, torch tensors
        value = value.tolist()
    if isinstance(value, str):
        return _in_utf8(name, value)
    if _is_number(value):
        return _to_float(name, value)
    if isinstance(value, Sequence):
        return _to_list(name, list(value))
    raise TypeError(
        f"expects {name} to be a number, a word, a list of them or a matrix of booleans, "
        f"but got {value!r}"
    )


def to_json(value: Value | str) -> JsonValue:
    """A value as it is printed: whole numbers without a point, booleans as 0 and 1."""
    if isinstance(value, list):
        return [to_json(entry) for entry in value]  # type: ignore[arg-type]
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def parse_default(kind: str, text: str) -> JsonValue:
    """A parameter's default, which the compiler prints, as a value of its kind."""
    if kind not in ("real", "count", "table"):
        return text
    numbers = [to_json(float(word)) for word in text.strip("[]").replace(",", " ").split()]
    return numbers if kind == "table" or len(numbers) != 1 else numbers[0]


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _to_float(name: str, value: Any) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"expects {name} to be a finite number, but got {value!r}")
    return number


def _to_list(name: str, entries: list[Any]) -> Value:
    if all(isinstance(entry, str) for entry in entries) and entries:
        return [_in_utf8(name, entry) for entry in entries]
    if all(_is_number(entry) for entry in entries):
        return [_to_float(name, entry) for entry in entries]
    if all(isinstance(entry, Sequence) and not isinstance(entry, str) for entry in entries):
        return [_to_row(name, row) for row in entries]
    raise TypeError(
        f"expects {name} to hold numbers only, words only or rows of booleans only, "
        f"but got {entries!r}"
    )


def _to_row(name: str, row: Sequence[Any]) -> list[bool]:
    for entry in row:
        if not isinstance(entry, bool) and entry not in (0, 1):
            raise TypeError(f"expects rows of booleans in {name}, but got {entry!r}")
    return [bool(entry) for entry in row]
