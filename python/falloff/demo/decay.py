# SPDX-License-Identifier: Apache-2.0
"""`python -m falloff.demo.decay [VIDEO]`: how the similarity of a clip's patches falls off.

This is pixel similarity of a video, not a model: the weights are those of non-local means, as in
the demo, of the clip without noise. A model's attention has to be measured in the model; `falloff
fit` reads it from a file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import falloff
from falloff.cli.fit import report
from falloff.cli.parsing import at_least

from . import nonlocal_means, options, video

SIGMA = 25.0  # the demo's noise, whose strength says how alike patches have to be


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = options.parser(
        "python -m falloff.demo.decay",
        "Fits exp(-a x + b) to the similarity of a video's patches. It is pixel similarity of the "
        "video, not a model.",
        most_frames=33,
        least_frames=3,
    )
    parser.add_argument("--samples", type=at_least(1), default=1024, help="queries (1024)")
    parser.add_argument("--output", metavar="FILE", help="an SVG to write; text on stdout without")
    parser.add_argument("--save", type=Path, metavar="FILE.npz", help="q and k, for `falloff fit`")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def decay(given: argparse.Namespace) -> int:
    video.pyav()
    path = given.video or video.default_clip()
    clip = video.read(path, given.frames, given.tokens)
    job = nonlocal_means.prepare(clip.frames, SIGMA)
    if given.save is not None:
        np.savez(given.save, q=job.q, k=job.k)
    frames, height, width = job.shape
    found = falloff.fit(
        q=job.q,
        k=job.k,
        frames=frames,
        height=height,
        width=width,
        scale=1.0,
        samples=given.samples,
        nearest=1,  # a patch is always most alike to itself
    )
    if not given.json:
        print(f"{path.name}: pixel similarity of a video, not a model's attention")
    report(found, given.output, as_json=given.json)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    given = parse(arguments)
    return options.run("falloff.demo.decay", lambda: decay(given))


if __name__ == "__main__":
    sys.exit(main())
