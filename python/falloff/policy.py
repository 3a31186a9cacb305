# SPDX-License-Identifier: Apache-2.0
"""Which denoising steps and which layers stay dense.

The first steps decide what a video shows, and the first layers what the others see: sparse
attention is for the rest (Li et al. 2025, arXiv 2506.19852, section 5.1 and appendix B).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from falloff._values import one_line, to_size

Layers = str | Iterable[int]
"""A list of layers: ``"0,2-4"`` or ``[0, 2, 3, 4]``. Never a count."""


@dataclass(frozen=True, init=False)
class Policy:
    """Dense or sparse, for each denoising step and layer, both counted from 0.

    ``dense_steps`` is a count of steps from the first, ``dense_last_steps`` one from the last;
    ``dense_layers`` is always a list, since a number could mean a layer as well as how many. Steps
    are those of the scheduler and layers those of the transformer in the order they run, whichever
    of several experts a step belongs to.
    """

    dense_steps: int
    dense_layers: tuple[int, ...]
    dense_last_steps: int

    def __init__(
        self, dense_steps: int = 0, dense_layers: Layers = (), dense_last_steps: int = 0
    ) -> None:
        object.__setattr__(self, "dense_steps", _count("dense_steps", dense_steps))
        object.__setattr__(self, "dense_layers", parse_layers(dense_layers))
        object.__setattr__(self, "dense_last_steps", _count("dense_last_steps", dense_last_steps))

    def is_dense_step(self, step: int, steps: int | None = None) -> bool:
        """Whether all layers of a step are dense. ``steps``, how many there are in all, must be
        given where there are dense last steps."""
        step, steps = to_size("step", step), None if steps is None else to_size("steps", steps)
        if step < 0 or (steps is not None and step >= steps):
            bound = "of at least 0" if steps is None else f"from 0 to {steps - 1}"
            raise ValueError(f"expects a step {bound}, but got {step}")
        if step < self.dense_steps:
            return True
        if self.dense_last_steps == 0:
            return False
        if steps is None:
            raise ValueError("expects the number of steps, since the last ones are dense")
        return step >= steps - self.dense_last_steps

    def is_dense(self, step: int, layer: int, steps: int | None = None) -> bool:
        """Whether a layer attends densely in a step."""
        layer = to_size("layer", layer)
        if layer < 0:
            raise ValueError(f"expects a layer of at least 0, but got {layer}")
        return self.is_dense_step(step, steps) or layer in self.dense_layers

    def check(self, steps: int | None = None, layers: int | None = None) -> None:
        """Raises ValueError where the policy names steps or layers that are not there."""
        steps = None if steps is None else to_size("steps", steps)
        layers = None if layers is None else to_size("layers", layers)
        if steps is not None:
            for name in ("dense_steps", "dense_last_steps"):
                count = getattr(self, name)
                if count > steps:
                    raise ValueError(f"expects {name} of at most {steps} steps, but got {count}")
        if layers is not None and self.dense_layers and self.dense_layers[-1] >= layers:
            raise ValueError(
                f"expects dense_layers from 0 to {layers - 1}, but got {self.dense_layers[-1]}"
            )

    def dense_share(self, steps: int, layers: int) -> float:
        """Share of all (step, layer) pairs that are dense."""
        if to_size("steps", steps) < 1 or to_size("layers", layers) < 1:
            raise ValueError(f"expects steps and layers of at least 1, but got {steps}, {layers}")
        self.check(steps, layers)
        dense = self.count_dense_steps(steps)
        return (dense * layers + (steps - dense) * len(self.dense_layers)) / (steps * layers)

    def count_dense_steps(self, steps: int) -> int:
        """How many of so many steps are dense; the first and the last ones may meet."""
        return min(self.dense_steps + self.dense_last_steps, to_size("steps", steps))

    @property
    def layers_text(self) -> str:
        """The dense layers as ``"0,2-4"``; empty where there are none."""
        runs: list[list[int]] = []
        for layer in self.dense_layers:
            if runs and runs[-1][1] == layer - 1:
                runs[-1][1] = layer
            else:
                runs.append([layer, layer])
        return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)

    def as_dict(self) -> dict[str, int | str]:
        return {
            "dense_steps": self.dense_steps,
            "dense_last_steps": self.dense_last_steps,
            "dense_layers": self.layers_text,
        }


def parse_layers(layers: Layers) -> tuple[int, ...]:
    """Sorted layers of a list such as ``"0,2-4"``; each once.

    Raises TypeError for a number, ValueError for anything else that is no list of layers.
    """
    if isinstance(layers, str):
        return tuple(
            sorted({n for word in layers.split(",") if layers for n in _range(word, layers)})
        )
    if not isinstance(layers, Iterable) or isinstance(layers, bytes | bytearray | memoryview):
        raise TypeError(
            "expects dense_layers to be a list such as '0,2-4' or [0, 2, 3, 4], "
            f"but got {one_line(layers)}"
        )
    numbers = sorted({to_size("each of dense_layers", layer) for layer in layers})
    if numbers and numbers[0] < 0:
        raise ValueError(f"expects dense_layers of at least 0, but got {numbers[0]}")
    return tuple(numbers)


def _range(word: str, layers: str) -> range:
    match = re.fullmatch(r"\s*([0-9]{1,6})(?:\s*-\s*([0-9]{1,6}))?\s*", word)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last:
        raise ValueError(f"expects dense_layers as a list such as '0,2-4', but got '{layers}'")
    return range(first, last + 1)


def _count(name: str, value: object) -> int:
    count = to_size(name, value)
    if count < 0:
        raise ValueError(f"expects {name} of at least 0, but got {count}")
    return count
