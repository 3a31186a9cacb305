# SPDX-License-Identifier: Apache-2.0
"""A report as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from falloff.analysis.bands import MOST_FRAMES

if TYPE_CHECKING:
    from falloff.analysis.report import Bound, Report


def report_text(report: Report) -> str:
    lines = [*_head(report), "", *_bands(report), *_roundings(report), ""]
    lines += [_flops(report), *_bound(report.bound), *_gain(report), _memory(report)]
    return "\n".join(lines)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def size(count: float) -> str:
    """Bytes with a binary unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:,.0f} B" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    return ""


def flops(count: float) -> str:
    """FLOPs with a decimal unit."""
    for unit, scale in (("PFLOP", 1e15), ("TFLOP", 1e12), ("GFLOP", 1e9)):
        if count >= scale:
            return f"{count / scale:,.1f} {unit}"
    return f"{count / 1e6:,.1f} MFLOP"


def _head(report: Report) -> Iterator[str]:
    mask = report.mask
    values = ", ".join(f"{name}={value}" for name, value in mask.parameters.items())
    title = f"@{mask.name}" + (f" ({values})" if values else "")
    if report.model is not None:
        model = report.model
        title += f", {model.name}: {model.layers} layers of {model.heads} heads x {model.head_dim}"
    yield title
    yield f"tokens    {mask.tokens:,}"
    yield f"density   {mask.density:.4f}  (pairs of query and key in the mask / all pairs)"
    yield f"sparsity  {mask.sparsity:.4f}  (1 - density: pairs left out / all pairs)"


def _bands(report: Report) -> Iterator[str]:
    """Density in the mask and in each plan, by distance of frames."""
    frames = [each["extents"][0] for each in report.segments if each["axes"][0] == "frame"]
    if any(count > MOST_FRAMES for count in frames):
        yield f"density by distance of frames: not counted beyond {MOST_FRAMES:,} frames"
        yield ""
    if not report.bands:
        return
    names = [each.name for each in report.roundings]
    yield "density by distance of frames, of the mask and as computed by plans:"
    yield f"  {'frames':<12}{'frame pairs':>12}{'mask':>10}" + "".join(f"{n:>18}" for n in names)
    for band in report.bands:
        apart = str(band.first) if band.first == band.last else f"{band.first}-{band.last}"
        shares = "".join(f"{band.computed[name] / band.tokens:>18.4f}" for name in names)
        yield f"  {apart:<12}{band.frame_pairs:>12,}{band.density:>10.4f}{shares}"
    if report.others is not None:
        yield f"  {'not video':<24}{report.others['density']:>10.4f}"
    yield ""


def _roundings(report: Report) -> Iterator[str]:
    yield "pairs / all pairs, by rounding of the plan:"
    yield f"  {'rounding':<18}{'computed':>10}{'issued':>10}{'lost of mask':>14}{'plan':>12}"
    for each in report.roundings:
        yield (
            f"  {each.name:<18}{each.computed:>10.4f}{each.issued:>10.4f}"
            f"{percent(each.lost):>14}{size(each.plan_bytes):>12}"
        )


def _flops(report: Report) -> str:
    found = report.flops
    what = "a head" if report.model is None else "a layer"
    return (
        f"attention of {what} (head dimension {found.head_dim}): {flops(found.dense)} dense, "
        f"{flops(found.mask)} in the mask, {flops(found.computed)} computed, "
        f"{flops(found.issued)} issued"
    )


def _bound(bound: Bound | None) -> Iterator[str]:
    if bound is None:
        return
    what = "bound 4sn(log2 n - log2 s)"
    if bound.pairs is None:
        yield f"{what}: none, since {bound.reason}"
        return
    area = bound.video_tokens**2
    note = ", which at so few frames says nothing" if bound.pairs >= area else ""
    yield (
        f"{what}: {bound.pairs / area:.4f} of the video's pairs{note}; "
        f"the mask has {bound.video_pairs / area:.4f}"
    )


def _gain(report: Report) -> Iterator[str]:
    gain, policy = report.gain, report.policy
    if gain is None:
        yield "predicted gain: none, since no tile is issued"
        return
    yield (
        f"predicted gain of a sparse layer's attention: {gain.layer:.2f}x "
        f"(all pairs / issued, {report.rounding})"
    )
    if report.steps is not None or policy.dense_layers:
        steps = ""
        if report.steps is not None:
            dense = policy.count_dense_steps(report.steps)
            steps = f"{report.steps} steps, {dense} of them dense"
        layers = "" if report.layers is None else f"{report.layers} layers"
        layers += f", {policy.layers_text} dense" if layers and policy.dense_layers else ""
        limit = "" if gain.limit is None else f" (at most {gain.limit:.2f}x)"
        over = " and ".join(part for part in (steps, layers) if part)
        yield f"predicted gain of attention over {over}: {gain.run:.2f}x{limit}"
    if gain.end_to_end is not None and gain.attention_share is not None:
        yield (
            f"predicted gain end to end: {gain.end_to_end:.2f}x, attention being "
            f"{percent(gain.attention_share)} of a dense step"
        )


def _memory(report: Report) -> str:
    memory = report.memory
    return (
        f"memory: plan {size(memory['plan_bytes'])}, boolean mask "
        f"{size(memory['boolean_mask_bytes'])}, FlexAttention block mask "
        f"{size(memory['flex_block_mask_bytes'])} (blocks of 128)"
    )
