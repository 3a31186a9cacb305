# SPDX-License-Identifier: Apache-2.0
"""Small attention of every kind in a process without torch: what the sanitizers look at.

    export PYTHONPATH=python:tests/gpu:tests/python
    compute-sanitizer --tool memcheck python tests/gpu/workload.py
    compute-sanitizer --tool memcheck python tests/gpu/workload.py --planted memcheck

Each tensor is an allocation of its own and exactly as large as its elements, workspaces begin
unwritten, and results are compared with float64. `--planted` launches a kernel with the fault that
the tool of that name is for, by which a test knows that the tool sees this process.
"""

from __future__ import annotations

import argparse
import random
from typing import Any

import falloff
import numpy as np

import exact_attention
import int8_model
from device_arrays import Driver
from machines import DTYPES, Array, DriverMachine, Machine

# Sizes are small, since a sanitizer makes a kernel a hundred times slower.
CASES: list[dict[str, Any]] = [
    {"pattern": "radial", "bind": {"frames": 5, "tokens_per_frame": 61, "decay": 0.4}},
    {"pattern": "radial", "bind": {"frames": 3, "tokens_per_frame": 90}, "rounding": "nearest"},
    {"pattern": "dense", "bind": {"frames": 1, "tokens_per_frame": 700}, "dim": 64},
    {"pattern": "causal", "bind": {"tokens": 203}, "dim": 40, "value_dim": 24},
    {"pattern": "streaming_llm", "bind": {"tokens": 300, "first": 4, "recent": 30}, "dim": 256},
    {"pattern": "sliding_tile", "bind": {"frames": 6, "height": 8, "width": 9}, "heads": 4},
    {
        "pattern": "cogvideox",
        "bind": {"frames": 2, "height": 7, "width": 10, "text": 30},
        "text": 11,
    },
    {"pattern": "neighborhood", "bind": {"frames": 3, "height": 7, "width": 9}, "odd": True},
]
RECIPES = {"": 80, "int8": 80, "int8-fp8": 89}  # and the first architecture that has them


def inputs_of(case: dict[str, Any], tokens: int, dtype: str) -> list[Array]:
    heads, dim = case.get("heads", 2), case.get("dim", 128)
    shapes = [(heads, dim), (1, dim), (1, case.get("value_dim", dim))]
    numbers = np.random.default_rng(3)
    made = []
    for count, size in shapes:
        wide = size + 3 if case.get("odd") else size  # rows that begin on no 16 bytes
        values = numbers.standard_normal((1, tokens, count, wide), np.float32)
        made.append(values.astype(DTYPES[dtype])[..., :size])
    return made


def run(machine: Machine, case: dict[str, Any], dtype: str, recipe: str) -> None:
    mask = falloff.load(case["pattern"]).bind(**case["bind"])
    plan = mask.plan(rounding=case.get("rounding", "exact"))
    inputs = inputs_of(case, mask.tokens, dtype)
    pairs = np.stack([plan.to_dense()] * inputs[0].shape[2])[None]
    options: dict[str, Any] = {"recipe": recipe or None}
    valid = np.ones((1, mask.tokens), bool)
    if "text" in case:
        first = next(
            s["first_token"] for s in plan.as_dict()["grid"]["segments"] if s["axes"] == ["token"]
        )
        options["text_lengths"] = [case["text"]]
        valid[0, first + case["text"] : first + case["bind"]["text"]] = False
        pairs = pairs & valid[0] & valid[0][:, None]
    out, lse = machine.attention(inputs, plan, **options)
    if recipe:  # near enough to tell nonsense: the recipes' own bounds are tested elsewhere
        exact = int8_model.attention(*inputs, pairs, valid=valid)
        assert np.isfinite(out).all()
        assert np.abs(out - exact.out).max() < 0.15, np.abs(out - exact.out).max()
    else:
        exact_attention.check(out, lse, exact_attention.attention(*inputs, pairs), dtype)


HEAD = ".version 7.0\n.target sm_80\n.address_size 64\n"
PLANTED = {
    # One word behind the end of an array is written.
    "memcheck": """
.visible .entry planted(.param .u64 data) {
  .reg .u64 %a;
  ld.param.u64 %a, [data];
  st.global.u32 [%a + 128], 1;
  ret;
}
""",
    # Two warps write one word of shared memory with no barrier between them.
    "racecheck": """
.visible .entry planted(.param .u64 data) {
  .reg .u32 %t, %v;
  .reg .u64 %a;
  .shared .align 4 .b8 word[4];
  mov.u32 %t, %tid.x;
  st.shared.u32 [word], %t;
  ld.shared.u32 %v, [word];
  ld.param.u64 %a, [data];
  st.global.u32 [%a], %v;
  ret;
}
""",
    # Half of a warp leaves, and the other half comes to a barrier of whole warps.
    "synccheck": """
.visible .entry planted(.param .u64 data) {
  .reg .u32 %t;
  .reg .pred %p;
  mov.u32 %t, %tid.x;
  setp.ge.u32 %p, %t, 48;
  @%p exit;
  bar.sync 0;
  ret;
}
""",
    # A word that nobody has written is read.
    "initcheck": """
.visible .entry planted(.param .u64 data) {
  .reg .u32 %v;
  .reg .u64 %a;
  ld.param.u64 %a, [data];
  ld.global.u32 %v, [%a + 64];
  st.global.u32 [%a], %v;
  ret;
}
""",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planted", choices=sorted(PLANTED))
    options = parser.parse_args()
    driver = Driver()
    if options.planted:
        data = driver.empty((32,), np.uint32)
        driver.launch(HEAD + PLANTED[options.planted], "planted", [data], block=64)
        return
    machine = DriverMachine(driver, simulated=False)
    done = 0
    for number, case in enumerate(CASES):
        for recipe, first in RECIPES.items():
            if machine.architecture < first:
                continue
            dtype = random.Random(number).choice(["bf16", "fp16"])
            run(machine, case, dtype, recipe)
            done += 1
    print(f"workload: {done} launches agree")


if __name__ == "__main__":
    main()
