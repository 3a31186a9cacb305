# SPDX-License-Identifier: Apache-2.0
"""The block rule of mit-han-lab/radial-attention @72788d4 in numpy, and the masks printed from it.

Written from a description of the rule, on token-level masks and in float32 as the reference counts,
so that it shares nothing with the compiler, which counts in whole numbers and never sees a mask.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "radial-reference"


def frame_blocks(pair: Mask, row: int, column: int, block: int) -> Mask:
    """Blocks kept of one pair of frames that begin `row` and `column` tokens into their blocks."""
    span = -(-len(pair) // block)
    padded = np.zeros((row + span * block, column + span * block), bool)
    padded[row : row + len(pair), column : column + len(pair)] = pair
    cut = padded[: span * block, : span * block].reshape(span, block, span, block)
    density = cut.sum(axis=1).astype(np.float32) / np.float32(block)
    dense = (density > np.float32(1 / 3)).sum(axis=-1).astype(np.float32)
    seen = (density > 0).sum(axis=-1).astype(np.float32)
    return dense / (seen + np.float32(1e-9)) > np.float32(0.6)


def blocks_of(mask: Mask, frames: int, patches: int, block: int) -> Mask:
    """Blocks kept of a whole mask, whose text follows the video.

    Raises ValueError where the reference raises RuntimeError: numpy, like torch, refuses to write
    the blocks of a frame into a smaller rest of the grid, unless it is one block into nothing.
    """
    kept = np.zeros((len(mask) // block,) * 2, bool)
    text = frames * patches // block
    kept[text:] = True
    kept[:, text:] = True
    span = -(-patches // block)
    for i in range(frames):
        rows = slice(i * patches, (i + 1) * patches)
        for j in range(frames):
            columns = slice(j * patches, (j + 1) * patches)
            found = frame_blocks(
                mask[rows, columns], rows.start % block, columns.start % block, block
            )
            row, column = rows.start // block, columns.start // block
            kept[row : row + span, column : column + span] |= found
    return kept


def pairs_of(blocks: Mask, block: int, tokens: int) -> Mask:
    """The pairs of tokens in kept blocks; none past the end of the grid."""
    pairs = np.zeros((tokens, tokens), bool)
    covered = len(blocks) * block
    pairs[:covered, :covered] = blocks.repeat(block, axis=0).repeat(block, axis=1)
    return pairs


@dataclass
class Golden:
    """A mask that the reference printed. `lines` is empty where only their hash was kept."""

    header: dict[str, Any]
    lines: list[str]

    def __getitem__(self, key: str) -> Any:
        return self.header[key]

    def __str__(self) -> str:
        return str(self["case"])

    def sizes(self) -> dict[str, int]:
        return {
            "frames": self["frames"],
            "tokens_per_frame": self["tokens_per_frame"],
            "text": self["text_tokens"],
        }

    def parameters(self) -> dict[str, Any]:
        return {name: self[name] for name in ("rule", "decay", "block")}

    def blocks(self) -> Mask:
        kept = np.zeros((self["block_rows"], self["block_cols"]), bool)
        for row, line in zip(kept, self.lines, strict=True):
            for run in line.split():
                first, last = map(int, run.split(":"))
                row[first:last] = True
        return kept


def goldens() -> list[Golden]:
    found = []
    for path in sorted(GOLDEN.glob("*.txt")):
        lines = path.read_text().splitlines()
        header = [line[2:].split(" ", 1) for line in lines if line.startswith("# ")]
        left_out = ["rows", "left out: compare sha256_of_rows"] in header
        values = {key: json.loads(value) for key, value in header if key != "rows"}
        rows = [line for line in lines if not line.startswith("#")]
        assert bool(rows) != left_out, path
        found.append(Golden(values, rows))
    return found
