# SPDX-License-Identifier: Apache-2.0
"""docs/radial-rules.md shows what the patterns do: its tables and pictures."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from falloff import models

from test_api import pixels

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "radial-rules.md").read_text()


def load_script() -> ModuleType:
    name = "radial_rules"
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()
AGAIN = "is out of date: run scripts/radial_rules.py"


def test_tables() -> None:
    assert SCRIPT.page() == PAGE, f"radial-rules.md {AGAIN}"


SIZES = {
    "wan2.1-1.3b": "832x480x81",
    "wan2.1-14b": "1280x720x81",
    "wan2.2-a14b": "1280x768x77",
    "wan2.2-5b": "1280x704x121",
    "hunyuanvideo": "1280x720x129",
    "mochi-1": "848x480x163",
    "cogvideox-2b": "720x480x49",
    "cogvideox-5b": "720x480x49",
    "cogvideox1.5-5b": "1360x768x81",
}


def test_every_preset_has_a_row() -> None:
    assert set(SIZES) == set(models.names())
    rows = [(work.frames, work.height, work.width, work.text) for work in SCRIPT.WORKLOADS]
    for name, size in SIZES.items():
        model = models.get(name)
        assert (*model.latent(size), model.text) in rows, name


@pytest.mark.parametrize("name", sorted(SCRIPT.DRAWINGS))
def test_pictures(name: str) -> None:
    assert f"](radial-rules/{name}.png)" in PAGE
    drawn = pixels(ROOT / "docs" / "radial-rules" / f"{name}.png")
    np.testing.assert_array_equal(drawn, SCRIPT.DRAWINGS[name](), f"{name}.png {AGAIN}")


def test_all_pictures_are_drawn() -> None:
    files = {path.stem for path in (ROOT / "docs" / "radial-rules").iterdir()}
    assert files == set(SCRIPT.DRAWINGS)
    assert set(re.findall(r"radial-rules/([\w-]+)\.png", PAGE)) == files


def test_the_earlier_rule_is_one_of_wan() -> None:
    """Under the other rule the page's columns agree; under `wan` they do not."""
    for work in SCRIPT.WORKLOADS:
        same = work.reference().density == work.reference(earlier=True).density
        assert same == (work.rule == "hunyuan")
