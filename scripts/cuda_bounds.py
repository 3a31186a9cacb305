# SPDX-License-Identifier: Apache-2.0
"""What bounds the CUDA kernels on paper: the tables of docs/cuda-bounds.md, from counts and rates.

python scripts/cuda_bounds.py            counts again in the simulator, and writes counts and tables
python scripts/cuda_bounds.py --page     writes the tables from the counts that are kept
python scripts/cuda_bounds.py --check    says whether the page is out of date, and exits 1 if so

Counts are of one tile of 128 queries and 128 keys: the kernel runs in tests/ptxsim over two lengths
of keys, and their difference is what the tiles between cost, with nothing of a row's beginning and
end. They are kept in docs/cuda-bounds.json, since counting takes minutes.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpu_rates import EMULATED, GPUS, ISSUE, L2, UNPACKS, Gpu

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "cuda-bounds.md"
COUNTS = ROOT / "docs" / "cuda-bounds.json"
DRIVER = ROOT / os.environ.get("FALLOFF_BUILD", "build/release") / "ptxsim" / "libcuda.so.1"
TILE = 128  # queries and keys of the tile that is counted
LENGTHS = (4, 8)  # tiles of keys


KERNELS = [("bf16", 64), ("bf16", 128), ("int8", 128), ("int8-fp8", 128)]
# What kinds of the simulator do not tell apart: two floats made a pair of 16 or 8 bits; and float
# instructions that are no comparison or selection, which other units do.
OPCODES = {"packs": r"cvt\..*x2\.f32", "arithmetic": r"(add|sub|mul|fma)(\.rn)?(\.ftz)?\.f32"}
# Bytes of a lane where kernels that round K and V touch those. What else they load, scales and
# tokens that all rows share, stays in L1. Rounding Q costs a row once, and no tile of it.
ROWS = {r"ld\.global.*\.v4\.u32": 16, r"st\.global\.u32": 4}
Counted = dict[str, Any]


def has(gpu: Gpu, recipe: str) -> bool:
    return recipe != "int8-fp8" or gpu.architecture >= 89


# ---- counting


def count(recipe: str, head_dim: int, tiles: int) -> Counted:
    """What a row of so many tiles executes, in this process, which holds the simulated driver."""
    driver = ctypes.CDLL(str(DRIVER), ctypes.RTLD_GLOBAL)
    driver.ptxsimCounts.restype = ctypes.c_char_p
    sys.path.insert(0, str(ROOT / "tests" / "python"))
    import falloff
    import ml_dtypes
    import numpy as np

    from device_arrays import Driver

    device = Driver()
    keys = tiles * TILE
    mask = falloff.load("dense").bind(frames=1, tokens_per_frame=keys)
    plan = mask.slice(queries=(0, TILE), keys=(0, keys)).plan(tile=f"1x{TILE}")
    numbers = np.random.default_rng(0)
    q, k, v = (
        device.array(numbers.standard_normal((1, n, 1, head_dim)).astype(ml_dtypes.bfloat16))
        for n in (TILE, keys, keys)
    )
    chosen = None if recipe == "bf16" else recipe
    out = device.empty(q.shape, q.dtype)
    size = falloff.prepare(q, k, v, plan, recipe=chosen)
    workspace = device.empty((max(size, 1),), np.uint8)
    falloff.attention(q, k, v, plan, recipe=chosen, out=out, workspace=workspace)
    launches: list[Counted] = json.loads(driver.ptxsimCounts())
    totals: dict[str, Counted] = {one["kernel"]: one["total"] for one in launches}
    found = totals.pop("falloff_attention")
    found["beforeInstructions"] = sum(one["instructions"] for one in totals.values())
    found["beforeBytes"] = sum(
        32 * size * number
        for one in totals.values()
        for opcode, number in one["opcodes"].items()
        for pattern, size in ROWS.items()
        if re.fullmatch(pattern, opcode)
    )
    return found


def count_apart(recipe: str, head_dim: int, architecture: int, tiles: int) -> Counted:
    settings = {"PTXSIM_ARCHITECTURE": str(architecture), "FALLOFF_CUDA_IMAGE": "ptx"}
    command = [sys.executable, __file__, "--count", recipe, str(head_dim), str(tiles)]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"cuda-bounds: error: {' '.join(command)}\n{done.stderr}")
    result: Counted = json.loads(done.stdout.splitlines()[-1])
    return result


def of_a_tile(recipe: str, head_dim: int, architecture: int) -> Counted:
    """Counts of one tile: a difference, so what a row costs once is not in it."""
    short, long = (count_apart(recipe, head_dim, architecture, tiles) for tiles in LENGTHS)
    between = LENGTHS[1] - LENGTHS[0]

    def share(a: Any, b: Any) -> Any:
        if isinstance(b, dict):
            return {name: share(a.get(name, 0), value) for name, value in b.items()}
        return (b - a) / between

    names = ["instructions", "conflicts", "wavefronts", "globalBytes", "kinds", "matrix", "opcodes"]
    names += ["beforeBytes", "beforeInstructions"]
    one: Counted = {name: share(short[name], long[name]) for name in names}
    opcodes: dict[str, float] = one.pop("opcodes")
    for name, pattern in OPCODES.items():
        one[name] = sum(n for opcode, n in opcodes.items() if re.fullmatch(pattern, opcode))
    return one


def all_counts() -> dict[str, Counted]:
    found = {}
    for recipe, head_dim in KERNELS:
        for gpu in GPUS:
            if has(gpu, recipe):
                name = name_of(recipe, head_dim, gpu)
                found[name] = of_a_tile(recipe, head_dim, gpu.architecture)
                print(f"cuda-bounds: counted {name}", flush=True)
    return found


def name_of(recipe: str, head_dim: int, gpu: Gpu) -> str:
    return f"{recipe} D={head_dim} sm_{gpu.architecture}"


# ---- bounds


def operations_of(shape: str) -> tuple[str, float]:
    """Type of the operands and operations of one `mma` of a shape such as
    m16n8k16.row.col.f32.bf16.bf16.f32."""
    size, *words = shape.split(".")
    m, rest = size[1:].split("n")
    n, k = rest.split("k")
    types = [word for word in words if word not in ("row", "col", "sync", "aligned", "satfinite")]
    return {"f16": "bf16"}.get(types[1], types[1]), 2.0 * int(m) * int(n) * int(k)


def clocks(gpu: Gpu, counted: Counted) -> dict[str, float]:
    """Clocks of one multiprocessor that each resource is busy for one tile."""
    kinds: dict[str, float] = counted["kinds"]
    tensor, added, unpacked = 0.0, 0.0, 0.0
    for shape, number in counted["matrix"].items():
        kind, operations = operations_of(shape)
        tensor += number * operations / gpu.tensor[kind]
        if kind == "e4m3" and gpu.architecture in EMULATED:
            added += number  # a second product
            unpacked += UNPACKS * number
    issued = counted["instructions"] - kinds["move"] + added + unpacked
    return {
        "tensor": tensor,
        "exp2": kinds["special"] * 32 / gpu.special,
        "packing": (counted["packs"] + unpacked) * 32 / gpu.packs,
        "fp32": counted["arithmetic"] * 32 / gpu.floats,
        "integer": others_of(counted) * 32 / gpu.integers,
        "issue": issued / ISSUE,
        "shared memory": counted["wavefronts"],
        "L2": counted["globalBytes"] / L2,
    }


def others_of(counted: Counted) -> float:
    """Integer arithmetic, and all comparisons and selections: they share units."""
    kinds: dict[str, float] = counted["kinds"]
    return kinds["integer"] + kinds["float"] - counted["arithmetic"]


def flops(head_dim: int) -> float:
    """Of a tile: two products."""
    return 4.0 * TILE * TILE * head_dim


def rate(gpu: Gpu, head_dim: int, clocks_of_tile: float) -> float:
    """TFLOP/s of a device that takes so many clocks for a tile."""
    return gpu.teraflops(flops(head_dim) / clocks_of_tile)


def in_turn(busy: dict[str, float]) -> float:
    """Clocks of a tile where products and softmax do not overlap: the pessimist's bound."""
    softmax = ("exp2", "packing", "fp32", "integer")
    return busy["tensor"] + max(busy[name] for name in softmax)


