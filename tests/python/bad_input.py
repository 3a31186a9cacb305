# SPDX-License-Identifier: Apache-2.0
"""What the tests of bad input share: tensors of zeros, and what an error has to be like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import falloff
import numpy as np
import pytest

SIZES = {"frames": 3, "tokens_per_frame": 4, "text": 2}
TOKENS = 14


def zeros(
    heads: int = 2, dim: int = 8, tokens: int = TOKENS, dtype: Any = np.float32, batch: int = 1
) -> Any:
    return np.zeros((batch, tokens, heads, dim), dtype)


def error(kind: type[Exception], call: Callable[[], object], *words: str) -> Exception:
    """The error is of this very kind, one line, and says each of the words."""
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    assert len(text.splitlines()) == 1, text
    assert not text.endswith("."), text
    for word in words:
        assert word in text, text
    return caught.value


def compile_error(call: Callable[[], object], *words: str) -> falloff.CompileError:
    caught = error(falloff.CompileError, call, *words)
    assert isinstance(caught, falloff.CompileError)
    return caught


def write(folder: Path, text: str, name: str = "bad") -> Path:
    path = folder / f"{name}.mlir"
    path.write_text(text)
    return path
