# SPDX-License-Identifier: Apache-2.0
"""Slips of typing in a pattern: where the parser's words would help nobody, ours do."""

from __future__ import annotations

from pathlib import Path

import falloff
import pytest

HEADER = "mask.pattern @bad over (%token: ?) {"
WHOLE = f"{HEADER}| %a = causal %token| keep %a|}}"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("pattern @bad over (%token: ?) {", "1:1", "got 'pattern'; did you mean 'mask.pattern'?"),
        (
            "msk.pattern @bad over (%token: ?) {",
            "1:1",
            "'msk.pattern'; did you mean 'mask.pattern'?",
        ),
        (f"{HEADER}| keep|}}|pattern @b over", "4:1", "did you mean 'mask.pattern'?"),
        (f"{HEADER}| %a = causal token", "2:13", "but got 'token'; did you mean '%token'?"),
        (f"{HEADER}| %a = first 1 of causal", "2:17", "got 'causal'; operands are %names: name"),
        (f"{HEADER}| %a = any_of causal %token", "2:14", "expects %names or 'nothing', but got"),
        (f"{HEADER}| %a = any_of causal %token", "2:14", "operands are %names: name the inner set"),
        (f"{HEADER}| %a = any_of(%b)", "2:13", "without brackets, as in any_of %a, %b"),
        (f"{HEADER}| keep causal %token|}}", "1:1", "keep takes %names: name the set first"),
        (f"{HEADER}| %a = causal %token| keep a|}}", "3:7", "got 'a'; did you mean '%a'?"),
        (f"{HEADER}| a = causal %token", "2:2", "a name with %, as in %a = within"),
        (f"{HEADER}| %a causal %token", "2:4", "'=' after the name, as in %near ="),
        (f"{HEADER}| %a: causal %token", "2:5", "'=' after the name, as in %near ="),
        (f"{HEADER}| %1a = causal %token", "2:4", "begins with a letter, but got '%1a'"),
        (f"{HEADER}| % a = causal %token", "2:2", "expects a name right after %"),
        (f"{HEADER}| %a = where key(%token) != 2", "2:25", "a comparison, one of < <= > >= =="),
        (f"# all of it|{HEADER}", "1:1", "expects comments to begin with //, but got '#'"),
        (f"{HEADER}| %a = causal %token #all", "2:21", "comments to begin with //, but got '#all'"),
        (f"/* all */|{HEADER}", "1:1", "expects comments to begin with //, but got '/*'"),
        (
            f"{HEADER}| %a = causal %token;",
            "2:20",
            "nothing more at the end of a line, but got ';'",
        ),
        (f"{HEADER}| keep // {{|", "2:11", "'}' at the end of the pattern, but the file ends"),
        (f"{HEADER}| keep|}}|}}", "3:2", "mask.pattern or the end of the file, but got '}'"),
        (f"{HEADER[:-1]}| keep|}}", "1:35", "'{' after the axes of the pattern, but got 'keep'"),
        ("mask.pattern @bad over (%token) {", "1:31", "':' after the name, as in %frame: ?"),
        ("mask.pattern bad over (%token: ?) {", "1:14", "expects a name with @, as in"),
        (f"{HEADER}| %a = window 3 over %token", "2:13", "expects '[', but got '3'"),
        (f"{HEADER}| %a = within 3 %token", "2:16", "'within' expects 'of', but got '%token'"),
        (f"{HEADER}| %a = within 2.5 of %token", "2:14", "got '2.5'; give it a name with let"),
        (f"{HEADER}| %a = causal %token| %a = causal %token", "3:2", "'%a', which line 2 defines"),
        (f"{HEADER}| %token = causal %token", "2:2", "'%token', which line 1 defines"),
        (f"{WHOLE}|{WHOLE}", "5:1", "'@bad', which line 1 defines"),
        (
            "frames: 3",
            "1:1",
            "expects a pattern file, which begins with mask.pattern, but got 'frames'",
        ),
        ('{"frames": 3}', "1:1", "expects a pattern file, which begins with mask.pattern, but"),
        ("\x7fELF\2\1\0\0\0", "1:1", "expects a pattern file, which begins with mask.pattern, but"),
    ],
)
def test_slips_are_told_in_words_of_the_language(
    tmp_path: Path, text: str, place: str, message: str
) -> None:
    """MLIR's own messages speak of SSA operands and custom ops; `|` ends a line."""
    path = tmp_path / "bad.mlir"
    path.write_text(text.replace("|", "\n"))
    with pytest.raises(falloff.CompileError) as raised:
        falloff.load(path)
    caught = raised.value
    assert message in str(caught)
    assert len(str(caught).splitlines()) == 1
    assert (caught.line, caught.column) == tuple(map(int, place.split(":"))), str(caught)
    for foreign in ("SSA", "custom op", "expected", "operation name", "previously"):
        assert foreign not in str(caught)


def test_a_file_that_ends_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.mlir"
    text = f"{WHOLE}\n%1".replace("|", "\n")
    whole = text.index("}") + 1
    for length in range(len(text) + 1):
        path.write_text(text[:length])
        if length in (whole, whole + 1):
            assert falloff.load(path).name == "bad"
            continue
        with pytest.raises(falloff.CompileError, match="expect"):
            falloff.load(path)
