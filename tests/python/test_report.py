# SPDX-License-Identifier: Apache-2.0
"""The report on a mask, against counts in numpy and figures from the sources."""

from __future__ import annotations

import json
import math

import falloff
import numpy as np
import pytest
import torch
from falloff import Policy, analysis, models
from falloff.analysis.bands import bands, frame_pairs
from falloff.analysis.report import flex_block_mask_bytes
from falloff.cli import report as cli_report

import definitions
from listening import listener, shown_progress
from test_cli import fails, run  # noqa: F401


def by_frames(mask: np.ndarray, frames: int, patches: int, start: int = 0) -> np.ndarray:
    """Pairs between frames of the video that starts at a token."""
    end = start + frames * patches
    video = mask[start:end, start:end].reshape(frames, patches, frames, patches)
    return video.sum(axis=(1, 3))


def by_distance(pairs: np.ndarray) -> list[int]:
    """Sums over both diagonals at each distance."""
    frames = len(pairs)
    return [int(np.trace(pairs, d) + (d > 0) * np.trace(pairs, -d)) for d in range(frames)]


# The power-of-two bands of 11 frames.
BANDS = [(0, 1), (2, 3), (4, 7), (8, 10)]


@pytest.mark.parametrize("text_first", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.3, 1.0])
def test_bands_of_radial(decay: float, text_first: bool) -> None:
    order = ["text", "video"] if text_first else None
    sizes = {"frames": 11, "height": 3, "width": 4, "text": 7}
    mask = falloff.load("radial", decay=decay).bind(order=order, **sizes)
    dense = definitions.radial(11, 12, 7, decay=decay, text_first=text_first)
    start = 7 if text_first else 0
    expected = by_distance(by_frames(dense, 11, 12, start))
    report = analysis.report(mask)
    assert report.bands is not None
    assert [(band.first, band.last) for band in report.bands] == BANDS
    for band in report.bands:
        distances = range(band.first, band.last + 1)
        assert band.pairs == sum(expected[d] for d in distances)
        assert band.frame_pairs == sum(11 if d == 0 else 2 * (11 - d) for d in distances)
        assert band.density == band.pairs / (band.frame_pairs * 144)
    assert report.others is not None
    outside = dense.sum() - sum(expected)
    assert report.others["pairs"] == outside
    assert report.others["density"] == outside / (139**2 - 132**2)


CASES = [
    ("radial", {"decay": 0.4}, {"frames": 9, "tokens_per_frame": 20}, {}),
    ("radial", {"decay": 0.4}, {"frames": 9, "tokens_per_frame": 20, "text": 6}, {"tile": "2x8"}),
    ("radial", {"decay": 0.4}, {"frames": 9, "tokens_per_frame": 20}, {"major": "key"}),
    (
        *("radial", {"decay": 0.4}, {"frames": 9, "tokens_per_frame": 21, "text": 5}),
        {"grid": "flat", "tile_query": 16, "tile_key": 8},
    ),
    ("radial_2d", {"decay": 0.5}, {"frames": 8, "height": 4, "width": 5}, {"tile": "2x2x3"}),
    (
        *("scene_aware", {"cuts": [3, 6], "links": [[1, 1, 0], [1, 1, 0], [0, 0, 1]]}),
        *({"frames": 8, "tokens_per_frame": 10}, {"tile": "1x4"}),
    ),
    (
        *("sparse_videogen", {"kind": ["spatial", "temporal", "spatial"], "places": 2}),
        *({"frames": 5, "tokens_per_frame": 12}, {"tile": "1x4"}),
    ),
    ("vace", {}, {"picture": 1, "spot": 6, "frames": 6, "tokens_per_frame": 6}, {"tile": "1x4"}),
]


