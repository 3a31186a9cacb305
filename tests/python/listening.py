# SPDX-License-Identifier: Apache-2.0
"""Listeners for tests of long work: one of analysis's parts, and a bar that shows at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from falloff._progress import Progress
from falloff.analysis.steps import Step


def listener(heard: list[tuple[str, float]]) -> Step:
    """Writes down the name and the share of each part that has ended."""

    @contextmanager
    def step(name: str, share: float) -> Iterator[None]:
        yield
        heard.append((name, share))

    return step


def shown_progress(total: float, *, after: float) -> Progress:
    """As on a terminal, and of short work too."""
    assert after == 1.0
    progress = Progress(total, after=0)
    progress.live = True
    return progress
