# SPDX-License-Identifier: Apache-2.0
"""What a pattern saves, and which parameter saves so much.

from falloff import analysis

print(analysis.report(mask, model="wan2.1-14b", policy=falloff.Policy(12, "0,1"), steps=50))
analysis.solve(lambda decay: falloff.load("radial", decay=decay).bind(...), density=0.2)
"""

from falloff.analysis.bands import Band
from falloff.analysis.gain import attention_share, end_to_end_gain, run_gain
from falloff.analysis.report import Report, report
from falloff.analysis.solve import Solution, solve

__all__ = [
    "Band",
    "Report",
    "Solution",
    "attention_share",
    "end_to_end_gain",
    "report",
    "run_gain",
    "solve",
]