def bounds(busy: dict[str, float]) -> list[str]:
    """Resources, the busiest first."""
    return sorted(busy, key=lambda name: -busy[name])


# ---- the page


def table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    yield from ("| " + " | ".join(row) + " |" for row in rows)
    yield ""


def count_rows(counts: dict[str, Counted]) -> list[list[str]]:
    """A row a kernel, and another where an architecture's counts differ."""
    rows: list[list[str]] = []
    for recipe, head_dim in KERNELS:
        seen: dict[str, list[str]] = {}
        for gpu in GPUS:
            if has(gpu, recipe):
                cells = count_cells(counts[name_of(recipe, head_dim, gpu)])
                seen.setdefault(json.dumps(cells), []).append(f"{gpu.architecture}")
        rows += [
            [f"{recipe}, D = {head_dim}", " ".join(f"sm_{a}" for a in where), *json.loads(cells)]
            for cells, where in seen.items()
        ]
    return rows


def count_cells(one: Counted) -> list[str]:
    kinds = one["kinds"]
    cells = [sum(one["matrix"].values())]
    cells += [kinds["special"], one["arithmetic"], others_of(one), one["packs"], kinds["move"]]
    cells += [one["instructions"], one["wavefronts"], one["conflicts"], one["globalBytes"] / 1024]
    return [f"{cell:,.0f}" for cell in cells]