@pytest.mark.parametrize("rounding", ["exact", "outward", "nearest", "nearest:0.2"])
@pytest.mark.parametrize(("name", "parameters", "sizes", "options"), CASES)
def test_pairs_between_frames_of_masks_and_plans(
    name, parameters, sizes, options, rounding
) -> None:
    mask = falloff.load(name, **parameters).bind(**sizes)
    plan = mask.plan(rounding=rounding, **options)
    segment = 1 if name == "vace" else 0
    start = plan._impl.grid.segments[segment].first_token
    extents = plan._impl.grid.segments[segment].extents
    frames, patches = extents[0], math.prod(extents[1:])
    heads = [None] if mask.heads == 0 else list(range(mask.heads))
    for counted in (mask, plan):
        tables = list(plan._impl.table_of)
        expected = [by_frames(counted.to_dense(head=h), frames, patches, start) for h in heads]
        np.testing.assert_array_equal(
            frame_pairs(counted, segment, tables), np.mean(expected, axis=0)
        )
    found = bands(mask, {rounding: plan})
    assert found is not None
    total = sum(band.computed[rounding] for band in found)
    assert total == pytest.approx(np.mean([e.sum() for e in expected]))


def test_wan_at_its_default_size() -> None:
    """21 x 1560, decay 0.2: the density of a numpy count, and bands frame pair by frame pair."""
    mask = models.bind(falloff.load("radial", decay=0.2), "wan2.1-14b", "832x480x81")
    report = analysis.report(mask, model="wan2.1-14b")
    assert mask.density == pytest.approx(0.256, abs=5e-4)
    assert report.flops.dense / 1e12 == pytest.approx(22.0, abs=0.05)
    pairs_at = [int(definitions.radial_pair(d, 1560, 0.2).sum()) for d in (0, 1, 2, 4, 8, 16)]
    assert report.bands is not None
    for band in report.bands:
        expected = 0
        for i in range(21):
            for j in range(21):
                if band.first <= abs(i - j) <= band.last:
                    power = definitions.power_of_two_below(max(abs(i - j), 1)).bit_length()
                    expected += 1560**2 if j == 0 else pairs_at[power if abs(i - j) else 0]
        assert band.pairs == expected
    assert sum(band.pairs for band in report.bands) == mask.density * 32760**2


def test_roundings() -> None:
    mask = falloff.load("radial", decay=0.4).bind(frames=9, tokens_per_frame=20, text=6)
    report = analysis.report(mask, rounding="nearest:0.2", tile="video=1x4,text=6")
    names = ["exact", "nearest:0.2", "nearest:0.5", "outward"]
    assert [each.name for each in report.roundings] == names
    assert report.chosen.name == "nearest:0.2"
    for each in report.roundings:
        plan = mask.plan(rounding=each.name, tile="video=1x4,text=6")
        assert each.computed == plan.to_dense().sum() / 186**2
        assert each.pairs_lost == (mask.to_dense() & ~plan.to_dense()).sum()
        assert each.issued == plan.pairs_issued / 186**2
        table = plan._impl.tables[0]
        rows = table.row_start.nbytes + 8 * len(table.runs) + table.row_order.nbytes
        assert rows <= each.plan_bytes < rows + 4096
    exact = report.roundings[0]
    assert (exact.computed, exact.lost) == (mask.density, 0.0)


