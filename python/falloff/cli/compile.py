# SPDX-License-Identifier: Apache-2.0
"""compile: what the compiler makes of a pattern, from its mask to machine code."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from falloff import _falloff, _sass
from falloff._attention import CUDA_RECIPES
from falloff._mask import TARGETS, Mask
from falloff.cli import commands, sizes
from falloff.cli.commands import Subparsers

_STAGES = ("mask", "schedule")
_CPU_STAGES = ("mlir", "llvm", "asm")
_CUDA_STAGES = ("cuda", "ptx", "cubin", "sass", "json")
_REMARK = re.compile(r"\bwarning *[:#]|\(C\d{4}\)")  # of NVRTC, or of ptxas: its advice is numbered


def add_compile(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "compile",
        help="print what the compiler makes of a pattern, stage by stage",
        description="Prints the mask after simplification, its schedule, or its kernels.",
    )
    sizes.add_pattern(parser)
    sizes.add_sizes(parser)
    commands.add_plan_options(parser)
    parser.add_argument(
        "--emit",
        choices=[*_STAGES, *_CPU_STAGES, *_CUDA_STAGES],
        default="schedule",
        help="default: schedule; mlir, llvm and asm: of the CPU's kernels; cuda, ptx, cubin, sass "
        "and json (what the compiler reports): of those of a CUDA device",
    )
    parser.add_argument(
        "--json", action="store_const", const="json", dest="emit", help="as --emit json"
    )
    parser.add_argument("--output", metavar="FILE", help="default: stdout")
    commands.add_kernel_options(parser, recipes=CUDA_RECIPES)
    parser.set_defaults(run=compile_)


def compile_(arguments: argparse.Namespace) -> int:
    _check(arguments)
    mask = sizes.bind(arguments)
    if arguments.emit in _STAGES:
        result: str | bytes = mask.print(arguments.emit, **commands.plan_options(arguments))
    elif arguments.target == "cpu":
        plan = mask.plan(**commands.plan_options(arguments))._impl
        result = _falloff.print_kernel(
            plan, arguments.dtype, arguments.emit, arguments.features, arguments.recipe or ""
        )
    else:
        result = _device_kernel(mask, arguments)
    _write(result, arguments.output)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    devices = arguments.target != "cpu"
    if devices and arguments.features != "native":
        raise ValueError(
            f"expects --target cpu with --features {arguments.features}, but got "
            f"{arguments.target}, which has none to choose from"
        )
    given = {"--features": arguments.features != "native", "--recipe": arguments.recipe is not None}
    for option, is_given in given.items():
        if is_given and arguments.emit in _STAGES:
            stages = ", ".join(_CUDA_STAGES if devices else _CPU_STAGES)
            raise ValueError(
                f"expects --emit to be one of {stages} with {option}, but got {arguments.emit}, "
                "which is the same for all"
            )
    if devices and arguments.emit in _CPU_STAGES:
        raise ValueError(
            f"expects --target cpu with --emit {arguments.emit}, but got {arguments.target}; "
            f"its kernels are printed by --emit {', '.join(_CUDA_STAGES)}"
        )
    if not devices and arguments.emit in _CUDA_STAGES:
        raise ValueError(
            f"expects --target to be one of {', '.join(TARGETS[1:])} with --emit {arguments.emit}, "
            "but got cpu"
        )
    if arguments.emit == "cubin" and arguments.output is None and sys.stdout.isatty():
        raise ValueError(
            "expects --output FILE, or a pipe, for a cubin, which is no text; "
            "--emit sass prints its code"
        )


def _aligned(head_dim: int) -> bool:
    """Whether rows of contiguous tensors, of two bytes a number, are whole words of 16 bytes."""
    return head_dim % 8 == 0


def _device_kernel(mask: Mask, arguments: argparse.Namespace) -> str | bytes:
    plan = mask.plan(**commands.plan_options(arguments))._impl
    head_dim = commands.head_dim(arguments)
    aligned = _aligned(head_dim)
    choice = (arguments.target, arguments.dtype, arguments.recipe or "", head_dim, aligned)
    if arguments.emit == "cuda":
        return _falloff.print_cuda_kernel(plan, *choice)
    if arguments.emit == "sass":
        _sass.find_nvdisasm()  # before a compile, which takes longer
    kernel = _falloff.compile_cuda(plan, *choice, ptx=arguments.emit == "ptx")
    if arguments.emit == "ptx":
        return kernel.image.decode()
    if arguments.emit == "cubin":
        return kernel.image
    if arguments.emit == "sass":
        return _sass.disassemble(kernel.image)
    return json.dumps(_report(mask, arguments, kernel), indent=1)


def _report(
    mask: Mask, arguments: argparse.Namespace, kernel: _falloff.CudaKernel
) -> dict[str, Any]:
    return {
        "pattern": mask.name,
        "target": arguments.target,
        "dtype": arguments.dtype,
        "recipe": arguments.recipe,
        "head_dim": commands.head_dim(arguments),
        "aligned": _aligned(commands.head_dim(arguments)),
        "nvrtc": kernel.nvrtc_version,
        "seconds": kernel.seconds,
        "source_bytes": len(kernel.source.encode()),
        "source_lines": kernel.source.count("\n"),
        "cubin_bytes": len(kernel.image),
        "shape": {
            "query_block": kernel.query_block,
            "key_block": kernel.key_block,
            "padded_head_dim": kernel.head_dim,
            "threads": kernel.threads,
            "stages": kernel.stages,
            "resident_blocks": kernel.resident_blocks,
            "shared_bytes": kernel.shared_bytes,
        },
        "kernels": [
            {
                "name": entry.name,
                "registers": entry.registers,
                "stack_bytes": entry.stack_bytes,
                "spill_store_bytes": entry.spill_store_bytes,
                "spill_load_bytes": entry.spill_load_bytes,
                "static_shared_bytes": entry.shared_bytes,
            }
            for entry in kernel.entries
        ],
        "warnings": [line for line in kernel.log.splitlines() if _REMARK.search(line)],
        "log": kernel.log,
    }


def _write(result: str | bytes, output: str | None) -> None:
    if isinstance(result, str):
        result = result if result.endswith("\n") else result + "\n"
        if output is None:
            print(result, end="")
        else:
            Path(output).write_text(result)
    elif output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(result)
        sys.stdout.buffer.flush()
    else:
        Path(output).write_bytes(result)
