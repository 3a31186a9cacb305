# SPDX-License-Identifier: Apache-2.0
"""Launches neither wait nor allocate: CUDA graphs capture them, and streams order them."""

from __future__ import annotations

from typing import Any

import falloff
import pytest

from machines import Machine

RECIPES = [None, "int8", "int8-fp8"]
TOKENS = {"frames": 6, "tokens_per_frame": 400}


def make(recipe: str | None, machine: Machine, seed: int = 0, device: str = "cuda") -> Any:
    """A plan and q, k, v."""
    import torch

    if recipe == "int8-fp8" and machine.architecture < 89:
        pytest.skip("expects compute capability 8.9 for e4m3, but got an earlier one")
    plan = falloff.load("radial", decay=0.5).bind(**TOKENS).plan()
    generator = torch.Generator(device).manual_seed(seed)
    q, k, v = (
        torch.randn(2, 2400, 4, 128, device=device, generator=generator).bfloat16()
        for _ in range(3)
    )
    return plan, q, k, v


@pytest.mark.parametrize("recipe", RECIPES)
def test_capture_and_replay(torch_machine: Machine, recipe: str | None) -> None:
    import torch

    plan, q, k, v = make(recipe, torch_machine)
    out = torch.empty_like(q)
    falloff.attention(q, k, v, plan, recipe=recipe, out=out)  # kernel and plan are made
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        falloff.attention(q, k, v, plan, recipe=recipe, out=out)
    for seed in (1, 2):
        fresh = make(recipe, torch_machine, seed)[1:]
        for old, new in zip((q, k, v), fresh, strict=True):
            old.copy_(new)
        out.fill_(torch.nan)
        graph.replay()
        torch.cuda.synchronize()
        expected = falloff.attention(q, k, v, plan, recipe=recipe)
        assert torch.equal(out, expected)


def test_results_are_made_inside_a_capture(torch_machine: Machine) -> None:
    """Without out=, the result and the workspace are of torch's memory, which a graph may own."""
    import torch

    plan, q, k, v = make(None, torch_machine)
    expected = falloff.attention(q, k, v, plan)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out, lse = falloff.attention(q, k, v, plan, return_lse=True)
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(out, expected)
    assert torch.isfinite(lse).all()


def test_an_upload_inside_a_capture_is_an_error(torch_machine: Machine) -> None:
    import torch

    _, q, k, v = make(None, torch_machine)
    fresh = falloff.load("radial", decay=0.31).bind(**TOKENS).plan()
    graph = torch.cuda.CUDAGraph()
    with pytest.raises(Exception, match="captur"), torch.cuda.graph(graph):
        falloff.attention(q, k, v, fresh)
    torch.cuda.synchronize()
    falloff.attention(q, k, v, fresh)  # and later it runs


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_side_stream(torch_machine: Machine, recipe: str | None) -> None:
    """On torch's current stream, behind what that stream has to do, and without waiting for it."""
    import torch

    plan, q, k, v = make(recipe, torch_machine)
    expected = falloff.attention(q, k, v, plan, recipe=recipe)
    _, q2, k2, v2 = make(recipe, torch_machine, seed=5)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(int(5e8))  # a quarter of a second, of cycles
        for late, value in zip((q2, k2, v2), (q, k, v), strict=True):
            late.copy_(value)
        out = falloff.attention(q2, k2, v2, plan, recipe=recipe)
        done = torch.cuda.Event()
        done.record(stream)
        assert not done.query(), "attention waited for its stream"
    done.synchronize()
    assert torch.equal(out, expected)


def test_two_streams_at_once(torch_machine: Machine) -> None:
    """Workspaces are not shared: results of two streams that run side by side are right."""
    import torch

    cases = [make("int8", torch_machine, seed) for seed in (0, 1)]
    expected = [falloff.attention(q, k, v, plan, recipe="int8") for plan, q, k, v in cases]
    torch.cuda.synchronize()
    streams = [torch.cuda.Stream() for _ in cases]
    found: list[list[Any]] = [[], []]
    for _ in range(5):
        for stream, (plan, q, k, v), results in zip(streams, cases, found, strict=True):
            with torch.cuda.stream(stream):
                results.append(falloff.attention(q, k, v, plan, recipe="int8"))
    torch.cuda.synchronize()
    for results, right in zip(found, expected, strict=True):
        assert all(torch.equal(result, right) for result in results)


def test_runs_agree_to_the_bit(torch_machine: Machine) -> None:
    import torch

    plan, q, k, v = make(None, torch_machine)
    first = falloff.attention(q, k, v, plan)
    assert all(torch.equal(first, falloff.attention(q, k, v, plan)) for _ in range(10))


def test_two_devices(torch_machine: Machine) -> None:
    import torch

    if torch.cuda.device_count() < 2:
        pytest.skip(f"expects two devices, but got {torch.cuda.device_count()}")
    plan, q, k, v = make(None, torch_machine)
    expected = falloff.attention(q, k, v, plan)
    with torch.cuda.device(0):  # the tensors' device counts, not the current one
        out = falloff.attention(*(x.to("cuda:1") for x in (q, k, v)), plan)
    assert out.device == torch.device("cuda:1")
    assert torch.equal(out.cpu(), expected.cpu())
    with pytest.raises(ValueError, match="expects k on cuda:0, where q lies, but got cuda:1"):
        falloff.attention(q, k.to("cuda:1"), v, plan)