def rate_rows() -> list[list[str]]:
    rows = []
    for gpu in GPUS:
        tensor = ", ".join(f"{kind} {value:,.0f}" for kind, value in gpu.tensor.items())
        rows.append(
            [
                gpu.name,
                f"{gpu.multiprocessors} × {gpu.gigahertz:g} GHz",
                tensor,
                f"{gpu.special:g}",
                f"{gpu.floats:g}",
                f"{gpu.integers:g}",
                f"{gpu.packs:g}",
                f"{gpu.memory_bytes:.1f}",
                gpu.sources,
            ]
        )
    return rows


def bound_rows(recipe: str, head_dim: int, counts: dict[str, Counted]) -> list[list[str]]:
    rows = []
    for gpu in GPUS:
        if not has(gpu, recipe):
            continue
        busy = clocks(gpu, counts[name_of(recipe, head_dim, gpu)])
        first = bounds(busy)[0]
        cells = [f"{value:,.0f}" for value in busy.values()]
        cells[list(busy).index(first)] = f"**{busy[first]:,.0f}**"
        best = rate(gpu, head_dim, busy[first])
        worst = rate(gpu, head_dim, in_turn(busy))
        published = ""
        if gpu.published and (recipe, head_dim) == ("bf16", 128):
            published = f"{gpu.published * 0.9:.0f}"
        rows.append([gpu.name, *cells, f"{best:,.0f}", f"{worst:,.0f}", published])
    return rows


def next_rows(counts: dict[str, Counted]) -> list[list[str]]:
    """A row a kernel: what bounds it on each device, and what is nearest behind."""
    rows = []
    for recipe, head_dim in KERNELS:
        cells = [f"{recipe}, D = {head_dim}"]
        for gpu in GPUS:
            if not has(gpu, recipe):
                cells.append("")
                continue
            busy = clocks(gpu, counts[name_of(recipe, head_dim, gpu)])
            first, second = bounds(busy)[:2]
            cells.append(f"{first}; {second} {busy[second] / busy[first]:.0%}")
        rows.append(cells)
    return rows


