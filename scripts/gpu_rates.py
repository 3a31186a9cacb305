# SPDX-License-Identifier: Apache-2.0
"""Published rates of GPUs, for bounds on paper: what a multiprocessor does in a clock.

Arithmetic other than matrices is from the table "throughput of native arithmetic instructions" of
the CUDA C++ programming guide (results a clock and multiprocessor), matrices from each maker's
document as named: rate ÷ (multiprocessors × clock). Two rates are no published ones:

- `mma.sync` on Hopper reaches 62.9 % of what `wgmma` does, on average over formats and shapes, by
  Luo et al., "Benchmarking and dissecting the Nvidia Hopper GPU architecture via microbenchmarking"
  (arXiv 2402.13499). It has no 8-bit floats for `mma.sync`: ptxas makes two products in fp16 of
  each, and unpacks the operands, 2.5 conversions a product where they are used again (counted in
  the SASS of the kernel of int8-fp8, NVRTC 13.0).
- Packing two floats into one register of 16-bit or 8-bit ones (F2FP) is not in the guide's table.
  Taken here: 64 a clock, as units of integers do. The table's "all other conversions", 16 a clock,
  are those between whole numbers and floats, of which the kernels have none in their loops.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """Rates of a multiprocessor and a clock. Tensor rates are of `mma.sync` with float32 or int32
    sums, dense, in operations; a multiply-add is two."""

    name: str
    architecture: int
    multiprocessors: int
    gigahertz: float  # at which the published rates hold
    memory: float  # TB/s
    tensor: dict[str, float]
    special: float  # ex2, rcp: results
    floats: float  # fp32 add, multiply, multiply-add
    integers: float  # add, logic, compare, select
    packs: float  # two float32 to a pair of 16 or 8 bits
    published: float | None  # FlashAttention-2, bf16, D = 128, TFLOP/s
    sources: str

    def teraflops(self, operations_a_clock: float) -> float:
        return operations_a_clock * self.multiprocessors * self.gigahertz / 1e3

    @property
    def memory_bytes(self) -> float:
        """Of device memory, for each multiprocessor and clock."""
        return self.memory * 1e3 / (self.multiprocessors * self.gigahertz)


HOPPER_SHARE = 0.629

GPUS = [
    Gpu(
        "A100",
        80,
        108,
        1.41,
        2.039,
        {"bf16": 2048, "s8": 4096},
        special=16,
        floats=64,
        integers=64,
        packs=64,
        published=230,
        sources="A100 80 GB SXM: NVIDIA A100 whitepaper (312 TFLOP/s bf16, 624 TOP/s int8)",
    ),
    Gpu(
        "RTX 4090",
        89,
        128,
        2.52,
        1.008,
        {"bf16": 512, "s8": 2048, "e4m3": 1024},
        special=16,
        floats=128,
        integers=64,
        packs=64,
        published=164,
        sources="NVIDIA Ada whitepaper (165.2 bf16, 330.3 fp8, of fp32 sums; 660.6 int8)",
    ),
    Gpu(
        "H200",
        90,
        132,
        1.83,
        4.8,
        {"bf16": 4096 * HOPPER_SHARE, "s8": 8192 * HOPPER_SHARE, "e4m3": 4096 * HOPPER_SHARE},
        special=16,
        floats=128,
        integers=64,
        packs=64,
        published=340,
        sources="NVIDIA H100 whitepaper and H200 datasheet (989 bf16, 1979 int8 with `wgmma`)",
    ),
    Gpu(
        "RTX 5090",
        120,
        170,
        2.407,
        1.792,
        {"bf16": 512, "s8": 2048, "e4m3": 1024},
        special=16,
        floats=128,
        integers=128,
        packs=64,
        published=None,
        sources="NVIDIA RTX Blackwell whitepaper (209.5 bf16, 419 fp8, of fp32 sums; 838 int8)",
    ),
]
ISSUE = 4  # warp instructions a clock: one for each of four schedulers
EMULATED, UNPACKS = (90,), 2.5  # where e4m3 has no `mma.sync`, and conversions for each
L2 = 64  # bytes from the L2 cache to a multiprocessor a clock
