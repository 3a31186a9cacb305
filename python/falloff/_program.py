# SPDX-License-Identifier: Apache-2.0
"""A mask's sets as functions of arrays of tokens, for numpy and for torch alike.

What each kind of set asks of a query and a key is said in compiler/passes/SetProgram.h; kernels are
compiled from the same program and read the same tables. Here every set becomes a function

    pairs(q, k) -> array of booleans, of the shape that q and k broadcast to

of token numbers in bound order. The functions are closures over small tables, without branches on
data, so that torch can trace and compile them.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falloff import _falloff

Pairs = Callable[[Any, Any], Any]
"""(query tokens, key tokens) -> whether the set holds each pair."""

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
_MAX_EXPONENT = 1023


class Program:
    """The sets of one table of a plan.

    array: makes an array of the library, on the device, that ``pairs`` are asked with, of a numpy
        array of int64, float64 or bool.
    library: numpy, or torch: the functions that have one name in both.
    """

    def __init__(
        self,
        plan: _falloff.Plan,
        table: int,
        library: Any = np,
        array: Callable[[NDArray[Any]], Any] = np.asarray,
    ) -> None:
        text = json.loads(plan.program())
        tables, numbers = plan.program_data()[table]
        self._nodes: list[dict[str, Any]] = text["nodes"]
        self._tables = [_at_least_one(values) for values in tables]
        self._extents = tables[text["extent_table"]].tolist()
        self._numbers = numbers.tolist()
        self._library = library
        self._array = array
        grid = plan.grid
        self._segment_of = np.full(grid.tokens, -1, np.int64)
        self._values = [np.zeros(grid.tokens, np.int64) for _ in plan.coordinates]
        for segment, number in zip(grid.segments, plan.segment_ids, strict=True):
            self._fill(segment, number, plan.coordinates)
        self.contains = self._set(text["contains"])
        self.limits = [self._set(node) for node in text["limits"]]

    def _fill(
        self, segment: _falloff.Segment, number: int, coordinates: Sequence[tuple[int, int, int]]
    ) -> None:
        """What the tokens of a segment have as coordinates; tokens of others have 0."""
        tokens = int(np.prod(segment.extents))
        here = slice(segment.first_token, segment.first_token + tokens)
        self._segment_of[here] = number
        positions = np.indices(segment.extents).reshape(len(segment.extents), -1)
        for values, (owner, axis, table) in zip(self._values, coordinates, strict=True):
            if owner == number:
                along = positions[axis]
                values[here] = along if table < 0 else self._tables[table][along]

    # Every function below gives a function of tokens.

    def _gather(self, values: NDArray[Any]) -> Callable[[Any], Any]:
        array = self._array(values)
        return lambda token: array[token]

    def _coordinate(self, number: int) -> Callable[[Any], Any]:
        return self._gather(self._values[number])

    def _within(self, segment: int) -> Callable[[Any], Any]:
        """Whether a token lies in a segment."""
        return self._gather(self._segment_of == segment)

    def _distance(self, number: int) -> Pairs:
        at = self._coordinate(number)
        return lambda q, k: abs(at(k) - at(q))

    def _both(self, node: dict[str, Any], pairs: Pairs) -> Pairs:
        """Pairs of which both ends lie in the node's segment."""
        if "segment" not in node:
            return pairs
        within = self._within(node["segment"])
        return lambda q, k: within(q) & within(k) & pairs(q, k)

    def _row_major(self, numbers: Sequence[int], part: Callable[[int], Any]) -> Any:
        """The index that coordinates, or distances along them, have in a table."""
        parts = [part(number) for number in numbers]
        extents = [self._extents[number] for number in numbers]

        def index(*tokens: Any) -> Any:
            at: Any = 0
            for extent, value in zip(extents, parts, strict=True):
                at = at * extent + value(*tokens)
            return at

        return index

    def _set(self, number: int) -> Pairs:
        node = self._nodes[number]
        made: Pairs = getattr(self, f"_{node['kind']}")(node)
        return made

    def _constant(self, value: bool) -> Pairs:
        # Of the arguments' shape, and an array even where these are numbers.
        return lambda q, k: ((q >= 0) & (k >= 0)) if value else ((q < 0) & (k < 0))

    def _everything(self, node: dict[str, Any]) -> Pairs:
        return self._constant(True)

    def _any_of(self, node: dict[str, Any]) -> Pairs:
        sets = [self._set(operand) for operand in node.get("operands", ())]
        if not sets:
            return self._constant(False)
        return lambda q, k: reduce(operator.or_, [pairs(q, k) for pairs in sets])

    def _all_of(self, node: dict[str, Any]) -> Pairs:
        sets = [self._set(operand) for operand in node.get("operands", ())]
        if not sets:
            return self._constant(True)
        return lambda q, k: reduce(operator.and_, [pairs(q, k) for pairs in sets])

    def _none_of(self, node: dict[str, Any]) -> Pairs:
        union = self._any_of(node)
        return lambda q, k: ~union(q, k)

    def _keys(self, node: dict[str, Any]) -> Pairs:
        within = self._within(node["segment"])
        return lambda q, k: within(k) & (q >= 0)

    def _queries(self, node: dict[str, Any]) -> Pairs:
        within = self._within(node["segment"])
        return lambda q, k: within(q) & (k >= 0)

    def _either(self, node: dict[str, Any]) -> Pairs:
        within = self._within(node["segment"])
        return lambda q, k: within(q) | within(k)

    def _interval(self, node: dict[str, Any]) -> Pairs:
        # Bounds of each token, so that a pair reads one table instead of two.
        index = self._values[node["query"]]
        low = self._gather(self._tables[node["table"]][index])
        high = self._gather(self._tables[node["high"]][index])
        at = self._coordinate(node["coordinate"])

        def pairs(q: Any, k: Any) -> Any:
            place = at(k)
            return (place >= low(q)) & (place < high(q))

        if "equal" not in node:
            return self._both(node, pairs)
        residue = self._coordinate(node["equal"])
        return self._both(node, lambda q, k: pairs(q, k) & (residue(q) == residue(k)))

    def _width(self, node: dict[str, Any]) -> Pairs:
        width = self._gather(self._tables[node["table"]])
        index = self._row_major(node.get("coordinates", ()), self._distance)
        distance = self._distance(node["coordinate"])
        return self._both(node, lambda q, k: distance(q, k) <= width(index(q, k)))

    def _beat(self, node: dict[str, Any]) -> Pairs:
        bits = self._gather(self._tables[node["table"]] != 0)
        index = self._row_major(node.get("coordinates", ()), self._distance)
        return self._both(node, lambda q, k: bits(index(q, k)))

    def _linked(self, node: dict[str, Any]) -> Pairs:
        coordinates = node.get("coordinates", ())
        size = int(np.prod([self._extents[number] for number in coordinates]))
        bits = self._gather(self._tables[node["table"]] != 0)
        index = self._row_major(coordinates, self._coordinate)
        return self._both(node, lambda q, k: bits(index(q) * size + index(k)))

    def _when(self, node: dict[str, Any]) -> Pairs:
        holds = bool(self._tables[node["table"]][0])
        return self._set(node["operands"][0]) if holds else self._constant(False)

    def _where(self, node: dict[str, Any]) -> Pairs:
        stack: list[Pairs] = []
        for step, slot in node["where"]:
            if slot >= 0:
                stack.append(self._leaf(step, slot))
            elif step in ("floor", "ceil", "abs", "sqrt", "bit_floor"):
                stack.append(self._unary(step, stack.pop()))
            else:
                right = stack.pop()
                stack.append(self._binary(step, stack.pop(), right))
        holds = stack.pop()  # of a comparison
        ends = [
            (side, self._within(segment))
            for side, name in enumerate(("query_segments", "key_segments"))
            for segment in node.get(name, ())
        ]

        def pairs(q: Any, k: Any) -> Any:
            return reduce(
                operator.and_, [within((q, k)[side]) for side, within in ends], holds(q, k)
            )

        return self._both(node, pairs)

    def _leaf(self, step: str, slot: int) -> Pairs:
        if step == "number":
            value = self._array(np.asarray(self._numbers[slot]))
            return lambda q, k: value
        at = self._gather(self._values[slot].astype(np.float64))
        if step == "query":
            return lambda q, k: at(q)
        if step == "key":
            return lambda q, k: at(k)
        return lambda q, k: abs(at(k) - at(q))

    def _binary(self, step: str, left: Pairs, right: Pairs) -> Pairs:
        if step in _OPERATORS:
            apply = _OPERATORS[step]
            return lambda q, k: apply(left(q, k), right(q, k))
        if step in ("min", "max"):
            choose = self._library.minimum if step == "min" else self._library.maximum
            return lambda q, k: choose(left(q, k), right(q, k))
        fmod, where = self._library.fmod, self._library.where

        def mod(q: Any, k: Any) -> Any:
            divisor = abs(right(q, k))
            rest = fmod(left(q, k), divisor)
            return where(rest < 0, rest + divisor, rest)

        return mod

    def _unary(self, step: str, inner: Pairs) -> Pairs:
        if step == "abs":
            return lambda q, k: abs(inner(q, k))
        if step != "bit_floor":
            function = getattr(self._library, step)
            return lambda q, k: function(inner(q, k))
        frexp, where = self._library.frexp, self._library.where
        powers = self._array(np.ldexp(1.0, np.arange(_MAX_EXPONENT + 1)))

        def bit_floor(q: Any, k: Any) -> Any:
            value = inner(q, k)
            _, exponent = frexp(where(value < 1, value * 0 + 1, value))
            return where(value < 1, value * 0, powers[exponent - 1])

        return bit_floor


def _at_least_one(values: NDArray[np.int32]) -> NDArray[np.int64]:
    """A table as int64; where it is empty no token asks it, but gathering wants an element."""
    return values.astype(np.int64) if values.size else np.zeros(1, np.int64)
