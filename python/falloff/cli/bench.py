# SPDX-License-Identifier: Apache-2.0
"""bench: a pattern against dense attention, of the same kernels, on random tensors."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np

import falloff
from falloff import _falloff
from falloff._attention import check_major
from falloff._falloff import View
from falloff._mask import TARGETS
from falloff._progress import Progress
from falloff.cli import commands, sizes
from falloff.cli.commands import Subparsers
from falloff.cli.parsing import at_least


def add_bench(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "bench",
        help="time a pattern's attention and dense attention at a size",
        description="Times a pattern's attention and dense attention on random tensors, on the "
        "CPU. In the repository, python -m benchmarks.gpu times them on a CUDA device.",
    )
    sizes.add_pattern(parser)
    sizes.add_sizes(parser)
    commands.add_plan_options(
        parser, targets=("cpu",), dtypes=("bf16", "fp32"), target_type=_target
    )
    group = parser.add_argument_group("measurement")
    group.add_argument("--batch", type=at_least(1), default=1, metavar="B")
    group.add_argument("--heads", type=at_least(1), default=2, metavar="H")
    group.add_argument("--threads", type=at_least(1), metavar="N", help="default: all processors")
    group.add_argument("--repeat", type=at_least(1), default=3, metavar="N", help="best of N")
    commands.add_kernel_options(group)
    commands.add_json(group)
    parser.set_defaults(run=bench)


def _target(text: str) -> str:
    """A CUDA device is no misspelt cpu: says what measures one."""
    if text in TARGETS and text != "cpu":
        raise argparse.ArgumentTypeError(
            f"expects cpu, but got '{text}': bench times kernels of the CPU; where there is a CUDA "
            "device, python -m benchmarks.gpu, in the repository, times those of one, and "
            f"falloff compile --target {text} --emit json reports on them anywhere"
        )
    return text


def bench(arguments: argparse.Namespace) -> int:
    check_major(arguments.major)
    mask = sizes.bind(arguments)
    started = time.perf_counter()
    plan = mask.plan(**commands.plan_options(arguments))
    planned = time.perf_counter() - started
    heads = plan.heads or arguments.heads
    tensors = _tensors(arguments, mask.tokens, heads)
    every = falloff.load("dense").bind(frames=1, tokens_per_frame=mask.tokens)
    dense = every.plan(dtype=arguments.dtype, head_dim=commands.head_dim(arguments))
    result: dict[str, Any] = {
        "pattern": mask.name,
        "parameters": mask.parameters,
        "tokens": mask.tokens,
        "batch": arguments.batch,
        "heads": heads,
        "head_dim": commands.head_dim(arguments),
        "dtype": arguments.dtype,
        "recipe": arguments.recipe,
        "target": _falloff.describe_target(arguments.features),
        "density": mask.density,
        "pairs_computed": plan.pairs_computed,
        "pairs_issued": plan.pairs_issued,
        "pairs_lost": plan.pairs_lost,
        "plan_seconds": planned,
    }
    work = (arguments.repeat + 1) * (plan.pairs_issued + dense.pairs_issued)
    with Progress(work, after=1.0) as progress:
        result |= _measure("", plan, tensors, arguments, progress)
        result |= _measure("dense_", dense, tensors, arguments, progress)
    result["speedup"] = result["dense_seconds"] / result["seconds"]
    print(json.dumps(result, indent=1) if arguments.json else _table(result))
    return 0


def _tensors(arguments: argparse.Namespace, tokens: int, heads: int) -> list[View]:
    """q, k, v and a result, normally distributed, in (batch, tokens, heads, dim) order."""
    random = np.random.default_rng(0)
    shape = (arguments.batch, tokens, heads, commands.head_dim(arguments))
    views = []
    for name in ("q", "k", "v", "out"):
        values = random.standard_normal(shape, dtype=np.float32)
        if arguments.dtype == "fp32":
            views.append(View.of(values, name))
        else:  # numpy has no bfloat16: its bits are the upper half of float32's
            bits = (values.view(np.uint32) >> 16).astype(np.uint16)
            views.append(View.of(bits, name).as_dtype("bfloat16"))
    return views


def _measure(
    prefix: str,
    plan: falloff.Plan,
    tensors: list[View],
    arguments: argparse.Namespace,
    progress: Progress,
) -> dict[str, float]:
    """Time of the first call, compilation included, and the best of the others."""
    q, k, v, out = tensors
    times = []
    for _ in range(arguments.repeat + 1):
        with progress.step(plan._impl.pattern, plan.pairs_issued):
            started = time.perf_counter()
            falloff.attention(
                q,
                k,
                v,
                plan,
                out=out,
                threads=arguments.threads or 0,
                features=arguments.features,
                recipe=arguments.recipe,
            )
            times.append(time.perf_counter() - started)
    best = min(times[1:])
    entries = arguments.batch * q.shape[2]
    flops = 4.0 * plan.pairs_computed * entries * commands.head_dim(arguments)
    return {
        f"{prefix}first_seconds": times[0],
        f"{prefix}seconds": best,
        f"{prefix}gflops": flops / best / 1e9,
    }


def _table(result: dict[str, Any]) -> str:
    values = ", ".join(f"{name}={value}" for name, value in result["parameters"].items())
    size = f"{result['batch']} x {result['tokens']:,} x {result['heads']} x {result['head_dim']}"
    issued = result["pairs_issued"] / result["tokens"] ** 2
    kind = result["dtype"] + (f" by {result['recipe']}" if result["recipe"] else "")
    lines = [
        f"@{result['pattern']}" + (f" ({values})" if values else ""),
        f"{size} (batch x tokens x heads x dim), {kind}, {result['target']}",
        f"density {result['density']:.4f}, issued {issued:.4f}, "
        f"planned in {result['plan_seconds'] * 1e3:.1f} ms",
        f"{'':<10}{'first call':>12}{'best':>12}{'GFLOP/s':>12}",
    ]
    for name, prefix in ((result["pattern"], ""), ("dense", "dense_")):
        first, best, rate = (result[prefix + key] for key in ("first_seconds", "seconds", "gflops"))
        lines.append(f"{name:<10}{first:>10.3f} s{best:>10.3f} s{rate:>12.1f}")
    density = result["density"]
    bound = f"1 / density is {1 / density:.2f}" if density else "the mask holds no pair"
    lines.append(f"{result['speedup']:.2f} times as fast as dense; {bound}")
    return "\n".join(lines)
