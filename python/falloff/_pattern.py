# SPDX-License-Identifier: Apache-2.0
"""Patterns: which query sees which key, before sizes are known."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from falloff import _falloff
from falloff._library import library, resolve
from falloff._mask import Mask
from falloff._values import (
    JsonValue,
    Value,
    one_line,
    parse_default,
    suggestion,
    to_json,
    to_size,
    to_text,
    to_value,
)
from falloff.errors import CompileError

# Names that bind axes besides their own; which of them fit is the compiler's to say.
_BINDING_NAMES_OF = {
    "frame": ("frames",),
    "row": ("height", "tokens_per_frame"),
    "column": ("width", "tokens_per_frame"),
    "patch": ("tokens_per_frame", "height", "width"),
    "token": ("text", "tokens"),
}
_BINDING_NAMES = {name for names in _BINDING_NAMES_OF.values() for name in names}


def load(pattern: str | os.PathLike[str], **parameters: object) -> Pattern:
    """Reads, verifies and links a pattern.

    ``pattern`` is a name in the library (``falloff.patterns()``), a path, or ``"file.mlir:@name"``;
    what it includes is looked for beside it, then in the library. ``parameters`` replace the
    defaults in the file: numbers, words, tables (sorted numbers), relations (square matrices of
    booleans), or a list with one value a query head where the parameter is ``per head``.

    Raises CompileError where the pattern, a parameter or the file is wrong or unknown.
    """
    values = {name: to_value(name, value) for name, value in parameters.items()}
    name = resolve(_path(pattern))
    return Pattern(_falloff.Pattern.load(name, list(values.items()), str(library())), values)


class Pattern:
    """A linked pattern. ``load`` makes it; ``bind`` gives it sizes."""

    def __init__(self, impl: _falloff.Pattern, given: dict[str, Value]) -> None:
        self._impl = impl
        self._given = given

    @property
    def name(self) -> str:
        return self._impl.name

    @property
    def parameters(self) -> dict[str, str]:
        """Kind of each parameter, as the file writes it: ``"real = 0.2"``, ``"a | b per head =
        a"``."""
        return {info.name: _describe(info) for info in self._impl.parameters}

    @property
    def segments(self) -> dict[str, dict[str, int | None]]:
        """Axes of each segment with their extents; None where ``bind`` is to give one."""
        return {
            segment.name: {
                axis: extent if extent >= 0 else None
                for axis, extent in zip(segment.axes, segment.extents, strict=True)
            }
            for segment in self._impl.segments
        }

    def bind(self, *, order: Sequence[str] | None = None, **sizes: object) -> Mask:
        """Gives the pattern its sizes.

        Extents go by axis name or by binding name: ``frames``, ``height``, ``width``,
        ``tokens_per_frame``, ``text`` (0 unless given), ``tokens``. Other names are parameters, as
        for ``load``; a name that is both is the extent. ``order`` names all segments in the order
        of the tokens, such as ``("text", "video")``.

        Raises CompileError where sizes are missing, contradictory or too large, TypeError where one
        is no integer.
        """
        names = self._extent_names()
        extents = [(name, to_size(name, value)) for name, value in sizes.items() if name in names]
        values: dict[str, Value] = {}
        for name, value in sizes.items():
            if name in names:
                continue
            self._check_name(name, names)
            values[name] = to_value(name, value)
        impl = self._impl.bind(extents, list(values.items()), _order(order))
        return Mask(impl, self._json_parameters(values))

    def _extent_names(self) -> set[str]:
        axes = {axis for segment in self._impl.segments for axis in segment.axes}
        bound = {name for axis in axes for name in _BINDING_NAMES_OF.get(axis, ())}
        parameters = {info.name for info in self._impl.parameters}
        return axes | bound | (_BINDING_NAMES - parameters)

    def _check_name(self, name: str, extents: set[str]) -> None:
        parameters = [info.name for info in self._impl.parameters]
        if name not in parameters:
            raise CompileError(
                f"expects a size or a parameter of @{self.name}, but got '{name}'"
                + suggestion(name, [*extents, *parameters])
            )

    def _json_parameters(self, values: dict[str, Value]) -> dict[str, JsonValue]:
        given = {**self._given, **values}
        return {
            info.name: to_json(given[info.name])
            if info.name in given
            else parse_default(info.kind, info.value)
            for info in self._impl.parameters
        }

    def __repr__(self) -> str:
        segments = ", ".join(f"{name}({', '.join(axes)})" for name, axes in self.segments.items())
        return f"<falloff.Pattern @{self.name} over {segments}>"


def _path(pattern: object) -> str:
    path = os.fspath(pattern) if isinstance(pattern, os.PathLike) else pattern
    if not isinstance(path, str):
        raise TypeError(f"expects pattern to be a string or a path, but got {one_line(pattern)}")
    return to_text("the pattern's name or path", path)


def _order(given: object) -> list[str]:
    """Names of segments; none where the file's order stays."""
    if given is None:
        return []
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Iterable):
        raise TypeError(f"expects order to be names of segments, but got {one_line(given)}")
    return [to_text("each name in order", name) for name in names]


def _describe(info: _falloff.ParameterInfo) -> str:
    text = info.kind + (" per head" if info.per_head else "")
    return f"{text} = {info.value}" if info.value else text
