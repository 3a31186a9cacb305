# SPDX-License-Identifier: Apache-2.0
"""Options that say which pattern, at which size and with which parameters."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path
from typing import Any

import numpy as np

import falloff
from falloff import models
from falloff._values import Value

_EXTENTS = {
    "frames": "frames of the video",
    "tokens_per_frame": "tokens of a frame",
    "height": "rows of a frame",
    "width": "columns of a frame",
    "text": "tokens of text",
}


# Dimensions and kinds of numbers of what .npy files hold.
_FILES = {
    "table": (1, "iuf", "a sorted one-dimensional table of numbers"),
    "relation": (2, "biuf", "a square matrix of booleans"),
}

# Extents that --extent takes alone.
_OTHER_EXTENTS = {"tokens", "token", "row", "column", "patch"}

_SHORT = {"-o": "--output"}  # as other programs have it


def hint(unknown: list[str], command: argparse.ArgumentParser) -> str:
    """What to append to a message about options that a command does not know."""
    known = [name for name in command._option_string_actions if name.startswith("--")]
    takes_extents = "--extent" in known
    for word in unknown:
        option = word.partition("=")[0]
        name = option.removeprefix("--")
        if takes_extents and option.startswith("--") and name in _OTHER_EXTENTS:
            return f"; this extent is given by --extent {name}=N"
        near = difflib.get_close_matches(option, known, n=1) if option.startswith("--") else []
        near += [_SHORT[option]] if _SHORT.get(option) in known else []
        if near:
            return f"; did you mean '{near[0]}'?"
    return ""


def add_pattern(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pattern",
        metavar="PATTERN",
        help="a pattern of the library, a file, or file.mlir:@name",
    )


def add_sizes(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("size")
    for name, meaning in _EXTENTS.items():
        option = "--" + name.replace("_", "-")
        group.add_argument(option, type=int, metavar="N", help=meaning)
    group.add_argument(
        "--extent", type=_extent, action="append", default=[], metavar="AXIS=N", help="any axis"
    )
    group.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter; values of several heads by commas",
    )
    group.add_argument(
        "--table",
        type=_table,
        action="append",
        default=[],
        metavar="NAME=9,40",
        help="sorted numbers, or a .npy file",
    )
    group.add_argument(
        "--relation",
        type=_relation,
        action="append",
        default=[],
        metavar="NAME=110,110,001",
        help="rows of 0 and 1, or a .npy file",
    )
    group.add_argument("--order", metavar="text,video", help="segments in the order of tokens")
    add_model(group)


def add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--model", metavar="|".join(models.names()), help="a model, with --size")
    group.add_argument(
        "--size",
        metavar="WxHxF",
        help="of --model: width x height x frames in pixels, such as 832x480x81",
    )


def has_size(arguments: argparse.Namespace) -> bool:
    """Whether anything was given that only binding takes."""
    given = any(getattr(arguments, name) is not None for name in _EXTENTS)
    pixels = arguments.model is not None or arguments.size is not None
    return given or pixels or bool(arguments.extent) or arguments.order is not None


def load(arguments: argparse.Namespace) -> falloff.Pattern:
    """The pattern with its parameters, read from files where the command line names some."""
    parameters: dict[str, Value] = {}
    for option in ("set", "table", "relation"):
        for name, value in getattr(arguments, option):
            if name in parameters:
                raise ValueError(f"expects one value of {name}, but got two")
            is_path = isinstance(value, Path)
            parameters[name] = _read(name, value, option) if is_path else value
    return falloff.load(arguments.pattern, **parameters)


def bind(arguments: argparse.Namespace) -> falloff.Mask:
    return bind_pattern(load(arguments), arguments)


def bind_pattern(
    pattern: falloff.Pattern, arguments: argparse.Namespace, **parameters: object
) -> falloff.Mask:
    """A pattern at the size that the command line gives, with more parameters."""
    sizes: dict[str, Any] = {
        name: getattr(arguments, name) for name in _EXTENTS if getattr(arguments, name) is not None
    }
    for name, value in arguments.extent:
        if name in sizes:
            raise ValueError(f"expects one extent of {name}, but got two")
        sizes[name] = value
    order = arguments.order.split(",") if arguments.order is not None else None
    if arguments.model is None and arguments.size is None:
        return pattern.bind(order=order, **sizes, **parameters)
    if arguments.size is None:
        raise ValueError("expects --size with --model, such as --size 832x480x81, but got none")
    if arguments.model is None:
        raise ValueError("expects --model with --size, such as --model wan2.1-14b, but got none")
    for name in _EXTENTS.keys() - {"text"}:
        if getattr(arguments, name) is not None:
            given = f"--{name.replace('_', '-')} {getattr(arguments, name)}"
            raise ValueError(
                f"expects the video's extents from --size {arguments.size}, but got {given}; "
                "drop it, or --model and --size"
            )
    text = sizes.pop("text", None)
    return models.bind(
        pattern, arguments.model, arguments.size, text=text, order=order, **sizes, **parameters
    )


def _split(text: str, *, empty: bool = False) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and equals and (value or empty)):
        raise argparse.ArgumentTypeError(f"expects NAME=VALUE, but got {text!r}")
    return name, value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _extent(text: str) -> tuple[str, int]:
    name, value = _split(text)
    try:
        return name, int(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expects an integer for {name}, got {value!r}") from None


def _setting(text: str) -> tuple[str, Value]:
    name, value = _split(text)
    words = value.split(",")
    numbers = [_number(word) for word in words]
    if None not in numbers:
        found = [number for number in numbers if number is not None]
        return name, found[0] if len(found) == 1 else found
    return name, words[0] if len(words) == 1 else words


def _table(text: str) -> tuple[str, Value | Path]:
    name, value = _split(text, empty=True)
    if not value:
        return name, []
    if value.endswith(".npy"):
        return name, Path(value)
    numbers = [_number(word) for word in value.split(",")]
    if None in numbers:
        raise argparse.ArgumentTypeError(f"expects numbers for {name}, but got {value!r}")
    return name, [number for number in numbers if number is not None]


def _relation(text: str) -> tuple[str, Value | Path]:
    name, value = _split(text)
    if value.endswith(".npy"):
        return name, Path(value)
    if set(value) - set("01,"):
        raise argparse.ArgumentTypeError(f"expects rows of 0 and 1 for {name}, but got {value!r}")
    return name, [[digit == "1" for digit in row] for row in value.split(",")]


def _read(name: str, path: Path, kind: str) -> Value:
    """A table or a relation from a .npy file; nothing in it is executed."""
    with path.open("rb") as file:
        try:
            array = np.lib.format.read_array(file, allow_pickle=False)
        except (OSError, MemoryError):
            raise
        except Exception:  # whatever numpy and its reader of headers raise
            raise ValueError(
                f"expects {path} to hold an array of booleans or numbers, "
                "but cannot read it as .npy"
            ) from None
    dimensions, kinds, what = _FILES[kind]
    if array.ndim != dimensions or array.dtype.kind not in kinds:
        raise ValueError(
            f"expects {name} in {path} as {what}, but got shape {array.shape} of {array.dtype}"
        )
    values: Value = array.tolist()
    return values
