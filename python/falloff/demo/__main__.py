# SPDX-License-Identifier: Apache-2.0
"""`python -m falloff.demo [VIDEO]`: denoises a clip with three patterns and compares them."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import falloff
from falloff._progress import Progress
from falloff.cli.parsing import at_least, positive

from . import nonlocal_means, options, report, video
from .kernel import compile_kernel
from .nonlocal_means import Job
from .quality import psnr, ssim
from .reference import sample_error
from .report import Result
from .video import Clip, Frames

WINDOW = Path(__file__).with_name("window.mlir")
CHECK_WORK = 0.1  # how far the check of one run moves the bar; dense attention moves it by 1
TOLERANCE = 0.1  # grey levels of 255 that a kernel in float32 may be off


@dataclass(frozen=True)
class Run:
    """What attention with one pattern gave, and what it took."""

    name: str
    mask: falloff.Mask
    plan: falloff.Plan
    plan_seconds: float
    seconds: float
    out: NDArray[np.float32]


def bind(job: Job) -> dict[str, falloff.Mask]:
    """The three masks; the window is the widest whose density does not pass that of radial."""
    frames, rows, columns = job.shape
    sizes: dict[str, Any] = {"frames": frames, "tokens_per_frame": rows * columns}
    dense = falloff.load("dense").bind(**sizes)
    radial = falloff.load("radial", decay=0.2).bind(**sizes)
    pattern = falloff.load(WINDOW)
    window = pattern.bind(reach=0, **sizes)
    for reach in range(1, frames):
        wider = pattern.bind(reach=reach, **sizes)
        if wider.density > radial.density:
            break
        window = wider
    return {"dense": dense, "radial": radial, "window": window}


def attend(name: str, mask: falloff.Mask, job: Job) -> Run:
    """Attention over the whole clip, timed from q, k and v to the output."""
    begin = time.perf_counter()
    plan = mask.plan(dtype="fp32", head_dim=job.q.shape[-1])
    plan_seconds = time.perf_counter() - begin
    compile_kernel(mask, plan, job.q, job.k, job.v)
    out = np.empty_like(job.v)
    begin = time.perf_counter()
    falloff.attention(job.q, job.k, job.v, plan, scale=1.0, out=out)
    return Run(name, mask, plan, plan_seconds, time.perf_counter() - begin, out)


def results(
    clean: Frames, noisy: Frames, job: Job, runs: Sequence[Run], progress: Progress
) -> list[Result]:
    """The rows of the table: what the noise did, then each run."""
    rows = [Result("noisy", psnr(noisy, clean), ssim(noisy, clean))]
    for run in runs:
        frames = nonlocal_means.assemble(run.out, job.shape)
        with progress.step(f"{run.name}: float64 check", CHECK_WORK):
            error = sample_error(run.out, job, run.mask, run.plan)
        rows.append(
            Result(
                run.name,
                psnr(frames, clean),
                ssim(frames, clean),
                run.mask.density,
                int(run.plan.pairs_computed),
                run.plan_seconds * 1e3,
                run.seconds,
                runs[0].seconds / run.seconds,
                error,
            )
        )
    return rows


def save(
    folder: Path, clip: Clip, noisy: Frames, job: Job, runs: Sequence[Run]
) -> list[tuple[Path, str]]:
    """Writes pictures and clips; returns each file with what it shows."""
    clips = {run.name: nonlocal_means.assemble(run.out, job.shape) for run in runs}
    named = {"clean": clip.frames, "noisy": noisy, **clips}
    middle = len(noisy) // 2
    files = [(folder / "side-by-side.png", f"frame {middle}: {', '.join(named)}")]
    video.write_png(files[0][0], report.side_by_side(list(named.values()), middle))
    for name in ("noisy", "radial"):
        path = folder / f"{name}.mp4"
        video.write_clip(path, named[name], clip.rate)
        files.append((path, "the noisy clip" if name == "noisy" else "the clip denoised, radial"))
    for run in runs[1:]:
        path = folder / f"mask-{run.name}.png"
        run.mask.draw(path)
        files.append((path, f"the mask: queries downwards, keys to the right, {run.name}"))
    return files


def make_folder(folder: Path) -> None:
    """Before any work that would be lost where nothing can be written."""
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = options.parser(
        "python -m falloff.demo",
        "Denoises a video by attention (non-local means): dense, radial, windowed.",
        most_frames=81,
        least_frames=2,
    )
    parser.add_argument("--sigma", type=positive, default=25, help="deviation of the noise, of 255")
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder to fill")
    return parser.parse_args(arguments)


def demo(given: argparse.Namespace) -> int:
    video.pyav()
    path = given.video or video.default_clip()
    clip = video.read(path, given.frames, given.tokens)
    make_folder(given.output)
    noisy = nonlocal_means.add_noise(clip.frames, given.sigma, given.seed)
    job = nonlocal_means.prepare(noisy, given.sigma)
    frames, rows, columns = job.shape
    print(f"{path.name}: {frames} frames of {columns * 4} x {rows * 4} luma in patches of 4 x 4:")
    print(f"{frames} x {rows * columns:,} = {job.tokens:,} tokens, noise of {given.sigma:g}")

    masks = bind(job)
    work = {name: mask.density for name, mask in masks.items()}
    with Progress(sum(work.values()) + len(work) * CHECK_WORK) as progress:
        done = {}
        for name in reversed(masks):  # the longest last: by then the bar knows the pace
            with progress.step(f"{name}: attention", work[name]):
                done[name] = attend(name, masks[name], job)
        runs = [done[name] for name in masks]
        rows_of_table = results(clip.frames, noisy, job, runs, progress)

    print("\n" + report.table(rows_of_table) + "\n")
    print("max error: of 256 queries against masked attention in float64, in grey levels of 255")
    for file, shows in save(given.output, clip, noisy, job, runs):
        print(f"{file}: {shows}")
    wrong = [
        row.name for row in rows_of_table if row.error is not None and not row.error <= TOLERANCE
    ]
    if wrong:
        print(
            f"error: {', '.join(wrong)} off by more than {TOLERANCE} grey levels", file=sys.stderr
        )
    return 1 if wrong else 0


def main(arguments: Sequence[str] | None = None) -> int:
    given = parse(arguments)
    return options.run("falloff.demo", lambda: demo(given))


if __name__ == "__main__":
    sys.exit(main())
