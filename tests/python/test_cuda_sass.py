# SPDX-License-Identifier: Apache-2.0
"""The main loop of attention in machine code: matrix instructions, and nothing in local memory.

`sass_loops` reads the text; here it reads text of its own first, with accesses planted inside and
outside of loops, and then kernels of each architecture and recipe.
"""

from __future__ import annotations

import pytest
from falloff import _falloff, _sass
from falloff._mask import TARGETS

import sass_loops
import test_cuda_matrix

HEAD = """
        .target sm_90
//--------------------- .text.falloff_attention --------------------------
        .section        .text.falloff_attention,"ax",@progbits
        .global         falloff_attention
falloff_attention:
.text.falloff_attention:
"""


def sass(*lines: str) -> str:
    """Instructions and labels as nvdisasm prints them, with addresses."""
    text, address = HEAD, 0
    for line in lines:
        if line.endswith(":"):
            text += line + "\n"
        else:
            text += f"        /*{address:04x}*/                   {line} ;\n"
            address += 16
    return text


def main_loop_of(*lines: str) -> list[str]:
    (loop,) = sass_loops.read(sass(*lines))["falloff_attention"].main_loops()
    return [each.opcode.partition(".")[0] for each in loop]


MMA = "HMMA.16816.F32.BF16 R4, R8, R12, R4"
STORE = "STL.64 [R1+0x8], R2"


def test_the_main_loop_is_the_innermost_with_matrix_instructions() -> None:
    assert main_loop_of(
        STORE,
        ".L_x_1:",
        "LDG.E R2, desc[UR4][R2.64]",  # of the outer loop
        ".L_x_2:",
        "MOV R1, R2",  # a loop without matrix instructions
        "@P1 BRA `(.L_x_2)",
        ".L_x_3:",
        MMA,
        "@!P0 BRA `(.L_x_3)",
        "LDL R2, [R1]",
        "@P0 BRA `(.L_x_1)",
        "EXIT",
    ) == ["HMMA", "BRA"]


def test_two_parts_of_a_main_loop_are_one() -> None:
    assert main_loop_of(
        ".L_x_1:",
        MMA,
        "@P1 BRA `(.L_x_1)",  # two ways back to one place
        "MUFU.EX2 R2, R2",
        "@!P0 BRA `(.L_x_1)",
        "EXIT",
    ) == ["HMMA", "BRA", "MUFU", "BRA"]


def test_a_rare_part_behind_the_end_belongs_to_the_loop() -> None:
    text = sass(
        ".L_x_1:",
        MMA,
        "@P1 BRA `(.L_x_9)",
        ".L_x_2:",
        "@P0 BRA `(.L_x_1)",
        "EXIT",
        ".L_x_9:",
        STORE,
        "BRA `(.L_x_2)",
    )
    assert sass_loops.local_accesses(text) == [
        "falloff_attention: 0040 STL.64 [R1+0x8], R2 in the main loop"
    ]


def test_a_barrier_of_lanes_goes_on_where_it_was_set() -> None:
    text = sass(
        ".L_x_1:",
        "BSSY B0, `(.L_x_3)",
        MMA,
        "@P1 BRA `(.L_x_2)",
        "LDL R2, [R1]",
        ".L_x_2:",
        "BSYNC B0",
        ".L_x_3:",
        "@P0 BRA `(.L_x_1)",
        "EXIT",
    )
    assert len(sass_loops.local_accesses(text)) == 1


def test_a_barrier_of_lanes_that_is_set_again_is_another() -> None:
    assert main_loop_of(
        ".L_x_1:",
        "BSSY B0, `(.L_x_2)",
        MMA,
        "BSYNC B0",
        ".L_x_2:",
        "@P0 BRA `(.L_x_1)",
        "MUFU.EX2 R2, R2",
        "@P1 BRA `(.L_x_1)",
        ".L_x_3:",  # a loop after
        "BSSY B0, `(.L_x_4)",
        "BSYNC B0",
        ".L_x_4:",
        "@P2 BRA `(.L_x_3)",
        "EXIT",
    ) == ["BSSY", "HMMA", "BSYNC", "BRA", "MUFU", "BRA"]


def test_local_memory_around_the_loop_is_no_fault() -> None:
    text = sass(STORE, ".L_x_1:", MMA, "@P0 BRA `(.L_x_1)", "LDL R2, [R1]", "EXIT")
    assert sass_loops.local_accesses(text) == []


def test_a_kernel_without_a_main_loop_is_a_fault() -> None:
    assert sass_loops.local_accesses(sass(MMA, "EXIT")) == [
        "falloff_attention has no loop with matrix instructions"
    ]
    other = sass(MMA, "EXIT").replace("falloff_attention", "falloff_merge")
    assert sass_loops.local_accesses(other) == [
        "no kernel falloff_attention among ['falloff_merge']"
    ]


def test_text_that_is_no_sass_is_an_error() -> None:
    with pytest.raises(ValueError, match="found no instructions"):
        sass_loops.read("hello")
    with pytest.raises(ValueError, match="a jump to a label of falloff_attention"):
        sass_loops.local_accesses(sass("BRA `(.L_x_7)", "EXIT"))
    with pytest.raises(ValueError, match="jumps to labels, but got '0000 BRX R2"):
        sass_loops.local_accesses(sass("BRX R2 -0x20", "EXIT"))


def compiled(target: str, recipe: str, head_dim: int) -> _falloff.CudaKernel:
    """One of the kernels that test_cuda_matrix compiles."""
    job = test_cuda_matrix.Job("radial", recipe, target, head_dim, is_large=True)
    choice = (target, job.dtype, recipe, head_dim, True)
    return _falloff.compile_cuda(job.plan()._impl, *choice, ptx=False)


@pytest.mark.parametrize("target", TARGETS[1:])
@pytest.mark.parametrize("recipe", ["", "int8", "int8-fp8"])
def test_main_loops_of_kernels(target: str, recipe: str) -> None:
    if target not in test_cuda_matrix.RECIPES[recipe]:
        pytest.skip("multiplies no e4m3")
    kernel = compiled(target, recipe, 128)
    text = _sass.disassemble(kernel.image)
    (loop,) = sass_loops.read(text)["falloff_attention"].main_loops()
    opcodes = {each.opcode.partition(".")[0] for each in loop}
    assert {"BAR", "LDSM", "LDGDEPBAR", "MUFU"} <= opcodes
    multiplied = sum(sass_loops.MATRIX.match(each.opcode) is not None for each in loop)
    assert multiplied >= 64
    assert sass_loops.local_accesses(text) == []
