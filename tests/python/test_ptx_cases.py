# SPDX-License-Identifier: Apache-2.0
"""The instruction cases of tests/ptxsim/cases against what else knows PTX: kernels that NVRTC makes
(every opcode in them has a case), NVIDIA's assembler (it takes every case, and where it computes a
result itself, that is the case's), and what GPUs answered.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import falloff
import pytest
from falloff import _falloff

import folded_ptx
from test_patterns import EXAMPLES, PATTERNS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "ptxsim"
GOLDEN = sorted((FOLDER / "golden").glob("*.json"))
# Braces, labels and a guard stand before an opcode; directives begin with a dot.
OPCODE = re.compile(r"(?:[\s{}]|[\w$]+:(?!:))*(?:@!?%\w+\s+)?([a-z][\w.:]*)")

Case = dict[str, Any]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    built = list(ROOT.glob("build/*/bin/ptxsim-cases"))
    if not built:
        raise FileNotFoundError(f"expects ptxsim-cases below {ROOT}/build: ninja -C BUILD all")
    tool = max(built, key=lambda path: path.stat().st_mtime)
    command = [tool, FOLDER / "cases", "--simulate"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    read: list[Case] = json.loads(done.stdout)
    return read


def opcodes(ptx: str) -> set[str]:
    """With their suffixes: "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"."""
    statements = re.sub(r"//.*", "", ptx).split(";")
    return {found[1] for found in map(OPCODE.match, statements) if found}


def kernels(pattern: str) -> list[str]:
    """PTX of a pattern's kernels: by every recipe for `radial`, in 16 bits for others."""
    if pattern == "radial":
        mask = falloff.load("radial").bind(frames=4, tokens_per_frame=140, text=9)
        plan = mask.plan(tile="video=1x128,text=128", rounding="exact")._impl
        return [
            _falloff.compile_cuda(plan, *choice, ptx=True).image.decode()
            for choice in (
                ("sm_80", "bf16", "", 128, True),
                ("sm_90", "fp16", "", 40, False),
                ("sm_80", "fp16", "int8", 64, True),
                ("sm_120", "bf16", "int8", 128, False),
                ("sm_89", "bf16", "int8-fp8", 128, True),
                ("sm_100", "fp16", "int8-fp8", 96, False),
            )
        ]
    examples = (example for example in EXAMPLES if example.pattern == pattern)
    mask = min((example.mask() for example in examples), key=lambda mask: mask.density)
    plan = mask.plan(grid="flat", tile="7", rounding="exact")._impl
    return [_falloff.compile_cuda(plan, "sm_80", "bf16", "", 64, True, ptx=True).image.decode()]


@pytest.mark.parametrize("pattern", [path.stem for path in PATTERNS])
def test_every_opcode_of_kernels_has_a_case(cases: list[Case], pattern: str) -> None:
    covered = {opcode for case in cases for opcode in case["opcodes"]}
    found = set().union(*map(opcodes, kernels(pattern)))
    assert {"ret", "ex2.approx.ftz.f32"} <= found
    assert sorted(found - covered) == []


def test_opcodes_are_read_from_ptx() -> None:
    ptx = """.version 9.0
    .visible .entry f(.param .u64 x) // ret
    {
        .reg .b32 %r<3>;
    $L__BB0_1:
        @%p1 bra $L__BB0_1;
        { add.s32 %r1, %r2, 1; mma.sync.aligned {%r1, %r2},
            {%r3}; ld.global.L1::no_allocate.u32 %r1, [%rd1]; }
        ret;
    }"""
    load = "ld.global.L1::no_allocate.u32"
    assert opcodes(ptx) == {"bra", "add.s32", "mma.sync.aligned", load, "ret"}


