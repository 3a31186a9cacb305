# SPDX-License-Identifier: Apache-2.0
"""Every command and every snippet of the documentation is run, and prints what is shown."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

import falloff
import numpy as np
import pytest
from falloff.cli import build_parser

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from run_page import Block, PageError, blocks, commands, run_page  # noqa: E402

# What is generated is held by test_op_pages.py, by falloff-opt while it is written, and by lit.
GENERATED = {"mask-dialect.md", "schedule-dialect.md", "passes.md"}
DOCS = [page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in GENERATED]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]

# What is not run here: the start of a command, and why. The tests below see that it exists.
ELSEWHERE = {
    "make ": "builds and tests the whole tree",
    "cmake ": "configures a build",
    "ninja ": "builds",
    "ctest ": "runs the tests of a build",
    "pip ": "installs a package",
    "python -m venv ": "makes an environment to install it in",
    "pre-commit ": "installs a hook",
    "export MLIR_DIR": "names a place of the reader's",
    "falloff bench ": "times for many seconds; test_cli.py runs a small one",
    "python -m benchmarks": "times for minutes",
    "python -m pytest": "would run this test in itself",
}


def skip(command: str) -> str | None:
    return next((why for start, why in ELSEWHERE.items() if command.startswith(start)), None)


def all_commands() -> list[tuple[str, str]]:
    return [
        (page.name, command)
        for page in PAGES
        for block in blocks(page)
        if block.language in ("sh", "console")
        for command, _ in commands(block)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_runs(page: Path, tmp_path: Path) -> None:
    if "falloff.demo" in page.read_text():
        pytest.importorskip("av")
    run_page(page, tmp_path, skip)


def test_the_readme_needs_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reader has what `make demo` installs."""
    monkeypatch.setitem(sys.modules, "torch", None)  # an import of it fails
    text = "".join(
        f"```{block.language}\n{block.text}```\n"
        for block in blocks(ROOT / "README.md")
        if block.language == "python"
    )
    page = tmp_path / "README.md"
    page.write_text(text)
    assert run_page(page, tmp_path) == text.count("```python") > 0


def test_the_readme_defines_what_it_runs_on_a_gpu() -> None:
    """It needs a GPU, so it is not run here: but each name in it is one that a reader has."""
    texts = [block.text for block in blocks(ROOT / "README.md") if block.language == "text"]
    (snippet,) = (text for text in texts if "torch.cuda.graph" in text)
    names = [node for node in ast.walk(ast.parse(snippet)) if isinstance(node, ast.Name)]
    made = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    assert {name.id for name in names} - made == {"torch", "falloff", "mask", "range"}
    assert "import torch\n" in snippet


def test_the_readmes_cpp_is_what_a_test_runs() -> None:
    (shown,) = (block.text for block in blocks(ROOT / "README.md") if block.language == "cpp")
    test = (ROOT / "tests/ptxsim/driver/CudaCallerTest.cpp").read_text()
    assert shown in re.sub(r"^  ", "", test, flags=re.MULTILINE)


def test_there_is_something_to_run() -> None:
    assert len(all_commands()) > 40
    assert {"README.md", "tutorial.md", "analysis.md"} <= {page for page, _ in all_commands()}


def test_targets_of_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+)(?: [\w-]+)*:(?!=)", makefile, re.MULTILINE))
    shown = [shlex.split(c, comments=True)[1:] for _, c in all_commands() if c.startswith("make ")]
    assert shown
    for words in shown:
        for word in words:
            assert "=" in word or word in targets, word


def test_other_commands_that_are_not_run_exist() -> None:
    presets = set(re.findall(r'"name": "(\w+)"', (ROOT / "CMakePresets.json").read_text()))
    for page, command in all_commands():
        words = shlex.split(command, comments=True)
        if "--preset" in words:
            assert words[words.index("--preset") + 1] in presets, (page, command)
        if words[:2] == ["falloff", "bench"]:
            build_parser().parse_args(words[1:])
        if words[:3] == ["python", "-m", "benchmarks"]:
            names = [word for word in words[3:] if not word.startswith("-")]
            assert all((ROOT / "benchmarks" / f"{name}.py").is_file() for name in names), command


def test_every_command_is_shown() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    sections = set(re.findall(r"^## (\w+)$", text, re.MULTILINE))
    known = re.search(r"expects (.*?), but got 'x'", refusal("x"))
    assert known is not None
    names = set(re.split(", | or ", known[1]))
    assert {"check", "compare", "fit"} <= names
    assert names <= sections, "docs/cli.md has a section and an example for each command"


def refusal(command: str) -> str:
    with pytest.raises(SystemExit), contextlib.redirect_stderr(io.StringIO()) as said:
        build_parser().parse_args([command])
    return said.getvalue()


def test_links_lead_somewhere() -> None:
    for page in (*PAGES[:2], *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_pattern_of_the_readme_is_radial_of_the_library(tmp_path: Path) -> None:
    shown = tmp_path / "radial.mlir"
    shown.write_text(next(b.text for b in blocks(ROOT / "README.md") if b.language == "mlir"))
    masks = [falloff.load(name, decay=0.5).bind(frame=9, patch=20) for name in (shown, "radial")]
    np.testing.assert_array_equal(masks[0].to_dense(), masks[1].to_dense())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```console\n$ falloff check causal\n@causal: fine\n```\n", "expects\n@causal: fine"),
        ("```console\n$ falloff check causle\n```\n", "expects"),
        ("```console\n$ echo a 1.52e-01 b\na 1.50e-01 b\n```\n", "but got\na 1.52e-01"),
        ("```console\n$ echo 3\n4\n```\n", "but got\n3"),
        ("```sh\nfalloff check causle\n```\n", "exits with 1"),
        ("```sh\nfalse | true\n```\n", "exits with 1"),
        ("```pycon\n>>> 1 + 1\n3\n```\n", "Expected:\n    3"),
        ("```rust\nfn main() {}\n```\n", "but got 'rust'"),
        ("```mlir\n%a = first 1 of %b\n```\n", "a whole pattern"),
    ],
)
def test_a_wrong_page_is_found(text: str, words: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(PageError, match=re.escape(words)):
        run_page(page, tmp_path)


def test_what_a_page_shows(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\n# not a command\ncat > a.txt <<'END'\none\ntwo\nEND\n```\n\n"
        "```console\n$ cat a.txt\none\n...\n$ echo a 1.52e-01 b\na 1.51e-01 b\n"
        "$ falloff check causle\n...\n```\n\n"
        "```python\nx = 4\n```\n\n```pycon\n>>> x\n4\n```\n\n```text\nanything\n```\n"
    )
    assert run_page(page, tmp_path) == 4
    assert (tmp_path / "a.txt").read_text() == "one\ntwo\n"
    assert next(blocks(page)) == Block(
        "sh", "# not a command\ncat > a.txt <<'END'\none\ntwo\nEND\n", 2
    )
