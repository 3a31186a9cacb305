# SPDX-License-Identifier: Apache-2.0
"""A page for each op, from what mlir-tblgen writes of a dialect.

python scripts/op_pages.py DIALECT.md OUTPUT --opt falloff-opt --library patterns
    writes OUTPUT/DIALECT.md, the dialect with a table of its ops, and OUTPUT/DIALECT/OP.md. Every
    example of an op is parsed and verified by falloff-opt; those of the mask dialect are drawn.
python scripts/op_pages.py --check GENERATED COMMITTED
    exits 1 and names the pages that differ.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

NOTE = "<!-- Generated from ODS by `make docs`; edit the .td files -->\n\n"
OP = re.compile(r"^### `(\w+)\.(\w+)` \(.*\)$", re.MULTILINE)
EXAMPLE = re.compile(r"^```mlir\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
# What matters to the compiler's own passes and to no reader of patterns.
NOISE = re.compile(r"^(Traits|Interfaces|Effects): .*\n+", re.MULTILINE)


@dataclass
class Op:
    dialect: str
    name: str
    summary: str
    text: str  # beneath the summary


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--opt", type=Path)
    parser.add_argument("--library", type=Path)
    options = parser.parse_args()
    if options.check:
        return check(options.source, options.output)
    before, ops, after = split(options.source.read_text())
    for text in EXAMPLE.findall(before):
        run_opt(options.opt, text)
    name = options.source.stem
    folder = options.output / name.removesuffix("-dialect")
    folder.mkdir(parents=True, exist_ok=True)
    for old in pages(folder):
        old.unlink()
    for op in ops:
        examples = Examples(op, options.opt, options.library)
        (folder / f"{op.name}.md").write_text(page(op, examples))
    (options.output / f"{name}.md").write_text(index(before, ops, after, folder.name))
    return 0


def split(text: str) -> tuple[str, list[Op], str]:
    """What stands before the ops, the ops, and what stands after them."""
    before, rest = text.split("## Operations\n", 1)
    after = rest.index("\n## ")
    starts = list(OP.finditer(rest, 0, after))
    ops = []
    for found, end in zip(starts, [*(s.start() for s in starts[1:]), after], strict=True):
        summary, body = rest[found.end() : end].strip().split("\n\n", 1)
        ops.append(Op(found[1], found[2], summary.strip("_"), body))
    before = re.sub(r"^<!--.*-->\n+", "", before).replace("[TOC]\n", "")
    return before.strip() + "\n", ops, rest[after:].strip() + "\n"


def index(before: str, ops: list[Op], after: str, folder: str) -> str:
    rows = "".join(f"| [`{op.name}`]({folder}/{op.name}.md) | {op.summary} |\n" for op in ops)
    return f"{NOTE}{before}\n## Ops\n\n| op | is |\n|---|---|\n{rows}\n{after}"


def page(op: Op, examples: Examples) -> str:
    syntax, body = op.text.removeprefix("Syntax:\n\n").split("```\n\n", 1)
    body = NOISE.sub("", body)
    description, *tables = re.split(r"^(?=#### )", body.strip() + "\n", flags=re.MULTILINE)
    description = EXAMPLE.sub(lambda found: found[0] + examples.of(found[1]), description)
    tables = [re.sub(r"^#### (.*):", r"## \1", table.strip()) for table in tables]
    parts = [f"# `{op.name}`", op.summary + ".", description.strip()]
    parts += ["## Syntax", f"{syntax}```", *tables]
    return NOTE + "\n\n".join(parts) + "\n"


class Examples:
    """Runs falloff-opt on what a page shows."""

    def __init__(self, op: Op, opt: Path, library: Path) -> None:
        self.op, self.opt, self.library = op, opt, library

    def of(self, text: str) -> str:
        """What is shown beneath an example."""
        if not re.search(rf"\b{self.op.name}\b", text):
            sys.exit(f"docs: error: expects {self.op.name} in its example, but got\n{text}")
        if self.op.dialect != "mask":
            run_opt(self.opt, text)
            return ""
        drawn = run_opt(self.opt, text, f"--draw-mask=library={self.library}")
        pictures = "".join(line + "\n" for line in drawn.splitlines() if set(line) <= set("#."))
        return f"\nQueries downwards, keys to the right:\n\n```text\n{pictures}```\n"


def run_opt(opt: Path, text: str, *options: str) -> str:
    """What falloff-opt prints of an example, which it must accept."""
    command = [str(opt), *options, "-o", "/dev/null", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"docs: error: {done.stderr}in the example\n{text}")
    return done.stdout


def check(generated: Path, committed: Path) -> int:
    wanted = {path.relative_to(generated): path for path in pages(generated)}
    folders = {path.parent for path in wanted} - {Path()}
    stale = {
        path.relative_to(committed) for folder in folders for path in pages(committed / folder)
    }
    wrong = sorted(stale - set(wanted))
    for name, path in sorted(wanted.items()):
        there = committed / name
        if not there.is_file() or there.read_text() != path.read_text():
            wrong.append(name)
    for name in wrong:
        print(f"docs: {committed / name} is out of date; `make docs` writes it", file=sys.stderr)
    return 1 if wrong else 0


def pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.md"))


if __name__ == "__main__":
    sys.exit(main())
