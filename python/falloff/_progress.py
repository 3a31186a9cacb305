# SPDX-License-Identifier: Apache-2.0
"""A progress bar on stderr, over work of known size. Commands and the demo share it.

with Progress(total=rows, after=1.0) as progress:
    for row in range(rows):
        ...
        progress.advance(1, "counting pairs")
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

FIRST_GUESS = 3.0  # seconds that a first step is taken to need
_WIDTH = 40  # characters of the bar
_NAME = 28  # characters of a step's name


class Progress:
    """A bar over ``total`` units of work, whatever they are. Within a step it moves at the rate of
    the steps before.

    after: seconds before the bar shows; work that is done by then leaves no trace, and later the
        bar is wiped when it closes. Without a terminal nothing is written. None, for a program
        that is a report itself: it shows from the beginning, stays when it closes, and writes a
        line a step where there is no terminal.
    """

    def __init__(self, total: float, *, after: float | None = None) -> None:
        self.total, self.done, self.busy = total, 0.0, 0.0
        self.after = after
        # None where stderr is closed, whereupon print() would write to stdout.
        self.live = sys.stderr is not None and sys.stderr.isatty()
        self.shown = False
        self.begin = time.perf_counter()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def step(self, name: str, work: float) -> Iterator[None]:
        """A block of code that does ``work`` units and says nothing meanwhile."""
        rate = self.done / self.busy if self.busy else work / FIRST_GUESS
        begin, ended = time.perf_counter(), threading.Event()

        def draw() -> None:
            while not ended.wait(0.1):
                self._draw(name, min(rate * (time.perf_counter() - begin), 0.98 * work))

        painter = threading.Thread(target=draw, daemon=True)
        if self.live:
            painter.start()
        try:
            yield
        finally:
            ended.set()
            if self.live:
                painter.join()
        self.busy += time.perf_counter() - begin
        self.advance(work, name)

    def advance(self, work: float, name: str) -> None:
        """``work`` more units are done."""
        self.done += work
        if self.live:
            self._draw(name, 0.0)
        elif self.after is None and sys.stderr is not None:
            print(self._line(name, 0.0).rstrip(), file=sys.stderr, flush=True)

    def close(self) -> None:
        if not self.shown:
            return
        end = "\n" if self.after is None else "\r\033[K"
        print(end=end, file=sys.stderr, flush=True)
        self.shown = False

    def _draw(self, name: str, within: float) -> None:
        if self.after is not None and time.perf_counter() - self.begin < self.after:
            return
        self.shown = True
        print("\r" + self._line(name, within), end="", file=sys.stderr, flush=True)

    def _line(self, name: str, within: float) -> str:
        share = min((self.done + within) / self.total, 1.0) if self.total else 1.0
        bar = "#" * round(share * _WIDTH)
        seconds = time.perf_counter() - self.begin
        return f"[{bar:<{_WIDTH}}] {share:4.0%} {seconds:5.1f} s  {name[:_NAME]:<{_NAME}}"