def test_the_assembler_takes_every_case(cases: list[Case], tmp_path: Path) -> None:
    assembler = shutil.which("ptxas") or shutil.which("ptxas", path="/usr/local/cuda/bin")
    if assembler is None:
        pytest.skip("needs ptxas, of the CUDA toolkit")
    refused = []
    for case in cases:
        source = tmp_path / "case.ptx"
        source.write_text(case["ptx"])
        command = [assembler, f"-arch=sm_{case['architecture']}", source, "-o", tmp_path / "out"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            refused.append(f"{case['title']}: {done.stderr}")
    assert refused == []


def disagreements(case: Case, answer: dict[str, list[str]]) -> list[str]:
    """Where the simulator and a GPU's answer differ, of results that the manual does not leave
    open."""
    words = [int(word, 16) for word in case["simulated"]]
    threads, found = case["threads"], []
    for index, column in enumerate(case["outputs"]):
        simulated = words[index * threads : (index + 1) * threads]
        theirs = [int(word, 16) for word in answer[column["name"]]]
        for thread, value in enumerate(column["values"]):
            ours, gpu = simulated[thread], theirs[thread]
            if value is not None and not _agree(column["type"], gpu, ours, case["tolerance"]):
                place = f"{column['name']} of thread {thread}"
                found.append(f"{case['title']}: {place}: {ours:#x}, but a GPU gave {gpu:#x}")
    return found


def _agree(kind: str, expected: int, got: int, tolerance: float) -> bool:
    """As compareOutputs of cases/Case.h."""
    if expected == got or tolerance == 0 or kind not in ("f32", "f64"):
        return expected == got
    code, size = ("<f", 4) if kind == "f32" else ("<d", 8)
    want, have = (
        struct.unpack(code, value.to_bytes(8, "little")[:size])[0] for value in (expected, got)
    )
    is_number = math.isfinite(want) and want != 0
    return is_number and abs(have - want) <= tolerance * abs(want)


@pytest.mark.skipif(not GOLDEN, reason="no GPU has answered yet: tests/ptxsim/golden is empty")
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_simulator_answers_as_gpus_did(cases: list[Case], path: Path) -> None:
    answers = json.loads(path.read_text())["answers"]
    known = [case for case in cases if case["title"] in answers]
    assert len(known) > len(cases) // 2  # cases change, but a file of none of them says nothing
    assert [each for case in known for each in disagreements(case, answers[case["title"]])] == []


def test_a_disagreement_is_found(cases: list[Case]) -> None:
    for title, bit, is_found in [
        ("integer/add.s32", 1, True),
        ("float/ex2.approx.f32", 1, False),  # within the manual's bound
        ("float/ex2.approx.f32", 1 << 8, True),
    ]:
        (case,) = (each for each in cases if each["title"] == title)
        threads = case["threads"]
        words = [int(word, 16) for word in case["simulated"]]
        answer = {
            column["name"]: [f"{word:x}" for word in words[at * threads : (at + 1) * threads]]
            for at, column in enumerate(case["outputs"])
        }
        assert disagreements(case, answer) == []
        answer["d"][3] = f"{int(answer['d'][3], 16) ^ bit:x}"
        assert bool(disagreements(case, answer)) == is_found


# ---- what the assembler folds

CONSTANT = ("integer", "logic", "float", "half", "compare", "convert", "move")
FRAME = re.compile(
    r"\s*(\.reg \.b64 %inputs_|ld\.param|cvta\.to\.global\.u64 %(inputs_|outputs_|memory),"
    r"|mov\.u32 %thread|mul\.wide\.u32 %offset_|add\.s64 %(in|out)puts_)"
)


def rows(case: Case) -> list[tuple[int, str]]:
    """(thread, body with its inputs as constants) of each row of an instruction case that depends
    on nothing else; none of other cases."""
    body = case["ptx"].partition("{\n")[2].rpartition("  ret;")[0]
    elsewhere = ("%memory", "shared", "%lane", "sync", "%tid", "%ntid", ".func")
    lines = [line for line in body.splitlines() if not _is_frame(line)]
    if any(word in "\n".join(lines) for word in elsewhere) or ".func" in case["ptx"]:
        return []
    threads = case["threads"]
    columns = len(case["inputs"]) // threads
    distinct: dict[tuple[str, ...], int] = {}
    for thread in range(threads):
        values = tuple(case["inputs"][at * threads + thread] for at in range(columns))
        distinct.setdefault(values, thread)
    return [
        (thread, "\n".join(_as_constant(line, values, threads) for line in lines))
        for values, thread in distinct.items()
    ]


def _is_frame(line: str) -> bool:
    """Of the module around a case's own code: what finds a thread's place in the buffers."""
    return FRAME.match(line) is not None


def _as_constant(line: str, values: tuple[str, ...], threads: int) -> str:
    place = re.search(r"\[%(in|out)puts_\+(\d+)\]", line)
    if place is None:
        return line
    column = int(place[2]) // (8 * threads)
    if place[1] == "out":
        return line.replace(place[0], f"[%outputs_+{8 * column}]")
    opcode, register = re.match(r"\s*ld\.global\.(\w+) (%\w+)", line).groups()  # type: ignore[union-attr]
    return f"mov.b{opcode[1:]} {register}, 0x{values[column]};"


def test_the_assembler_folds_constants_to_what_cases_expect(cases: list[Case]) -> None:
    jobs = [
        (case, thread, body)
        for case in cases
        if case["title"].partition("/")[0] in CONSTANT and case["architecture"] <= 90
        for thread, body in rows(case)
    ]
    wrong, compared = folding_disagreements(jobs)
    assert wrong == []
    assert compared >= 1000


def test_a_fold_that_disagrees_is_found(cases: list[Case]) -> None:
    (case,) = (each for each in cases if each["title"] == "integer/add.s32")
    jobs = [(case, thread, body.replace("add.s32", "sub.s32")) for thread, body in rows(case)]
    assert folding_disagreements(jobs) == (
        [
            "integer/add.s32 d: 3, folded to ffffffff",
            "integer/add.s32 d: 80000000, folded to 7ffffffe",
            "integer/add.s32 d: 2, folded to fffffff4",
            "integer/add.s32 d: 7fffffff, folded to 80000001",
        ],
        4,
    )


def folding_disagreements(jobs: list[tuple[Case, int, str]]) -> tuple[list[str], int]:
    """Of (case, thread, body): where results that the assembler knew differ from what the case
    expects, and how many it knew."""
    stores = folded_ptx.folded([body for _, _, body in jobs], 90)
    wrong, compared = [], 0
    for (case, thread, _), stored in zip(jobs, stores, strict=True):
        for index, column in enumerate(case["outputs"]):
            words = [stored.get(8 * index), stored.get(8 * index + 4)]
            is_wide = column["type"].endswith("64")
            expected = column["values"][thread]
            if expected is None or words[0] is None or (is_wide and words[1] is None):
                continue
            got = words[0] | ((words[1] or 0) << 32 if is_wide else 0)
            compared += 1
            if not _agree(column["type"], int(expected, 16), got, case["tolerance"]):
                wrong.append(f"{case['title']} {column['name']}: {expected}, folded to {got:x}")
    return wrong, compared