def before_rows(counts: dict[str, Counted]) -> list[list[str]]:
    """What rounding 128 keys and values takes, in tiles of the kernel that reads them."""
    rows = []
    for recipe, head_dim in KERNELS:
        for gpu in GPUS:
            if recipe == "bf16" or not has(gpu, recipe):
                continue
            one = counts[name_of(recipe, head_dim, gpu)]
            busy = clocks(gpu, one)
            taken = max(one["beforeBytes"] / gpu.memory_bytes, one["beforeInstructions"] / ISSUE)
            cells = [f"{recipe}, D = {head_dim}", gpu.name, f"{one['beforeBytes'] / 1024:,.0f}"]
            cells += [f"{one['beforeInstructions']:,.0f}", f"{taken:,.0f}"]
            rows.append([*cells, f"{taken / busy[bounds(busy)[0]]:.1f}"])
    return rows


def about_memory(counts: dict[str, Counted]) -> str:
    shares = []
    for gpu in GPUS:
        one = counts[name_of("bf16", 128, gpu)]
        taken = one["globalBytes"] / gpu.memory_bytes
        shares.append(f"{taken / clocks(gpu, one)['tensor']:.2f} ({gpu.name})")
    return (
        "From device memory, were nothing of it in L2, the keys and values of a tile in bf16 at "
        "D = 128 would take\n"
        f"{', '.join(shares)} of the clocks of its products: rows\n"
        "that run together must read the same keys, as neighbours do."
    )


def blocks(counts: dict[str, Counted]) -> dict[str, list[str]]:
    """What stands between a comment <!-- name --> of the page and <!-- end -->."""
    head = ["kernel", "target", "mma", "exp2", "fp32", "integer", "packing", "moves"]
    head += ["all instructions", "wavefronts", "conflicts", "KiB from L2"]
    made = {"counts": [*table(head, count_rows(counts))]}
    head = ["GPU", "multiprocessors", "`mma.sync`", "exp2", "fp32", "integer", "packing"]
    made["rates"] = [*table([*head, "memory, bytes", "source"], rate_rows())]
    for recipe, head_dim in KERNELS:
        names = list(clocks(GPUS[2], counts[name_of(recipe, head_dim, GPUS[2])]))
        head = ["GPU", *names, "TFLOP/s at most", "in turn", "bar"]
        rows = bound_rows(recipe, head_dim, counts)
        made[f"{recipe} D={head_dim}"] = [*table(head, rows)]
    made["memory"] = [about_memory(counts), ""]
    head = ["kernel", "GPU", "KiB of 128 keys", "instructions", "clocks", "tiles"]
    made["before"] = [*table(head, before_rows(counts))]
    made["next"] = [*table(["kernel", *(gpu.name for gpu in GPUS)], next_rows(counts))]
    return made


def page(counts: dict[str, Counted], text: str) -> str:
    """The page with its tables made anew; what is around them is left as it is."""
    made = blocks(counts)
    found = re.findall(r"<!-- ([^>]+) -->\n\n.*?<!-- end -->", text, re.DOTALL)
    if sorted(found) != sorted(made):
        raise ValueError(f"expects blocks {sorted(made)} in {PAGE.name}, but got {sorted(found)}")
    for name, lines in made.items():
        old = rf"(<!-- {re.escape(name)} -->\n\n).*?(<!-- end -->)"
        new = "\n".join(lines) + "\n"
        text = re.sub(old, lambda match, new=new: match[1] + new + match[2], text, flags=re.DOTALL)
    return text


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--count"]:
        print(json.dumps(count(arguments[1], int(arguments[2]), int(arguments[3]))))
        return 0
    if not arguments:
        COUNTS.write_text(json.dumps(all_counts(), indent=1) + "\n")
    before = PAGE.read_text()
    text = page(json.loads(COUNTS.read_text()), before)
    if arguments == ["--check"]:
        current = before == text
        print(f"cuda-bounds: {PAGE.name}: {'ok' if current else 'is out of date'}")
        return 0 if current else 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
