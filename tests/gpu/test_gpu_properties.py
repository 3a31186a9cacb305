# SPDX-License-Identifier: Apache-2.0
"""Random patterns under random schedules with random tensors and options, on this machine's device,
against float64: the cases of `cuda_cases`, which CI runs in the simulator."""

from __future__ import annotations

import random

from falloff import _falloff

import cuda_cases
from machines import Machine


def test_random_call(machine: Machine, seed: int) -> None:
    rng = random.Random(seed + 77)
    problem = cuda_cases.random_problem(rng, seed)
    known = [r for r, first in cuda_cases.RECIPES.items() if machine.architecture >= first]
    recipe = rng.choice(known)
    inputs = cuda_cases.random_inputs(rng, problem, recipe)
    try:
        out, lse = machine.attention(
            (inputs.q, inputs.k, inputs.v),
            problem.plan,
            layout=inputs.layout,
            recipe=recipe,
            **inputs.options,
        )
        cuda_cases.check(problem, inputs, recipe, _falloff.cuda_target(0), out, lse)
    except BaseException as error:
        error.add_note(
            f"seed {seed}, {problem.kind}, recipe {recipe}, {inputs.dtype}, q {inputs.q.shape}, "
            f"k {inputs.k.shape}, v {inputs.v.shape}, {inputs.options}, {sorted(inputs.flags)}\n"
            f"{problem.told}"
        )
        raise