def test_flops_and_gain() -> None:
    mask = models.bind(falloff.load("radial", decay=0.2), "wan2.1-14b", "832x480x81")
    policy = Policy(dense_steps=12, dense_layers="0")
    report = analysis.report(mask, model="wan2.1-14b", policy=policy, steps=50, rounding="exact")
    area = 32760**2
    assert report.flops.dense == 4 * 40 * 128 * area
    assert report.flops.mask == pytest.approx(report.flops.dense * mask.density)
    assert report.flops.computed == pytest.approx(report.flops.mask)
    gain = report.gain
    assert gain is not None
    issued = mask.plan(rounding="exact").pairs_issued
    assert report.flops.issued == pytest.approx(report.flops.dense * issued / area)
    assert gain.layer == area / issued
    dense = (12 * 40 + 38) / 2000
    assert gain.dense_share == dense
    assert gain.limit == 1 / dense
    # Steps and layers one by one; a dense layer's attention takes 1, the rest of a layer `rest`.
    model = models.get("wan2.1-14b")
    rest = model.other_flops(32760, 0) / model.attention_flops(float(area))
    times = [
        1.0 if policy.is_dense(step, layer, 50) else issued / area
        for step in range(50)
        for layer in range(40)
    ]
    assert gain.run == pytest.approx(2000 / sum(times))
    assert gain.end_to_end == pytest.approx(2000 * (1 + rest) / (sum(times) + 2000 * rest))
    assert gain.attention_share == pytest.approx(1 / (1 + rest))
    given = analysis.report(mask, attention_share=0.7).gain
    assert given is not None
    assert given.run == given.layer
    assert given.end_to_end == pytest.approx(1 / (0.3 + 0.7 / given.layer))


@pytest.mark.parametrize(
    ("density", "policy", "steps", "layers", "mean", "gain"),
    [
        (0.287, Policy(12, "0"), 50, 40, 0.47, 2.1),  # Wan 768p 69 frames
        (0.275, Policy(12), 50, 60, 0.449, 2.2),  # HunyuanVideo 117 frames
        (0.287, Policy(1, "0"), 4, 40, 0.479, 2.1),  # Wan, 4 steps
        (0.109, Policy(2, "0,1"), 50, 60, 0.173, 5.8),  # HunyuanVideo 509 frames
        (0.116, Policy(2, "0-1"), 50, 40, 0.193, 5.2),  # Wan 720p 321 frames
    ],
)
def test_the_gains_of_the_references_scripts(density, policy, steps, layers, mean, gain) -> None:
    """Block densities of the reference's masks, with the dense steps and layers of its scripts: the
    mean density over all steps and layers caps what attention gains."""
    dense = policy.dense_share(steps, layers)
    assert dense + (1 - dense) * density == pytest.approx(mean, abs=2e-3)
    assert analysis.run_gain(1 / density, dense) == pytest.approx(gain, abs=0.05)


def test_the_references_own_mask_and_gain() -> None:
    """Wan at 1280x768x69 by its script: block density 0.287, and 2.1 times over the whole run."""
    mask = models.bind(falloff.load("radial_reference"), "wan2.1-14b", "1280x768x69")
    report = analysis.report(
        mask,
        model="wan2.1-14b",
        policy=Policy(12, "0"),
        steps=50,
        grid="flat",
        rounding="radial-reference",
    )
    assert report.chosen.computed == pytest.approx(0.287, abs=5e-4)
    assert report.gain is not None
    assert report.gain.run == pytest.approx(2.1, abs=0.05)
    assert report.bands is not None
    computed = sum(band.computed["radial-reference"] for band in report.bands)
    assert computed == report.chosen.pairs_computed


def test_gains_at_the_ends() -> None:
    assert analysis.run_gain(4.0, 1.0) == analysis.end_to_end_gain(4.0, 0.0) == 1.0
    assert analysis.run_gain(4.0, 0.0) == analysis.end_to_end_gain(4.0, 1.0) == 4.0
    for bad in (-0.1, 1.5, math.nan):
        with pytest.raises(ValueError, match="expects dense_share from 0 to 1"):
            analysis.run_gain(2.0, bad)
    with pytest.raises(ValueError, match="expects a gain above 0"):
        analysis.end_to_end_gain(0.0, 0.5)


@pytest.mark.parametrize("patches", [7, 64, 100])
def test_the_bound_holds_radial(patches: int) -> None:
    for frames in (2, 3, 4, 9, 21, 64, 130):
        mask = falloff.load("radial").bind(frames=frames, tokens_per_frame=patches)
        bound = analysis.report(mask, tile=f"1x{min(patches, 32)}").bound
        assert bound is not None
        assert bound.pairs is not None
        n, s = frames * patches, patches
        assert bound.pairs == pytest.approx(4 * s * n * (math.log2(n) - math.log2(s)))
        assert bound.video_pairs == definitions.radial_pairs(frames, patches, decay=1.0)
        assert bound.video_pairs <= bound.pairs


