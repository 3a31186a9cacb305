# SPDX-License-Identifier: Apache-2.0
"""The page of each op: there is one, and its examples mean, plan and run as they are drawn."""

from __future__ import annotations

import re
from pathlib import Path

import falloff
import numpy as np
import pytest

import exact_attention

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXAMPLE = re.compile(
    r"^```mlir\n(.*?)^```\n\nQueries downwards, keys to the right:\n\n```text\n(.*?)^```\n",
    re.MULTILINE | re.DOTALL,
)


def ops(dialect: str) -> set[str]:
    """Names of a dialect's ops, as its ODS defines them."""
    folder = ROOT / "compiler" / "dialect" / dialect
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.td")))
    return set(re.findall(r'^def \w+Op : \w+<(?:\w+_Dialect, )?"(\w+)"', text, re.MULTILINE))


def pages(dialect: str) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (DOCS / dialect).glob("*.md")}


@pytest.mark.parametrize("dialect", ["mask", "schedule"])
def test_every_op_has_a_page_and_no_other(dialect: str) -> None:
    assert ops(dialect)
    assert set(pages(dialect)) == ops(dialect)
    index = (DOCS / f"{dialect}-dialect.md").read_text()
    assert set(re.findall(rf"\]\({dialect}/(\w+)\.md\)", index)) == ops(dialect)


def examples() -> list[tuple[str, str, str]]:
    return [
        (op, text, picture)
        for op, page in sorted(pages("mask").items())
        for text, picture in EXAMPLE.findall(page)
    ]


def test_every_word_of_the_language_has_an_example() -> None:
    assert {op for op, _, _ in examples()} == ops("mask")
    for op, page in pages("mask").items():
        assert page.count("```mlir") == len(EXAMPLE.findall(page)), op


@pytest.mark.parametrize(
    ("op", "text", "picture"),
    examples(),
    ids=[f"{op}-{n}" for n, (op, _, _) in enumerate(examples())],
)
def test_an_example_is_what_it_is_drawn_as(
    op: str, text: str, picture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert re.search(rf"\b{op}\b", text)
    name = re.findall(r"mask\.pattern @(\w+)", text)[-1]
    path = tmp_path / "example.mlir"
    path.write_text(text)
    mask = falloff.load(f"{path}:@{name}").bind()
    mask.draw()
    assert capsys.readouterr().out == picture
    drawn = np.array([[pair == "#" for pair in row] for row in picture.splitlines()])
    np.testing.assert_array_equal(mask.to_dense(), drawn)
    for rounding in ("exact", "nearest", "outward"):
        plan = mask.plan(rounding=rounding)
        if rounding == "exact":
            np.testing.assert_array_equal(plan.to_dense(), drawn)
        values = np.random.default_rng(0).standard_normal((3, 1, mask.tokens, 1, 8))
        q, k, v = values.astype(np.float32)
        out, lse = falloff.attention(q, k, v, plan, return_lse=True)
        expected = exact_attention.attention(q, k, v, plan.to_dense()[None, None])
        exact_attention.check(out, lse, expected, "fp32")
