# SPDX-License-Identifier: Apache-2.0
"""Parameters that meet a density or a speed-up, against searches that try every value."""

from __future__ import annotations

import json
import re

import falloff
import numpy as np
import pytest
from falloff import analysis
from falloff.analysis.solve import parameter_of
from falloff.cli import solve as cli_solve

import definitions
from listening import listener, shown_progress
from test_cli import fails, run  # noqa: F401

SIZE = ["--frames", "9", "--tokens-per-frame", "40"]


def radial(decay: float) -> falloff.Mask:
    return falloff.load("radial").bind(frames=9, tokens_per_frame=40, decay=decay)


def defined(decay: float) -> float:
    """Density of `radial`, from the definition, one frame pair at each distance."""
    pairs = [int(definitions.radial_pair(d, 40, decay).sum()) for d in range(9)]
    total = sum(1600 if j == 0 else pairs[abs(i - j)] for i in range(9) for j in range(9))
    return total / 360**2


@pytest.mark.parametrize("density", [0.45, 0.5, 0.61803, 0.75, 0.9])
def test_the_nearest_density_there_is(density: float) -> None:
    """Against the definition at all decays there are: widths change at multiples of 2 / 40."""
    steps = [defined(i / 20) for i in range(9 * 20)]
    found = analysis.solve(radial, density=density)
    nearest = min(abs(step - density) for step in steps)
    assert abs(found.found.density - density) == pytest.approx(nearest, abs=1e-12)
    assert found.found.density == pytest.approx(defined(found.found.value), abs=1e-12)
    assert found.other is not None
    assert (found.other.density - density) * (found.found.density - density) <= 0
    assert not any(
        min(found.found.density, found.other.density) + 1e-12
        < step
        < max(found.found.density, found.other.density) - 1e-12
        for step in steps
    )


def test_values_come_in_few_digits() -> None:
    mask = falloff.load("radial", decay=0.2).bind(frames=21, tokens_per_frame=1560)
    pattern = falloff.load("radial")

    def bind(decay: float) -> falloff.Mask:
        return pattern.bind(frames=21, tokens_per_frame=1560, decay=decay)

    found = analysis.solve(bind, density=mask.density)
    assert (found.found.value, found.found.density) == (0.2, mask.density)
    assert found.parameter == "decay"


def test_whole_numbers_and_falling_densities() -> None:
    def side(value: float) -> falloff.Mask:
        return falloff.load("neighborhood", depth=1, side=value).bind(frames=2, height=9, width=20)

    densities = {n: side(n).density for n in range(1, 30)}
    for density in (0.02, 0.1, 0.3):
        found = analysis.solve(side, parameter="side", whole=True, density=density)
        best = min(densities, key=lambda n: (abs(densities[n] - density), densities[n]))
        assert found.found.density == densities[best]
    assert found.range[0].value == 1

    def dilation(value: float) -> falloff.Mask:
        pattern = falloff.load("neighborhood", depth=1, side=3, dilation=value)
        return pattern.bind(frames=1, height=40, width=40)

    wide = [(n, dilation(n).density) for n in range(1, 60)]
    target = wide[20][1]
    falling = analysis.solve(dilation, parameter="dilation", whole=True, density=target)
    assert falling.found.density == target
    assert falling.range[0].density < falling.range[1].density
    assert falling.range[0].value > falling.range[1].value


def test_the_ends() -> None:
    least, most = radial(0.0).density, 1.0
    low = analysis.solve(radial, density=least)
    assert low.found.density == least
    high = analysis.solve(radial, density=most)
    assert high.found.density == most
    assert [end.density for end in low.range] == [least, most]
    with pytest.raises(
        ValueError, match=f"from {least:.4g} to 1, which is what decay can do from 0"
    ):
        analysis.solve(radial, density=least - 1e-3)


@pytest.mark.parametrize("speedup", [1.2, 1.5, 1.9])
def test_speedups(speedup: float) -> None:
    found = analysis.solve(radial, speedup=speedup, tile="1x8", rounding="exact")

    def gain(decay: float) -> float:
        return 360**2 / radial(decay).plan(tile="1x8", rounding="exact").pairs_issued

    assert found.found.speedup == gain(found.found.value)
    gains = np.array([gain(decay) for decay in np.arange(0, 8, 0.05)])
    assert abs(found.found.speedup - speedup) <= np.abs(gains - speedup).min() + 1e-9
    assert found.other is not None
    assert found.other.speedup is not None
    assert (found.other.speedup - speedup) * (found.found.speedup - speedup) <= 0


def test_parameters_that_cannot_be_solved_for() -> None:
    def chunk(value: float) -> falloff.Mask:
        pattern = falloff.load("block_causal", chunk=value)
        return pattern.bind(frames=21, tokens_per_frame=4)

    with pytest.raises(ValueError, match="rises or falls with, but with chunk it is") as caught:
        analysis.solve(chunk, parameter="chunk", whole=True, density=0.5)
    shown = re.findall(r"([0-9.]+) at ([0-9]+)", str(caught.value))
    assert len(shown) == 3
    for density, value in shown:
        assert chunk(float(value)).density == pytest.approx(float(density), rel=1e-3)

    def places(value: float) -> falloff.Mask:
        pattern = falloff.load("sparse_videogen", places=value)  # every head is spatial
        return pattern.bind(frames=5, tokens_per_frame=6)

    with pytest.raises(ValueError, match="that the density depends on, but with places"):
        analysis.solve(places, parameter="places", whole=True, density=0.5)


