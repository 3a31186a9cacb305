# SPDX-License-Identifier: Apache-2.0
"""Reads what nvdisasm prints of a cubin: the instructions of each kernel, which follow which, and
the main loop of attention: the innermost loop with matrix instructions.

Loops are found in the graph of jumps and not by labels, since ptxas moves rare parts of a loop
behind the kernel's end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MATRIX = re.compile(r"[HIQDO]MMA(\.|$)|[HQI]GMMA(\.|$)|UTC\w*MMA")
LOCAL = re.compile(r"(LDL|STL)(\.|$)")

_SECTION = re.compile(r"^\s*\.section\s+\.text\.([\w$]+)")
_LABEL = re.compile(r"^\s*(\.L_[\w$]+|[A-Za-z_$][\w$]*):")
_INSTRUCTION = re.compile(r"^\s*/\*([0-9a-f]{4,})\*/\s+(?:(@!?\w+)\s+)?([A-Z][\w.]*)\s*(.*?)\s*;")
_TARGET = re.compile(r"`\(([^)]+)\)")
_BARRIER = re.compile(r"\b(B\d+)\b")


@dataclass(frozen=True)
class Instruction:
    address: int
    guard: str  # "@P0", "@!UP1", or empty
    opcode: str  # "HMMA.16816.F32.BF16"
    operands: str

    def __str__(self) -> str:
        words = (f"{self.address:04x}", self.guard, self.opcode, self.operands)
        return " ".join(word for word in words if word)


@dataclass
class Kernel:
    name: str
    instructions: list[Instruction] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)  # to the index of what follows

    def main_loops(self) -> list[list[Instruction]]:
        """The innermost loops that hold matrix instructions, each in the order of addresses."""
        follows = self._graph()
        matrix = {
            index for index, each in enumerate(self.instructions) if MATRIX.match(each.opcode)
        }
        loops = _innermost(follows, range(len(follows)), matrix)
        return [[self.instructions[index] for index in sorted(loop)] for loop in loops]

    def _graph(self) -> list[list[int]]:
        """For each instruction the indices of those that may be next. A BSYNC goes on where a BSSY
        says from which it is reached without another of the same barrier between."""
        follows = [self._following(index) for index in range(len(self.instructions))]
        marks = [
            (index, each)
            for index, each in enumerate(self.instructions)
            if each.opcode.startswith("BSSY")
        ]
        before: list[list[int]] = []
        while before != follows:  # ways lead through other barriers, too
            before = [list(each) for each in follows]
            for index, mark in marks:
                for met in self._meetings(index, before):
                    follows[met] = sorted({*follows[met], self._target(mark)})
        return follows

    def _meetings(self, index: int, follows: list[list[int]]) -> set[int]:
        """The instructions BSYNC for which the BSSY at an index is the last of their barrier."""
        barrier = _barrier(self.instructions[index])
        met, seen, work = set(), set(), list(follows[index])
        while work:
            at = work.pop()
            if at in seen:
                continue
            seen.add(at)
            each = self.instructions[at]
            if each.opcode.startswith(("BSSY", "BSYNC")) and _barrier(each) == barrier:
                if each.opcode.startswith("BSYNC"):
                    met.add(at)
                continue
            work += follows[at]
        return met

    def _following(self, index: int) -> list[int]:
        """Indices of the instructions that may be next, but for those of a BSYNC."""
        each = self.instructions[index]
        base = each.opcode.partition(".")[0]
        passed = [index + 1] if index + 1 < len(self.instructions) else []
        if base == "BSYNC":
            return []
        if base in ("BRX", "JMX", "BRXU", "JMXU"):
            raise ValueError(f"expects jumps to labels, but got '{each}' in {self.name}")
        if base in ("BRA", "JMP", "CALL"):
            goes_on = each.guard or base == "CALL" or _is_conditional(each)
            return sorted({self._target(each), *(passed if goes_on else [])})
        if base in ("EXIT", "RET", "KILL"):
            return passed if each.guard else []
        return passed

    def _target(self, each: Instruction) -> int:
        found = _TARGET.search(each.operands)
        if found is None or found[1] not in self.labels:
            raise ValueError(f"expects a jump to a label of {self.name}, but got '{each}'")
        return self.labels[found[1]]


def _barrier(each: Instruction) -> str:
    found = _BARRIER.search(each.operands)
    return found[1] if found else ""


def _is_conditional(each: Instruction) -> bool:
    """`BRA.DIV`, `BRA P0, …` and the like, which take their predicate as an operand."""
    return "DIV" in each.opcode or re.match(r"!?U?P\w+\s*,", each.operands) is not None


def read(sass: str) -> dict[str, Kernel]:
    """Kernels by name, from `nvdisasm --print-code`. Raises ValueError where there are none."""
    kernels: dict[str, Kernel] = {}
    current: Kernel | None = None
    for line in sass.splitlines():
        if section := _SECTION.match(line):
            current = kernels.setdefault(section[1], Kernel(section[1]))
        elif current is not None and (found := _INSTRUCTION.match(line)):
            address, guard, opcode, operands = found.groups()
            current.instructions.append(
                Instruction(int(address, 16), guard or "", opcode, operands)
            )
        elif current is not None and (label := _LABEL.match(line)):
            current.labels[label[1]] = len(current.instructions)
    if not any(kernel.instructions for kernel in kernels.values()):
        raise ValueError("expects the text of nvdisasm, but found no instructions in it")
    return kernels


def local_accesses(sass: str, kernel: str = "falloff_attention") -> list[str]:
    """What is wrong with the main loops of a kernel: its accesses of local memory, or that it has
    none. Empty if all is well."""
    kernels = read(sass)
    if kernel not in kernels:
        return [f"no kernel {kernel} among {sorted(kernels)}"]
    loops = kernels[kernel].main_loops()
    if not loops:
        return [f"{kernel} has no loop with matrix instructions"]
    return [
        f"{kernel}: {each} in the main loop"
        for loop in loops
        for each in loop
        if LOCAL.match(each.opcode)
    ]


def _innermost(
    follows: list[list[int]], nodes: Iterable[int], wanted: set[int]
) -> list[frozenset[int]]:
    """The smallest cycles' sets of nodes, of a graph cut to `nodes`, that hold a wanted node: those
    with no such set inside once the node by which they are entered is left out."""
    inside = frozenset(nodes)
    found: list[frozenset[int]] = []
    for component in _components(follows, inside):
        if not component & wanted or not _is_cycle(follows, component):
            continue
        outside = (node for node in range(len(follows)) if node not in component)
        entered = {after for node in outside for after in follows[node]} & component
        header = min(entered or component)
        found += _innermost(follows, component - {header}, wanted) or [component]
    return found


def _is_cycle(follows: list[list[int]], component: frozenset[int]) -> bool:
    node = min(component)
    return len(component) > 1 or node in follows[node]


def _components(follows: list[list[int]], inside: frozenset[int]) -> Iterator[frozenset[int]]:
    """Strongly connected components (Tarjan's algorithm, with a stack of its own)."""
    order: dict[int, int] = {}
    lowest: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    for root in sorted(inside):
        if root in order:
            continue
        work = [(root, iter(follows[root]))]
        order[root] = lowest[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            after = next((each for each in rest if each in inside), None)
            if after is None:
                work.pop()
                if work:
                    above = work[-1][0]
                    lowest[above] = min(lowest[above], lowest[node])
                if lowest[node] == order[node]:
                    cut = stack.index(node)
                    component, stack[cut:] = frozenset(stack[cut:]), []
                    on_stack -= component
                    yield component
            elif after not in order:
                order[after] = lowest[after] = len(order)
                stack.append(after)
                on_stack.add(after)
                work.append((after, iter(follows[after])))
            elif after in on_stack:
                lowest[node] = min(lowest[node], order[after])