def test_where_there_is_no_bound() -> None:
    sizes = {"frames": 9, "tokens_per_frame": 12}
    for parameters, words in [({"decay": 1.5}, "decay up to 1"), ({"sinks": 2}, "sinks up to 1")]:
        bound = analysis.report(falloff.load("radial", **parameters).bind(**sizes)).bound
        assert bound is not None
        assert bound.pairs is None
        assert words in bound.reason
    two = analysis.report(falloff.load("radial_2d").bind(frames=9, height=3, width=4)).bound
    assert two is not None
    assert two.pairs is None
    assert analysis.report(falloff.load("dense").bind(**sizes)).bound is None
    assert analysis.report(falloff.load("causal").bind(tokens=50)).bound is None


def test_memory_of_flexattention() -> None:
    """What torch holds for one head."""
    from torch.nn.attention.flex_attention import create_block_mask

    for tokens in (100, 1000, 1024):
        made = create_block_mask(
            lambda b, h, q, k: q >= k, None, None, tokens, tokens, device="cpu"
        )
        tensors = [value for value in vars(made).values() if isinstance(value, torch.Tensor)]
        assert len(tensors) == 8
        assert flex_block_mask_bytes(tokens) == sum(tensor.nbytes for tensor in tensors)


def test_patterns_without_frames() -> None:
    report = analysis.report(falloff.load("causal").bind(tokens=300))
    assert report.bands is None
    assert report.others is None
    assert json.loads(report.json())["bands"] is None
    assert "frames" not in str(report)
    single = falloff.load("radial").bind(frames=1, tokens_per_frame=5)
    found = analysis.report(single).bands
    assert found is not None
    assert [(band.first, band.last, band.density) for band in found] == [(0, 0, 1.0)]


def test_more_frames_than_are_counted() -> None:
    mask = falloff.load("block_causal").bind(frames=4097, tokens_per_frame=2)
    report = analysis.report(mask, tile="64x2")
    assert report.bands is None
    assert "not counted beyond 4,096 frames" in str(report)


def test_an_empty_mask(tmp_path) -> None:
    path = tmp_path / "none.mlir"
    path.write_text(
        "mask.pattern @none over (%token: ?) {\n  %a = where distance(%token) < 0\n  keep %a\n}\n"
    )
    report = analysis.report(falloff.load(path).bind(tokens=20))
    assert report.gain is None
    assert json.loads(report.json())["density"] == 0
    assert "no tile is issued" in str(report)


