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

from . import nonlocal_means, video

SIGMA = 25.0  # the demo's noise, whose strength says how alike patches have to be


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m falloff.demo.decay",
        description="Fits exp(-a x + b) to the similarity of a video's patches. It is pixel "
        "similarity of the video, not a model.",
    )
    parser.add_argument("video", nargs="?", type=Path, help="default: carphone, 176 x 144")
    parser.add_argument("--frames", type=int, default=33, help="at most so many (default 33)")
    parser.add_argument(
        "--tokens", type=int, default=1584, help="scale down to so many 4 x 4 patches a frame"
    )
    parser.add_argument("--samples", type=int, default=1024, help="queries (default 1024)")
    parser.add_argument("--output", metavar="FILE", help="an SVG to write; text on stdout without")
    parser.add_argument("--save", type=Path, metavar="FILE.npz", help="q and k, for `falloff fit`")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    if options.frames < 3 or options.tokens < 4:
        parser.error("expects --frames of 3 or more and --tokens of 4 or more")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        path = options.video or video.default_clip()
        clip = video.read(path, options.frames, options.tokens)
        job = nonlocal_means.prepare(clip.frames, SIGMA)
        if options.save is not None:
            np.savez(options.save, q=job.q, k=job.k)
        frames, height, width = job.shape
        found = falloff.fit(
            q=job.q,
            k=job.k,
            frames=frames,
            height=height,
            width=width,
            scale=1.0,
            samples=options.samples,
            nearest=1,  # a patch is always most alike to itself
        )
        if not options.json:
            print(f"{path.name}: pixel similarity of a video, not a model's attention")
        report(found, options.output, as_json=options.json)
    except (OSError, ValueError) as error:
        print(f"falloff.demo.decay: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
