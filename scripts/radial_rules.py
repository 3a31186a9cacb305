# SPDX-License-Identifier: Apache-2.0
"""The figures and pictures of docs/radial-rules.md, measured and drawn from the patterns.

python scripts/radial_rules.py          writes them into docs
python scripts/radial_rules.py --check  says what is out of date, and exits 1 if anything is
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import falloff
import numpy as np
from falloff import _picture
from numpy.typing import NDArray

PAGE = Path(__file__).resolve().parent.parent / "docs" / "radial-rules.md"
PICTURES = PAGE.parent / "radial-rules"
Pixels = NDArray[np.uint8]


@dataclass
class Workload:
    """A model at a default size, with the settings that the reference's script has for it, or the
    nearest that it has."""

    name: str
    frames: int
    height: int
    width: int
    text: int = 0
    rule: str = "wan"
    decay: float = 0.2
    block: int = 128

    def mask(self, pattern: str, **parameters: float | str) -> falloff.Mask:
        sizes = {"frames": self.frames, "text": self.text}
        if pattern == "radial_2d":
            sizes |= {"height": self.height, "width": self.width}
        else:
            sizes["tokens_per_frame"] = self.height * self.width
        return falloff.load(pattern, **parameters).bind(**sizes)

    def reference(self, *, earlier: bool = False) -> falloff.Mask:
        """The code's mask. Its earlier rule for adjacent frames was one of `wan`."""
        adjacent = 2 if earlier and self.rule == "wan" else 1
        return self.mask(
            "radial_reference",
            rule=self.rule,
            decay=self.decay,
            block=self.block,
            adjacent=adjacent,
        )

    def size(self) -> str:
        text = f" + {self.text}" if self.text else ""
        return f"{self.frames} × {self.height} × {self.width}{text}"


WORKLOADS = [
    Workload("Wan 2.1, 480×832, 81 frames", 21, 30, 52),
    Workload("Wan 2.1, 720×1280, 81 frames", 21, 45, 80),
    Workload("Wan 2.1, 768×1280, 69 frames", 18, 48, 80),
    Workload("Wan 2.2 A14B, 768×1280, 77 frames", 20, 48, 80, decay=0.8, block=64),
    Workload("Wan 2.2 5B, 704×1280, 121 frames", 31, 22, 40, decay=0.8, block=64),
    Workload("HunyuanVideo, 768×1280, 117 frames", 30, 48, 80, 256, "hunyuan", 0.95),
    Workload("HunyuanVideo, 720×1280, 129 frames", 33, 45, 80, 256, "hunyuan", 0.95),
    Workload("Mochi 1, 480×848, 163 frames", 28, 30, 53, 256, "hunyuan", 1.0),
    Workload("CogVideoX, 480×720, 49 frames", 13, 30, 45, 226, "hunyuan", 1.0),
    Workload("CogVideoX 1.5, 768×1360, 81 frames", 11, 48, 85, 226, "hunyuan", 1.0),
]
DRAWN = WORKLOADS[2]