def test_reports_that_cannot_be_made() -> None:
    mask = falloff.load("radial").bind(frames=5, tokens_per_frame=6)
    with pytest.raises(ValueError, match="expects a whole mask"):
        analysis.report(mask.slice(queries=(0, 10)))
    with pytest.raises(ValueError, match="at least 1 token"):
        analysis.report(falloff.load("causal").bind(tokens=0))
    with pytest.raises(ValueError, match="number of steps, with dense_steps 2, but got none"):
        analysis.report(mask, policy=Policy(dense_steps=2))
    with pytest.raises(ValueError, match="number of steps, with dense_last_steps 3"):
        analysis.report(mask, policy=Policy(dense_last_steps=3))
    with pytest.raises(ValueError, match=r"a model or layers, .* with dense_layers 0, but"):
        analysis.report(mask, policy=Policy(dense_layers="0"))
    with pytest.raises(TypeError, match=r"policy to be a falloff\.Policy, but got 'x'"):
        analysis.report(mask, policy="x")  # type: ignore[arg-type]
    for name in ("steps", "layers", "head_dim"):
        with pytest.raises(TypeError, match=f"expects {name} to be an integer, but got 2.5"):
            analysis.report(mask, policy=Policy(1), **{"steps": 3, name: 2.5})
    with pytest.raises(TypeError, match="attention_share to be a number, but got 'x'"):
        analysis.report(mask, attention_share="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"128, which is that of wan2\.1-14b, but got 64"):
        analysis.report(mask, model="wan2.1-14b", head_dim=64)
    with pytest.raises(ValueError, match="from 0 to 39, but got 40"):
        analysis.report(mask, model="wan2.1-14b", policy=Policy(dense_layers="40"), steps=3)
    with pytest.raises(falloff.CompileError, match="several axes"):
        mask._impl.leading_pairs(0, 1, 0)
    with pytest.raises(falloff.CompileError, match="expects a segment from 0 to 1, but got 2"):
        mask._impl.leading_pairs(0, 2, 0)
    plan = mask.slice(queries=(0, 10)).plan()
    with pytest.raises(falloff.CompileError, match="but got one of a slice"):
        plan._impl.leading_pairs(0, 0, 0)
    blocks = falloff.Plan.from_block_mask(np.ones((2, 2), bool), 16, tile=8)
    with pytest.raises(falloff.CompileError, match="one of blocks"):
        blocks._impl.leading_pairs(0, 0, 0)


WAN = ["--model", "wan2.1-14b", "--size", "832x480x81"]


def test_the_command(run) -> None:  # noqa: F811
    policy = ["--steps", "50", "--dense-steps", "12", "--dense-layers", "0,1"]
    arguments = ["report", "radial", *WAN, "--set", "decay=0.2", *policy]
    result = run(*arguments, "--json")
    assert (result.code, result.err) == (0, "")
    data = json.loads(result.out)
    assert data["tokens"] == 32760
    assert data["density"] == pytest.approx(0.256, abs=5e-4)
    assert data["sparsity"] == 1 - data["density"]
    assert data["policy"] == {
        "dense_steps": 12,
        "dense_last_steps": 0,
        "dense_layers": "0-1",
        "steps": 50,
        "layers": 40,
    }
    assert data["segments"][0] == {
        "name": "video",
        "axes": ["frame", "patch"],
        "extents": [21, 1560],
    }
    assert data["model"]["heads"] == 40
    assert data["bound"]["pairs"] == pytest.approx(4 * 1560 * 32760 * math.log2(21))
    text = run(*arguments)
    assert text.code == 0
    assert f"density   {data['density']:.4f}" in text.out
    assert f"sparsity  {data['sparsity']:.4f}" in text.out
    assert f"{data['gain']['end_to_end']:.2f}x" in text.out
    assert "50 steps, 12 of them dense and 40 layers, 0-1 dense" in text.out
    last = run(*arguments, "--dense-last-steps", "3", "--attention-share", "0.5", "--json")
    gain = json.loads(last.out)["gain"]
    assert gain["dense_share"] == pytest.approx((15 * 40 + 35 * 2) / 2000)
    assert gain["attention_share"] == 0.5


def test_the_head_dimension_is_the_models(run) -> None:  # noqa: F811
    cog = ["report", "cogvideox", "--model", "cogvideox-2b", "--size", "720x480x49", "--json"]
    assert json.loads(run(*cog).out)["flops"]["head_dim"] == 64
    assert run(*cog, "--head-dim", "64").out == run(*cog).out
    fails(run(*cog, "--head-dim", "80"), "64, which is that of cogvideox-2b, but got 80")
    small = ["report", "causal", "--extent", "token=40", "--json"]
    assert json.loads(run(*small).out)["flops"]["head_dim"] == 128
    assert json.loads(run(*small, "--head-dim", "80").out)["flops"]["head_dim"] == 80


def test_steps_that_are_first_and_last_are_counted_once(run) -> None:  # noqa: F811
    policy = ["--steps", "4", "--dense-steps", "3", "--dense-last-steps", "3"]
    result = run("report", "radial", *WAN, *policy)
    assert "over 4 steps, 4 of them dense" in result.out
    assert "40 layers: 1.00x (at most 1.00x)" in result.out


def test_long_work_is_told_of() -> None:
    mask = falloff.load("radial").bind(frames=5, tokens_per_frame=6)
    heard: list[tuple[str, float]] = []
    report = analysis.report(mask, rounding="nearest:0.2", step=listener(heard))
    names = ["plan, nearest:0.2", "plan, exact", "plan, outward", "plan, nearest"]
    assert [name for name, _ in heard] == [*names, "pairs by distance"]
    assert sum(share for _, share in heard) == pytest.approx(1)
    assert report.as_dict() == analysis.report(mask, rounding="nearest:0.2").as_dict()


def test_the_command_shows_progress(run, monkeypatch) -> None:  # noqa: F811
    """On a terminal, and stdout is what it is without."""
    arguments = ["report", "radial", "--frames", "5", "--tokens-per-frame", "6"]
    quiet = run(*arguments)
    monkeypatch.setattr(cli_report, "Progress", shown_progress)
    loud = run(*arguments)
    assert (quiet.err, loud.out) == ("", quiet.out)
    assert "plan, outward" in loud.err
    assert "100%" in loud.err
    assert loud.err.endswith("\033[K")


def test_a_model_wherever_a_size_goes(run) -> None:  # noqa: F811
    size = ["--model", "wan2.1-14b", "--size", "48x32x9"]
    assert "@radial: 18 tokens" in run("check", "radial", *size).out
    assert len(run("draw", "radial", *size).out.splitlines()) == 18
    plan = json.loads(run("plan", "radial", *size, "--emit", "json").out)
    assert plan["grid"]["segments"][0]["extents"] == [3, 6]
    assert run("compile", "radial", *size, "--emit", "mask").code == 0
    cog = ["--model", "cogvideox-5b", "--size", "48x32x9", "--text", "4", "--emit", "json"]
    segments = json.loads(run("plan", "radial", *cog).out)["grid"]["segments"]
    assert [(s["name"], s["first_token"]) for s in segments] == [("text", 0), ("video", 4)]
    cog = [*cog, "--order", "video,text"]
    segments = json.loads(run("plan", "radial", *cog).out)["grid"]["segments"]
    assert [(s["name"], s["first_token"]) for s in segments] == [("video", 0), ("text", 18)]


def test_what_the_command_refuses(run) -> None:  # noqa: F811
    fails(run("report", "radial", "--model", "wan2.1-14b"), "expects --size with --model")
    fails(run("check", "radial", "--size", "832x480x81"), "expects --model with --size")
    fails(run("report", "radial", "--model", "wan21-14b", "--size", "1x1x1"), "wan2.1-14b")
    fails(run("report", "radial", *WAN, "--frames", "3"), "frames")
    fails(run("report", "radial", *WAN, "--dense-layers", "2-"), "'2-'")
    fails(run("report", "radial", *WAN, "--dense-steps", "2"), "expects --steps", "--dense-steps 2")
    last = run("report", "radial", *WAN, "--dense-last-steps", "3")
    fails(last, "expects --steps", "--dense-last-steps 3")
    small = ["report", "radial", "--frames", "3", "--tokens-per-frame", "4"]
    fails(run(*small, "--dense-layers", "0-1"), "--layers or --model with --dense-layers 0-1")
    size = ["report", "radial", "--model", "wan2.1-14b", "--size"]
    fails(run(*size, "830x480x80"), "816x480x77 and 832x480x81 work")
    fails(run(*size, "832x480"), "WIDTHxHEIGHTxFRAMES")
    fails(run("report", "neighborhood", "--model", "mochi-1", "--size", "848x480x7"), "256 tokens")
    fails(run("report", "radial", *WAN, "--dense-steps", "0,1"), "at least 0", code=2)
    fails(run("report", "radial", *WAN, "--attention-share", "2"), "from 0 to 1", code=2)