def test_bad_targets() -> None:
    for density in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="expects a density from 0 to 1"):
            analysis.solve(radial, density=density)
    for speedup in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="expects a speed-up above 0"):
            analysis.solve(radial, speedup=speedup)
    for targets in ({}, {"density": 0.5, "speedup": 2.0}):
        with pytest.raises(ValueError, match="expects a density or a speed-up, and not both"):
            analysis.solve(radial, **targets)
    with pytest.raises(falloff.CompileError, match="frame"):  # of the size, not of the search
        analysis.solve(lambda decay: falloff.load("radial", decay=decay).bind(), density=0.5)


def test_which_parameter() -> None:
    assert parameter_of(falloff.load("radial")) == ("decay", False)
    assert parameter_of(falloff.load("radial"), "sinks") == ("sinks", True)
    assert parameter_of(falloff.load("scene_aware"))[0] == "decay"
    with pytest.raises(ValueError, match="has depth, side, stride, dilation; name one of them"):
        parameter_of(falloff.load("neighborhood"))
    with pytest.raises(ValueError, match="@dense has none"):
        parameter_of(falloff.load("dense"))
    with pytest.raises(ValueError, match="'decoy'; did you mean 'decay'"):
        parameter_of(falloff.load("radial"), "decoy")
    with pytest.raises(ValueError, match=r"'kind' is spatial \| temporal"):
        parameter_of(falloff.load("sparse_videogen"), "kind")


def test_the_command(run) -> None:  # noqa: F811
    result = run("solve", "radial", *SIZE, "--density", "0.6", "--json")
    assert (result.code, result.err) == (0, "")
    data = json.loads(result.out)
    assert (data["pattern"], data["parameter"], data["tokens"]) == ("radial", "decay", 360)
    assert data["target"] == {"density": 0.6}
    assert data["density"] == radial(data["value"]).density
    assert data["sparsity"] == 1 - data["density"]
    assert data["speedup"] is None
    text = run("solve", "radial", *SIZE, "--density", "0.6").out
    assert f"decay = {data['value']:g}" in text
    assert f"density {data['density']:.4f}" in text
    fast = run("solve", "radial", *SIZE, "--speedup", "1.5", "--tile", "1x8", "--json")
    data = json.loads(fast.out)
    plan = radial(data["value"]).plan(tile="1x8")
    assert data["speedup"] == 360**2 / plan.pairs_issued
    whole = run("solve", "radial", *SIZE, "--density", "0.7", "--parameter", "sinks", "--json")
    assert isinstance(json.loads(whole.out)["value"], int)


def test_the_command_at_the_size_of_a_model(run) -> None:  # noqa: F811
    size = ["--model", "hunyuanvideo", "--size", "1280x720x129"]
    data = json.loads(run("solve", "radial", *size, "--density", "0.2", "--json").out)
    assert data["tokens"] == 118800 + 256
    assert data["density"] == pytest.approx(0.2, abs=1e-3)
    mask = falloff.load("radial", decay=data["value"]).bind(
        frames=33, tokens_per_frame=3600, text=256
    )
    assert mask.density == data["density"]


@pytest.mark.parametrize("target", [{"density": 0.6}, {"speedup": 1.5, "tile": "1x8"}])
def test_long_work_is_told_of(target) -> None:
    heard: list[tuple[str, float]] = []
    found = analysis.solve(radial, step=listener(heard), **target)
    assert found == analysis.solve(radial, **target)
    assert (heard[0][0], heard[-1][0]) == ("range of decay", "fewest digits")
    assert len(heard) > 30
    assert 0.8 < sum(share for _, share in heard) <= 1 + 1e-9


def test_the_command_shows_progress(run, monkeypatch) -> None:  # noqa: F811
    """On a terminal, and stdout is what it is without."""
    arguments = ["solve", "radial", *SIZE, "--density", "0.6"]
    quiet = run(*arguments)
    monkeypatch.setattr(cli_solve, "Progress", shown_progress)
    loud = run(*arguments)
    assert (quiet.err, loud.out) == ("", quiet.out)
    assert "range of decay" in loud.err
    assert loud.err.endswith("\033[K")


def test_masks_without_a_pair_are_json(run) -> None:  # noqa: F811
    """A window of no frame keeps nothing, and its gain has no end."""
    size = ["solve", "block_causal", "--frames", "9", "--tokens-per-frame", "4"]
    solve = [*size, "--parameter", "window", "--speedup", "3", "--tile", "1x4", "--json"]
    data = json.loads(run(*solve).out, parse_constant=pytest.fail)
    assert data["range"][0] == {"value": 0, "density": 0.0, "speedup": None}
    assert data["value"] > 0


def test_what_the_command_refuses(run) -> None:  # noqa: F811
    solve = ["solve", "radial", *SIZE]
    fails(run(*solve, "--density", "0.01"), "which is what decay can do")
    fails(run(*solve, "--speedup", "100"), "expects a speed-up from", "decay can do")
    fails(run(*solve, "--density", "0.5", "--set", "decay=1"), "no value of decay")
    fails(run(*solve, "--density", "0.5", "--parameter", "sink"), "did you mean 'sinks'?")
    fails(run("solve", "sliding_tile", "--density", "0.5"), "@sliding_tile has none")
    fails(run("solve", "radial", "--density", "0.5"), "frame")
    fails(run(*solve), "--density", code=2)
    fails(run(*solve, "--density", "0.5", "--speedup", "2"), "not allowed", code=2)
    fails(run(*solve, "--density", "much"), "'much'", code=2)
