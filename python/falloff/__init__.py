# SPDX-License-Identifier: Apache-2.0
"""Compiles declarative attention masks into specialised attention kernels.

import falloff

pattern = falloff.load("radial", decay=0.2)
mask = pattern.bind(frames=21, height=30, width=52)
out = falloff.attention(q, k, v, mask)  # q, k, v: (batch, tokens, heads, dim)
"""

from falloff import _find_cuda, analysis, cache, models
from falloff._attention import attention, prepare
from falloff._blocks import Bsr
from falloff._compare import compare
from falloff._comparison import Comparison
from falloff._fit import fit
from falloff._library import patterns
from falloff._mask import Mask
from falloff._pattern import Pattern, load
from falloff._plan import Plan
from falloff.errors import CompileError, DeviceError
from falloff.policy import Policy

__version__ = "0.1.0"

_find_cuda.tell_package_folders()

__all__ = [
    "Bsr",
    "Comparison",
    "CompileError",
    "DeviceError",
    "Mask",
    "Pattern",
    "Plan",
    "Policy",
    "__version__",
    "analysis",
    "attention",
    "cache",
    "compare",
    "fit",
    "load",
    "models",
    "patterns",
    "prepare",
]
