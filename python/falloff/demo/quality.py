# SPDX-License-Identifier: Apache-2.0
"""How near a clip is to the clean one: PSNR, and SSIM as Wang et al., 2004."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .video import Frames


def psnr(frames: Frames, clean: Frames) -> float:
    """Peak signal-to-noise ratio over the whole clip, in dB."""
    error = float(np.mean((frames.astype(np.float64) - clean) ** 2))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def ssim(frames: Frames, clean: Frames) -> float:
    """Mean structural similarity, over 11 x 11 Gaussian windows of deviation 1.5."""
    x, y = frames.astype(np.float64), clean.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return float(np.mean(luminance * structure))


def _blur(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    for axis in (1, 2):
        frames = sliding_window_view(frames, kernel.size, axis) @ kernel
    return frames