def masks_table() -> Iterator[str]:
    """Shares of all pairs that the rules keep, token by token."""
    yield (
        "| model, size | frames × rows × columns + text | decay, block | Eq. 4 | `radial` | HEAD "
        "| earlier | `radial_2d` |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for work in WORKLOADS:
        masks = (
            work.mask("radial"),
            work.mask("radial", decay=work.decay),
            work.reference(),
            work.reference(earlier=True),
            work.mask("radial_2d", decay=work.decay),
        )
        densities = " | ".join(f"{mask.density:.3f}" for mask in masks)
        yield f"| {work.name} | {work.size()} | {work.decay:g}, {work.block} | {densities} |"


def share(plan: falloff.Plan) -> str:
    """Share of all pairs that are computed, and of the mask's that are lost."""
    lost = plan.pairs_lost / plan.pairs_in_mask
    return f"{plan.pairs_computed / plan.tokens**2:.3f} (−{100 * lost:.1f} %)"


def in_blocks(mask: falloff.Mask) -> str:
    try:
        plan = mask.plan(rounding="radial-reference")
    except falloff.CompileError as error:
        if "shape mismatch" in str(error):
            return "fails"
        raise
    grid = plan.as_dict()["grid"]
    covers = grid["query_tiles"] * grid["query_tile"] == plan.tokens
    return share(plan) + ("" if covers else "*")


def plans_table() -> Iterator[str]:
    """What is computed of these masks, in the reference's blocks and in our tiles."""
    yield (
        "| model, size | HEAD, its blocks | earlier, its blocks | HEAD, our tiles "
        "| `radial`, our tiles |"
    )
    yield "|---|---|---|---|---|"
    for work in WORKLOADS:
        cells = (
            in_blocks(work.reference()),
            in_blocks(work.reference(earlier=True)),
            share(work.reference().plan(tile=f"1x{work.block}")),
            share(work.mask("radial", decay=work.decay).plan(tile=f"1x{work.block}")),
        )
        yield f"| {work.name} | {' | '.join(cells)} |"


TABLES: dict[str, Callable[[], Iterator[str]]] = {"masks": masks_table, "plans": plans_table}


def page() -> str:
    """The page with its tables measured anew."""
    text = PAGE.read_text()
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: scripts/radial_rules.py -->\n\n", "\n\n<!-- end -->"
        start = text.index(begin) + len(begin)
        text = text[:start] + "\n".join(table()) + text[text.index(end, start) :]
    return text


#  Pictures

PAPER = np.array([247, 247, 244], np.float64)
INK = np.array([26, 62, 112], np.float64)
FILLED = np.array([158, 196, 226], np.float64)
LOST = np.array([205, 48, 48], np.float64)
RULED = np.array([150, 150, 150], np.float64)


def drawn_mask(pattern: str, **parameters: float) -> Pixels:
    """Twelve cells a frame each way; the ink is the root of the share of pairs that a cell keeps,
    so that thin lines are seen."""
    mask = DRAWN.mask(pattern, **parameters)
    cells = 12 * DRAWN.frames
    edges = [mask.tokens * i // cells for i in range(cells + 1)]
    spans = list(pairwise(edges))
    shares = [[mask.slice(queries=q, keys=k).density for k in spans] for q in spans]
    ink = np.sqrt(np.array(shares))[..., None]
    pixels = np.rint(PAPER + (INK - PAPER) * ink).astype(np.uint8)
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


def drawn_plan(plan: falloff.Plan) -> Pixels:
    """One pixel a tile, which is whole or not there."""
    rows = plan.rows()
    pixels = np.tile(PAPER, (len(rows), len(rows), 1))
    for row, runs in zip(pixels, rows, strict=True):
        for first, last, kind in runs:
            assert kind in ("full", "limited")
            row[first:last] = INK
    return pixels.astype(np.uint8)


CLOSE = {"frames": 6, "tokens_per_frame": 300}  # 300 = 4 x 64 + 44


def drawn_losses(**options: str) -> Pixels:
    """Pairs of the mask that a plan computes (ink) and loses (red), and pairs that it fills (pale);
    3 × 3 pairs a pixel, lines between frames."""
    mask = falloff.load("radial_reference", decay=0.5, block=64).bind(**CLOSE)
    kept, computed = mask.to_dense(), mask.plan(**options).to_dense()
    pixels = np.tile(PAPER, (*kept.shape, 1))
    pixels[computed & ~kept] = FILLED
    pixels[computed & kept] = INK
    pixels[kept & ~computed] = LOST
    side = len(pixels) // 3
    pixels = pixels.reshape(side, 3, side, 3, 3).mean(axis=(1, 3))
    for line in range(100, side, 100):
        pixels[line] = pixels[:, line] = RULED
    return np.rint(pixels).astype(np.uint8)


def in_reference_blocks() -> Pixels:
    return drawn_plan(DRAWN.reference().plan(rounding="radial-reference"))


def in_our_tiles() -> Pixels:
    return drawn_plan(DRAWN.mask("radial", decay=DRAWN.decay).plan(tile="1x128"))


DRAWINGS: dict[str, Callable[[], Pixels]] = {
    "paper": lambda: drawn_mask("radial"),
    "head": lambda: drawn_mask("radial_reference", decay=DRAWN.decay),
    "earlier": lambda: drawn_mask("radial_reference", decay=DRAWN.decay, adjacent=2),
    "radial-2d": lambda: drawn_mask("radial_2d", decay=DRAWN.decay),
    "head-blocks": in_reference_blocks,
    "radial-tiles": in_our_tiles,
    "losses-blocks": lambda: drawn_losses(rounding="radial-reference"),
    "losses-tiles": lambda: drawn_losses(rounding="nearest", tile="1x64"),
}


def main() -> int:
    files = {PAGE: page().encode()}
    for name, draw in DRAWINGS.items():
        files[PICTURES / f"{name}.png"] = _picture.png(draw())
    stale = [path for path, data in files.items() if not path.exists() or path.read_bytes() != data]
    for path in stale:
        if "--check" not in sys.argv[1:]:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(files[path])
        print(f"{'out of date' if '--check' in sys.argv[1:] else 'wrote'}: {path.name}")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
