# SPDX-License-Identifier: Apache-2.0
"""One workload: our kernels by recipe and rounding, dense and sparse, beside torch's on the same
tensors in the same run. Results are compared before times are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import falloff

from ..kernels import tile_pairs
from ..measure import Line, operations
from .devices import SHARE_OF_PUBLISHED, Device
from .peers import Call, flex, sdpa
from .workloads import Workload

RECIPES = {"bf16": 80, "int8": 80, "int8-fp8": 89}  # and the first architecture that has them
FARTHEST = 1e-2  # of two results in bf16, relative: each rounds its weights and its output
LEAST_COSINE = 0.98  # of quantised results and ours in bf16: anything below is nonsense


def recipes(device: Device) -> list[str]:
    if device.dry:
        return ["bf16", "int8"]
    return [name for name, first in RECIPES.items() if device.architecture >= first]


class Case:
    def __init__(self, work: Workload, device: Device) -> None:
        import torch

        self.work, self.device = work, device
        self.mask = work.mask()
        shape = (1, work.heads, self.mask.tokens, work.head_dim)
        torch.manual_seed(0)
        self.q, self.k, self.v = (
            torch.randn(shape, device=device.kind, dtype=torch.bfloat16) for _ in range(3)
        )
        options: dict[str, Any] = {
            "dtype": "bf16",
            "head_dim": work.head_dim,
            "target": device.target,
        }
        begin = time.perf_counter()
        self.plans = {"exact": self.mask.plan(rounding="exact", **options)}
        self.planning = time.perf_counter() - begin
        if work.rounds:
            self.plans["nearest"] = self.mask.plan(**options)
        self.plans["dense"] = work.dense().plan(**options)

    def ours(self, plan: str, recipe: str) -> Call:
        chosen = None if recipe == "bf16" else recipe

        def call() -> Any:
            return falloff.attention(
                self.q, self.k, self.v, self.plans[plan], layout="BHSD", recipe=chosen
            )

        return call

    def rate(self, pairs: float, seconds: float) -> float:
        """TFLOP/s of two products over so many pairs a head."""
        return operations(pairs, self.work.heads, self.work.head_dim) / seconds / 1e12

    def contenders(self) -> tuple[dict[str, Call], float]:
        """Everything that is timed, first called and compared; and seconds of Flex's block mask."""
        calls = {
            f"{plan} {recipe}": self.ours(plan, recipe)
            for recipe in recipes(self.device)
            for plan in self.plans
        }
        calls |= sdpa(self.q, self.k, self.v, self.device.kind)
        calls["FlexAttention"], making = flex(self.mask, self.q, self.k, self.v, self.device.kind)
        self.compare(calls)
        return calls, making

    def compare(self, calls: dict[str, Call]) -> None:
        for ours, theirs in [("exact bf16", "FlexAttention")] + [
            ("dense bf16", name) for name in calls if name.startswith("SDPA")
        ]:
            x, y = (calls[name]().float() for name in (ours, theirs))
            apart = float((x - y).norm() / y.norm())
            if not apart < FARTHEST:
                raise SystemExit(
                    f"{self.work.name}: {ours} and {theirs} are {apart:.2%} apart, so times mean "
                    "nothing"
                )

    def cosine(self, ours: Call, theirs: Call) -> float:
        """Of all elements at once, in float64."""
        x, y = (call().double().flatten() for call in (ours, theirs))
        return float((x @ y) / (x.norm() * y.norm()))

    def lines(self, repeats: int) -> Iterator[Line]:
        calls, making = self.contenders()
        seconds = self.device.times(calls, repeats)
        for recipe in recipes(self.device):
            for plan in self.plans:
                yield from self._ours(plan, recipe, seconds)
        tokens = self.mask.tokens
        for name in calls:
            if name.startswith("SDPA"):
                yield self._line(f"{name}, dense", self.rate(tokens**2, seconds[name]), "TFLOP/s")
        yield from self._over_peers(seconds)
        yield from self._cosines(calls)
        yield self._line("plan, exact", self.planning * 1e3, "ms")
        yield self._line("block mask from it", making * 1e3, "ms", note="on the device")

    def _line(self, what: str, value: float, unit: str, **more: Any) -> Line:
        return Line(f"{self.work.name}: {what}", value, unit, **more)

    def _ours(self, plan: str, recipe: str, seconds: dict[str, float]) -> Iterator[Line]:
        data, taken = self.plans[plan], seconds[f"{plan} {recipe}"]
        published = self.device.published()
        bar = None
        if published and recipe == "bf16" and self.work.head_dim == 128:
            bar = published * SHARE_OF_PUBLISHED
        what = f"{plan} {recipe}" if plan == "dense" else f"{self.work.pattern}, {plan}, {recipe}"
        note = f"{taken * 1e3:.3f} ms; {self.rate(data.pairs_computed, taken):.0f} on pairs"
        on_tiles = self.rate(tile_pairs(data), taken)
        yield self._line(f"{what}, kept tiles", on_tiles, "TFLOP/s", bar=bar, note=note)
        if recipe != "bf16":
            ratio = seconds[f"{plan} bf16"] / taken
            yield self._line(f"{what} over our bf16", ratio, "x")
        if plan != "dense":
            gain = seconds[f"dense {recipe}"] / taken
            most = self.mask.tokens**2 / tile_pairs(data)
            yield self._line(f"{what} over our dense", gain, "x", note=f"{most:.2f} at most")

    def _cosines(self, calls: dict[str, Call]) -> Iterator[Line]:
        plan = "nearest" if self.work.rounds else "exact"
        for recipe in recipes(self.device)[1:]:
            value = self.cosine(calls[f"{plan} {recipe}"], calls[f"{plan} bf16"])
            if not value >= LEAST_COSINE:
                raise SystemExit(f"{self.work.name}: {recipe} has a cosine of {value:g} to bf16")
            yield self._line(f"{plan} {recipe}, cosine to our bf16", value, "")

    def _over_peers(self, seconds: dict[str, float]) -> Iterator[Line]:
        theirs = seconds["FlexAttention"]
        over = self.device.over_flex() if self.work.pattern == "radial" else None
        pairs = self.plans["exact"].pairs_computed
        note = f"{theirs * 1e3:.3f} ms, {self.rate(pairs, theirs):.0f} TFLOP/s on pairs"
        ratio = theirs / seconds["exact bf16"]
        name = f"{self.work.pattern}, exact, bf16 over FlexAttention"
        yield self._line(name, ratio, "x", bar=over, note=note)
        best = min((seconds[n], n) for n in seconds if n.startswith("SDPA"))
        plan = "nearest" if self.work.rounds else "exact"
        for recipe in recipes(self.device):
            ratio = best[0] / seconds[f"{plan} {recipe}"]
            name = f"{self.work.pattern}, {plan}, {recipe} over dense {best[1]}"
            yield self._line(name, ratio, "x", note=f"{best[0] * 1e3:.3f} ms")
