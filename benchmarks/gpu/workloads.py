# SPDX-License-Identifier: Apache-2.0
"""What is measured: patterns at the sizes of video models. Heads are few where sequences are long:
a GPU is full long before it has all of a model's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import falloff


@dataclass(frozen=True)
class Workload:
    name: str
    pattern: str
    bind: dict[str, Any]  # sizes and parameters
    heads: int
    head_dim: int = 128
    rounds: bool = True  # the default rounding is measured beside the exact one
    quick: bool = False

    def mask(self) -> falloff.Mask:
        return falloff.load(self.pattern).bind(**self.bind)

    def dense(self) -> falloff.Mask:
        """Every pair of as many tokens."""
        return falloff.load("dense").bind(frames=1, tokens_per_frame=self.mask().tokens)


def video(frames: int, height: int, width: int, text: int = 0) -> dict[str, int]:
    sizes = {"frames": frames, "height": height, "width": width}
    return sizes | ({"text": text} if text else {})


WORKLOADS = [
    Workload("Wan 2.1 21 x 1560", "radial", video(21, 30, 52), 12, quick=True),
    Workload("Wan 2.1 21 x 1560, decay 0.2", "radial", video(21, 30, 52) | {"decay": 0.2}, 12),
    Workload("Wan 2.1 21 x 1560, D = 64", "radial", video(21, 30, 52) | {"decay": 0.2}, 12, 64),
    Workload("Wan 2.1 33 x 3600, decay 0.2", "radial", video(33, 45, 80) | {"decay": 0.2}, 4),
    Workload(
        "HunyuanVideo 33 x 3600 + 256, decay 0.95",
        "radial",
        video(33, 45, 80, 256) | {"decay": 0.95},
        4,
    ),
    Workload("sliding tile 30 x 48 x 80", "sliding_tile", video(30, 48, 80), 4, rounds=False),
    Workload(
        "neighbourhood 30 x 48 x 80",
        "neighborhood",
        video(30, 48, 80) | {"depth": 9, "side": 21},
        4,
        rounds=False,
    ),
]
DRY = [
    Workload("dry radial", "radial", video(4, 6, 10) | {"decay": 0.4}, 2, 32, quick=True),
    Workload("dry text", "radial", video(3, 5, 8, 20) | {"decay": 0.4}, 2, 32),
    Workload("dry windows", "sliding_tile", video(6, 8, 8), 1, 32, rounds=False),
]
