# SPDX-License-Identifier: Apache-2.0
"""Non-local means (Buades, Coll and Morel, 2005) written as attention.

A patch is replaced by a mean of all patches, weighted by how alike their surroundings a are:
exp(-|ai - aj|^2 / h^2). Since |ai|^2 is the same for every j, softmax gives just these weights from

    q_i = (a_i, 1)    k_j = (2 a_j, -|a_j|^2) / h^2    v_j = the pixels of patch j    scale = 1

The extra column is large beside the rest and nearly cancels it, hence float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .video import PATCH, Frames

FEATURE = 8  # pixels along each side of the surroundings that patches are compared by
MARGIN = (FEATURE - PATCH) // 2


@dataclass(frozen=True)
class Job:
    """One batch entry and one head in the layout BSHD; tokens are (frame, patch), row-major.

    q and k are (1, tokens, 1, 65), v is (1, tokens, 1, 16).
    """

    q: NDArray[np.float32]
    k: NDArray[np.float32]
    v: NDArray[np.float32]
    shape: tuple[int, int, int]  # frames, rows and columns of patches

    @property
    def tokens(self) -> int:
        return int(self.q.shape[1])


def add_noise(frames: Frames, sigma: float, seed: int) -> Frames:
    """Gaussian noise of standard deviation `sigma`, then 8-bit pixels again, as a camera gives."""
    noise = np.random.default_rng(seed).standard_normal(frames.shape, dtype=np.float32)
    return np.clip(np.rint(frames + sigma * noise), 0, 255).astype(np.float32)


def prepare(noisy: Frames, sigma: float, strength: float = 0.6) -> Job:
    """Tokens of a noisy clip; h is `strength` times the length of the noise in a feature vector."""
    count, height, width = noisy.shape
    h_squared = (strength * sigma * FEATURE) ** 2
    centred = noisy - np.float32(128)  # distances stay as they are; the last column shrinks
    border = [(0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)]
    windows = sliding_window_view(
        np.pad(centred, border, mode="reflect"), (FEATURE, FEATURE), (1, 2)
    )
    a = windows[:, ::PATCH, ::PATCH].reshape(-1, FEATURE * FEATURE)
    norm = np.sum(a.astype(np.float64) ** 2, axis=1, keepdims=True)
    q = np.concatenate([a, np.ones_like(norm)], axis=1, dtype=np.float32, casting="same_kind")
    k = np.concatenate([2 * a, -norm], axis=1, dtype=np.float64) / h_squared
    v = sliding_window_view(noisy, (PATCH, PATCH), (1, 2))[:, ::PATCH, ::PATCH].reshape(
        -1, PATCH**2
    )
    batch_and_head = (None, slice(None), None)
    return Job(
        q[batch_and_head],
        k.astype(np.float32)[batch_and_head],
        np.ascontiguousarray(v)[batch_and_head],
        (count, height // PATCH, width // PATCH),
    )


def assemble(out: NDArray[np.float32], shape: tuple[int, int, int]) -> Frames:
    """The frames that patches (1, tokens, 1, 16) tile."""
    count, rows, columns = shape
    patches = out.reshape(count, rows, columns, PATCH, PATCH).transpose(0, 1, 3, 2, 4)
    return patches.reshape(count, rows * PATCH, columns * PATCH)
