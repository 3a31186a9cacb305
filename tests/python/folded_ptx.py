# SPDX-License-Identifier: Apache-2.0
"""What NVIDIA's own assembler computes of an instruction whose operands are constants: it folds
much of them, and the machine code then stores the result. No device is needed.

    folded(["mov.b32 %a, 5; add.s32 %d, %a, 1; st.global.b32 [%outputs_], %d;"], 90)
    -> [{0: 6}]

A text is the body of a kernel whose register %outputs_ holds an address; the answer has the words
that are stored there as constants, by offset. Code runs once and in a straight line.
"""

from __future__ import annotations

import ctypes
import re
import struct
from collections.abc import Sequence

from falloff import _falloff, _sass

import sass_loops

_STORE = re.compile(r"desc\[\w+\]\[R\d+\.64(?:\+0x([0-9a-f]+))?\]")
_WORDS = {"64": 2, "128": 4}
_HALVES = {"+INF": 0x7C00, "-INF": 0xFC00, "+QNAN": 0x7FFF, "-QNAN": 0xFFFF}


def folded(bodies: Sequence[str], architecture: int) -> list[dict[int, int]]:
    """For each text, the words it stores that the assembler knew. Raises RuntimeError with the
    assembler's words where it refuses one."""
    source = "\n".join(_kernel(index, body) for index, body in enumerate(bodies))
    kernels = sass_loops.read(_sass.disassemble(_cubin(source, architecture)))
    return [_constant_stores(kernels[f"folded{index}"]) for index in range(len(bodies))]


def _kernel(index: int, body: str) -> str:
    text = body.replace("%", "%%").replace("\n", " ")
    return (
        f'extern "C" __global__ void folded{index}(unsigned long long outputs) {{\n'
        '  asm volatile("{ .reg .b64 %%outputs_; cvta.to.global.u64 %%outputs_, %0; '
        f'{text} }}" :: "l"(outputs) : "memory");\n}}'
    )


def _cubin(source: str, architecture: int) -> bytes:
    library = ctypes.CDLL(_falloff.find_nvrtc().path)
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"folded.cu", 0, None, None)
    options = (ctypes.c_char_p * 1)(f"--gpu-architecture=sm_{architecture}".encode())
    failed = library.nvrtcCompileProgram(program, 1, options)
    what = "ProgramLog" if failed else "CUBIN"
    getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    bytes_ = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{what}")(program, bytes_)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    if failed:
        raise RuntimeError(bytes_.value.decode())
    return bytes_.raw


class _Registers:
    """Registers whose words are known."""

    def __init__(self) -> None:
        self.words = {"RZ": 0, "URZ": 0}

    def value(self, operand: str) -> int | None:
        if operand in self.words:
            return self.words[operand]
        return int(operand, 0) & 0xFFFFFFFF if re.fullmatch(r"-?(0x)?[0-9a-f]+", operand) else None

    def forget(self, operands: list[str]) -> None:
        """The destination, which comes behind predicates if the instruction sets some; and what
        may lie behind it, if it is a pair or more."""
        rest = iter(operands)
        name = next((each for each in rest if not re.fullmatch(r"!?U?P(\d|T)", each)), "")
        if register := re.fullmatch(r"(U?R)(\d+)", name):
            for number in range(int(register[2]), int(register[2]) + 4):
                self.words.pop(f"{register[1]}{number}", None)


def _constant_stores(kernel: sass_loops.Kernel) -> dict[int, int]:
    registers, found = _Registers(), dict[int, int]()
    for each in kernel.instructions:
        operands = [part.strip().replace(".reuse", "") for part in each.operands.split(",")]
        if each.opcode.startswith("STG"):
            _store(each, operands, registers, found)
            continue
        known = None if each.guard else _constant(each.opcode, operands, registers)
        if known is None:
            registers.forget(operands)
        else:
            registers.words[operands[0]] = known
    return found


def _store(
    each: sass_loops.Instruction, operands: list[str], registers: _Registers, found: dict[int, int]
) -> None:
    place = _STORE.match(operands[0])
    if place is None or each.guard:
        raise ValueError(f"expects a store at a constant offset, but got '{each}'")
    offset, name = int(place[1] or "0", 16), operands[1]
    count = next((_WORDS[part] for part in each.opcode.split(".") if part in _WORDS), 1)
    for word in range(count):
        here = name if name == "RZ" else f"R{int(name[1:]) + word}"
        value = registers.value(here)
        if value is not None:
            found[offset + 4 * word] = value & (0xFFFF if ".U16" in each.opcode else 0xFFFFFFFF)


def _constant(opcode: str, operands: list[str], registers: _Registers) -> int | None:
    """The word that an instruction puts into its destination, if it only moves a known one."""
    base = opcode.partition(".")[0]
    if base in ("MOV", "UMOV") and len(operands) == 2:
        return registers.value(operands[1])
    if opcode in ("IMAD.MOV.U32", "IMAD.U32") and operands[1:3] == ["RZ", "RZ"]:
        return registers.value(operands[3])
    if opcode == "CS2R.32" and operands[1] == "SRZ":
        return 0
    if base == "HFMA2" and len(operands) == 5 and operands[1:3] == ["-RZ", "RZ"]:
        upper, lower = map(_half, operands[3:])
        return None if upper is None or lower is None else upper << 16 | lower
    return None


def _half(text: str) -> int | None:
    """Bits of a number of half precision, as nvdisasm prints them."""
    if text in _HALVES:
        return _HALVES[text]
    try:
        return int(struct.unpack("<H", struct.pack("<e", float(text)))[0])
    except (ValueError, OverflowError):
        return None
