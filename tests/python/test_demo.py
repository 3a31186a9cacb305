# SPDX-License-Identifier: Apache-2.0
"""The demo: its parts against their definitions, and the whole of it on a clip made here."""

from __future__ import annotations

import importlib.util
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

from falloff.demo import decay, nonlocal_means, video
from falloff.demo.__main__ import main
from falloff.demo.quality import psnr, ssim


@pytest.fixture
def clip() -> video.Frames:
    """Five frames of 24 x 32: a moving slope with an edge."""
    frame, y, x = np.ogrid[0:5, 0:24, 0:32]
    return np.asarray(40 + 3 * x + 2 * y + 4 * frame + 60 * (x > 12 + frame), np.float32)


def test_attention_weights_are_those_of_non_local_means(clip: video.Frames) -> None:
    sigma, strength = 25.0, 0.6
    job = nonlocal_means.prepare(clip, sigma, strength)
    padded = np.pad(clip.astype(np.float64), [(0, 0), (2, 2), (2, 2)], mode="reflect")
    features = [
        padded[f, 4 * r : 4 * r + 8, 4 * c : 4 * c + 8].ravel()
        for f in range(5) for r in range(6) for c in range(8)
    ]  # fmt: skip
    a = np.array(features)
    distance = ((a[:, None] - a[None]) ** 2).sum(axis=-1)
    expected = np.exp(-distance / (strength * sigma * 8) ** 2)
    expected /= expected.sum(axis=1, keepdims=True)
    scores = job.q[0, :, 0].astype(np.float64) @ job.k[0, :, 0].astype(np.float64).T
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weights, expected, atol=1e-5)


def test_patches_go_back_to_where_they_were(clip: video.Frames) -> None:
    job = nonlocal_means.prepare(clip, 25)
    assert job.v.shape == (1, 5 * 6 * 8, 1, 16)
    np.testing.assert_array_equal(nonlocal_means.assemble(job.v, job.shape), clip)


def test_psnr_of_a_constant_error(clip: video.Frames) -> None:
    assert psnr(clip + 5, clip) == pytest.approx(20 * np.log10(255 / 5), abs=1e-4)
    assert psnr(clip, clip) == float("inf")


def test_ssim_of_equal_and_of_shifted_constants(clip: video.Frames) -> None:
    assert ssim(clip, clip) == pytest.approx(1)
    flat = np.full_like(clip, 100)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 110 + c1) / (100**2 + 110**2 + c1)  # no variance: luminance alone
    assert ssim(flat + 10, flat) == pytest.approx(expected)


def test_a_clip_is_read_as_it_was_written_and_scaled_down(
    clip: video.Frames, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    video.write_clip(path, clip, Fraction(25))
    whole = video.read(path, frames=4, tokens_per_frame=48)
    assert whole.frames.shape == (4, 24, 32)
    assert whole.rate == 25
    assert np.abs(whole.frames - clip[:4]).mean() < 6
    assert video.read(path, frames=9, tokens_per_frame=13).frames.shape == (5, 12, 16)


def test_the_whole_demo(
    clip: video.Frames, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clip.mp4"
    video.write_clip(path, clip, Fraction(25))
    assert main([str(path), "--output", str(tmp_path / "out")]) == 0
    printed, progress = capsys.readouterr()
    assert "window: float64 check\n" in progress
    assert "5 x 48 = 240 tokens" in printed
    for name in ("noisy", "dense", "radial", "window"):
        assert f" {name} |" in printed
    written = {file.name for file in (tmp_path / "out").iterdir()}
    assert written == {
        "side-by-side.png", "noisy.mp4", "radial.mp4", "mask-radial.png", "mask-window.png",
    }  # fmt: skip
    assert all(str(tmp_path / "out" / name) in printed for name in written)


@pytest.mark.parametrize("content", [None, b"this is no video"])
def test_what_is_no_video_is_one_line_of_error(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path), "--output", str(tmp_path / "out")]) == 1
    assert str(path) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("module", "package"), [("av", "av"), ("skvideo", "scikit-video")])
def test_a_missing_package_is_one_line_of_error(
    module: str,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setitem(sys.modules, "av", None if module == "av" else pytest.importorskip("av"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == module else find(n))
    for program in (main, decay.main):
        assert program([]) == 1
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        assert "but found none; pip install" in said
        assert package in said


def test_a_folder_that_cannot_be_is_said_before_any_work(
    clip: video.Frames,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "clip.mp4"
    video.write_clip(path, clip, Fraction(25))
    monkeypatch.setattr(nonlocal_means, "prepare", lambda *_: pytest.fail("it began to work"))
    for folder in (path, path / "in"):
        assert main([str(path), "--output", str(folder)]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(f"falloff.demo: error: {folder}: ")


def test_an_interrupt_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(video, "read", interrupt)
    for program in (main, decay.main):
        assert program(["clip.mp4"]) == 130
        assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("option", "value", "range_"),
    [
        ("--frames", "1", "an integer of at least 2"),
        ("--tokens", "0", "an integer of at least 4"),
        ("--sigma", "-3", "a finite number above 0"),
        ("--sigma", "inf", "a finite number above 0"),
        ("--seed", "x", "an integer of at least 0"),
    ],
)
def test_an_option_out_of_range(
    option: str, value: str, range_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([option, value])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert f"argument {option}: expects {range_}, but got '{value}'" in said
