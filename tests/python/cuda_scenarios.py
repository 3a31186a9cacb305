# SPDX-License-Identifier: Apache-2.0
"""What else holds of attention on CUDA devices: devices, streams, graphs, threads, memory, and what
is refused. Each function runs in a process of `simulated_cuda.pool`."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import falloff
import ml_dtypes
import numpy as np
import numpy.typing as npt

import exact_attention
import simulated_cuda
from bad_input import error
from device_arrays import DeviceArray
from simulated_cuda import TWINS, Device
from test_properties import tiles_of

BF16 = np.dtype(ml_dtypes.bfloat16)
TOKENS, HEADS, DIM = 70, 2, 24
LIKE_FIRST = TWINS  # the number of a device of the first one's architecture


@dataclass
class Call:
    """q, k and v of one seed on a device, and what attention over them is."""

    device: Device
    plan: falloff.Plan
    host: list[npt.NDArray[Any]]
    arrays: list[DeviceArray]

    def out(self) -> DeviceArray:
        return self.device.empty((1, TOKENS, HEADS, DIM), BF16)

    def workspace(self, **options: Any) -> DeviceArray | None:
        size = falloff.prepare(*self.arrays, self.plan, **options)
        return self.device.empty((size,), np.uint8) if size else None

    def run(self, **options: Any) -> DeviceArray:
        out: DeviceArray = falloff.attention(*self.arrays, self.plan, out=self.out(), **options)
        return out

    def check(self, out: DeviceArray) -> None:
        pairs = np.stack([self.plan.to_dense()] * HEADS)[None]
        exact = exact_attention.attention(*self.host, pairs)
        exact_attention.check(self.device.take(out), None, exact, "bf16")


def plan_of_radial() -> falloff.Plan:
    mask = falloff.load("radial", decay=0.5).bind(frames=5, tokens_per_frame=14)
    return mask.plan(rounding="exact", tile="1x14")


def split_plan() -> falloff.Plan:
    """One whose first row is cut in pieces: it takes workspace."""
    blocks = np.eye(10, TOKENS, dtype=bool)
    blocks[0] = True
    return falloff.Plan.from_block_mask(blocks, TOKENS, tile_query=7, tile_key=1)


def make(number: int = 0, seed: int = 0, plan: falloff.Plan | None = None) -> Call:
    device = simulated_cuda.by_number(number)
    numbers = np.random.default_rng(seed)
    shape = (1, TOKENS, HEADS, DIM)
    host = [numbers.standard_normal(shape).astype(BF16) for _ in range(3)]
    return Call(device, plan or plan_of_radial(), host, [device.array(x) for x in host])


# ---- devices and streams


def two_devices() -> None:
    """One plan on several; results follow the tensors, whichever context is current."""
    plan = plan_of_radial()
    calls = [make(number, plan=plan) for number in (0, LIKE_FIRST, 3)]
    simulated_cuda.by_number(0)
    outs = []
    for call in calls:
        with_context(call)
        outs.append(call.out())
    simulated_cuda.by_number(0)
    for call, out in zip(calls, outs, strict=True):
        falloff.attention(*call.arrays, plan, out=out)
    taken = []
    for call, out in zip(calls, outs, strict=True):
        with_context(call)
        call.check(out)
        taken.append(call.device.take(out).tobytes())
    assert taken[0] == taken[1]
    (q, k, v), (other, *_) = calls[0].arrays, calls[1].arrays
    name = f"cuda:{LIKE_FIRST}"
    error(ValueError, lambda: falloff.attention(q, other, v, plan), "k on cuda:0", name)
    error(ValueError, lambda: falloff.attention(q, k, v, plan, out=other), "out on cuda:0", name)
    host = np.zeros((1, TOKENS, HEADS, DIM), np.float32)
    error(ValueError, lambda: falloff.attention(q, k, host, plan), "v on cuda:0", "the CPU")


def with_context(call: Call) -> None:
    simulated_cuda.by_number(call.device.device)


def streams() -> None:
    """A stream in each of its forms; tensors are told which one will read them."""
    call = make()
    handle = call.device.stream()

    class Torch:
        cuda_stream = handle

    class Cupy:
        ptr = handle

    class Protocol:
        def __cuda_stream__(self) -> tuple[int, int]:
            return 0, handle

    class Told:
        def __init__(self, array: DeviceArray) -> None:
            self.array, self.streams = array, []  # type: ignore[var-annotated]

        def __dlpack_device__(self) -> tuple[int, int]:
            return self.array.__dlpack_device__()

        def __dlpack__(self, *, stream: Any = None, **options: Any) -> Any:
            self.streams.append(stream)
            return self.array.__dlpack__(stream=stream, **options)

    for stream in (handle, Torch(), Cupy(), Protocol(), np.uint64(handle)):
        call.check(call.run(stream=stream))
    told = Told(call.arrays[0])
    for stream, expected in ((None, 1), (0, 1), (1, 1), (2, 2), (handle, handle)):
        told.streams.clear()
        falloff.prepare(told, *call.arrays[1:], call.plan, stream=stream)
        assert told.streams == [expected]


def a_stream_of_no_one() -> None:
    call = make()
    error(TypeError, lambda: call.run(stream="fast"), "stream", "'fast'")
    error(ValueError, lambda: call.run(stream=-1), "stream", "-1")
    error(falloff.DeviceError, lambda: call.run(stream=0x1230), "CUDA_ERROR_")
    call.device.reset()


# ---- graphs


class Graph:
    """What a stream did while this lived, as often as one likes."""

    def __init__(self, device: Device) -> None:
        self.device, self.stream = device, device.stream()
        self.executable = ctypes.c_void_p()

    def __enter__(self) -> Graph:
        gc.collect()  # arrays that are freed spoil a capture
        gc.disable()
        self.device.call("cuStreamBeginCapture_v2", ctypes.c_void_p(self.stream), 0)
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        gc.enable()
        graph = ctypes.c_void_p()
        stream = ctypes.c_void_p(self.stream)
        if kind is not None:
            self.device.library.cuStreamEndCapture(stream, ctypes.byref(graph))
            return
        self.device.call("cuStreamEndCapture", stream, ctypes.byref(graph))
        executable = ctypes.byref(self.executable)
        self.device.call("cuGraphInstantiateWithFlags", executable, graph, ctypes.c_uint64(0))

    def replay(self) -> None:
        self.device.call("cuGraphLaunch", self.executable, ctypes.c_void_p(self.stream))
        self.device.synchronise()


def graphs() -> None:
    """A captured call reads what its tensors hold when the graph is launched."""
    for plan in (plan_of_radial(), split_plan()):
        for recipe in (None, "int8"):
            call, other = make(plan=plan), make(seed=1, plan=plan)
            workspace = call.workspace(recipe=recipe)
            out = call.out()
            graph = Graph(call.device)
            with graph:
                before = call.device.allocations()
                falloff.attention(
                    *call.arrays,
                    plan,
                    out=out,
                    stream=graph.stream,
                    workspace=workspace,
                    recipe=recipe,
                )
                assert call.device.allocations() == before
            assert np.isnan(call.device.take(out).astype(np.float32)).all(), "it ran in the capture"
            for source in (call, other, call):
                for array, values in zip(call.arrays, source.host, strict=True):
                    call.device.write(array, values)
                call.device.forget(out)
                graph.replay()
                expected = source.run(workspace=workspace, recipe=recipe)
                call.device.synchronise()
                found = call.device.take(out)
                assert found.tobytes() == call.device.take(expected).tobytes()


def a_capture_that_writes_rows_apart() -> None:
    """Another kernel serves them, which `prepare` brings if it is told of them."""
    call = make()
    out = call.device.put(np.zeros((1, TOKENS, HEADS, 2 * DIM + 1), BF16)[..., 1::2])
    call.device.forget(out)
    assert falloff.prepare(*call.arrays, call.plan, out=out) == 0
    graph = Graph(call.device)
    with graph:
        falloff.attention(*call.arrays, call.plan, out=out, stream=graph.stream)
    graph.replay()
    call.check(out)


def a_capture_of_what_is_not_prepared() -> None:
    """Neither a kernel nor a plan that is missing can be brought while a stream is captured."""
    mask = falloff.load("causal").bind(tokens=TOKENS)
    call = make(plan=mask.plan(rounding="exact", tile=13))
    for what in ("kernel", "plan"):
        out, graph = call.out(), Graph(call.device)
        with graph:
            error(
                falloff.DeviceError,
                lambda o=out, s=graph.stream: falloff.attention(
                    *call.arrays, call.plan, out=o, stream=s
                ),
                what,
                "capture",
            )
        call.plan = mask.plan(rounding="exact", tile=13 if what == "kernel" else 12)
        other = make(plan=mask.plan(rounding="exact", tile=11))
        falloff.prepare(*other.arrays, other.plan)  # the same kernel, of another plan


class Lengths:
    """Integers on a device, that count how often they are read, and must be read all at once."""

    def __init__(self, array: DeviceArray) -> None:
        self.array, self.reads = array, 0

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def tolist(self) -> Any:
        self.reads += 1
        return self.array.numpy().tolist()

    def __getitem__(self, index: int) -> Any:
        raise AssertionError("an element is read by itself")


def text_lengths_on_a_device() -> None:
    """They are read once; in a capture, which reading would spoil, that is an error before it."""
    mask = falloff.load("radial", decay=0.5).bind(frames=4, tokens_per_frame=14, text=14)
    call = make(plan=mask.plan(rounding="exact", tile="1x14"))
    device, lengths = call.device, Lengths(call.device.array(np.array([9])))
    expected, every = (device.take(call.run(text_lengths=given)).tobytes() for given in ([9], None))
    assert expected != every
    assert device.take(call.run(text_lengths=lengths)).tobytes() == expected
    assert lengths.reads == 1

    out, graph = call.out(), Graph(device)
    options = {"out": out, "stream": graph.stream}
    with graph:
        error(
            ValueError,
            lambda: falloff.attention(*call.arrays, call.plan, text_lengths=lengths, **options),
            "text_lengths",
            "cuda:0",
            "tolist()",
        )
        falloff.attention(*call.arrays, call.plan, text_lengths=np.array([9]), **options)
    assert lengths.reads == 1
    graph.replay()
    assert device.take(out).tobytes() == expected


# ---- memory


def calls_allocate_nothing() -> None:
    for plan in (plan_of_radial(), split_plan()):
        call = make(plan=plan)
        workspace, out = call.workspace(), call.out()
        before = call.device.allocations()
        for _ in range(3):
            falloff.attention(*call.arrays, plan, out=out, workspace=workspace)
            assert call.device.allocations() == before
        call.check(out)


def plans_leave_their_devices() -> None:
    """At the latest when the next one comes."""
    call = make()
    call.run()
    found = []
    for tile in (35, 36, 37, 38):
        plan = falloff.Plan.from_block_mask(np.ones((2, 2), bool), TOKENS, tile=tile)
        falloff.prepare(*call.arrays, plan)
        found.append(call.device.allocations())
        del plan
    assert found[1:] == found[:-1], found


def a_device_without_memory() -> None:
    call = make(plan=falloff.Plan.from_block_mask(np.ones((5, 5), bool), TOKENS, tile=14))
    os.environ["PTXSIM_MEMORY_BYTES"] = "70000"
    try:
        caught = error(falloff.DeviceError, call.workspace, "memory")
        assert isinstance(caught, MemoryError)
    finally:
        del os.environ["PTXSIM_MEMORY_BYTES"]
    call.check(call.run())


def workspaces() -> None:
    """Of a tensor of no known library the caller gives one; it may hold anything."""
    call = make(plan=split_plan())
    size = falloff.prepare(*call.arrays, call.plan)
    assert size > 0
    assert falloff.prepare(*make().arrays, plan_of_radial()) == 0
    error(TypeError, call.run, "workspace=", f"({size},)", "DeviceArray")
    small = call.device.empty((size - 1,), np.uint8)
    error(ValueError, lambda: call.run(workspace=small), f"{size:,}", f"{size - 1:,}")
    gaps = call.device.put(np.zeros((size, 2), np.uint8)[:, 0])
    error(ValueError, lambda: call.run(workspace=gaps), "workspace", "contiguous")
    call.check(call.run(workspace=call.device.empty((size // 4 + 1,), np.float32)))
    poisoned = call.device.array(np.full(size, 0xFF, np.uint8))
    call.check(call.run(workspace=poisoned))


# ---- what is refused


def refusals() -> None:
    call = make()
    device, (q, k, v), plan = call.device, call.arrays, call.plan

    def attention(*arrays: Any, **options: Any) -> Callable[[], Any]:
        given = arrays or (q, k, v)
        return lambda: falloff.attention(*given, plan, **{"out": call.out(), **options})

    wide = [device.array(x.astype(np.float32)) for x in call.host]
    error(TypeError, attention(*wide, out=None), "q in float16 or bfloat16 on cuda:0", "float32")
    half = device.array(call.host[1].astype(np.float16))
    error(TypeError, attention(q, half, v), "q in bfloat16", "k in float16")
    error(TypeError, attention(out=None), "out=", "(1, 70, 2, 24)", "DeviceArray", "CuPy")
    error(TypeError, attention(return_lse=True), "lse=", "(1, 2, 70)", "float32")
    error(ValueError, attention(threads=2), "threads", "cuda:0")
    error(ValueError, attention(features="avx2"), "features", "cuda:0")
    error(ValueError, attention(recipe="int4"), "int8, int8-fp8", "'int4'")
    error(ValueError, attention(recipe="int8-fp8"), "8.9", "8.0", "int8-fp8")
    error(TypeError, attention(out=q), "an out apart from q, k and v")
    turned = q.transpose(0, 2, 1, 3)
    error(ValueError, attention(turned, k, v), "tokens", "70", "2")
    error(ValueError, lambda: falloff.compare(q, k, v, plan), "q on the CPU", "cuda:0")
    missing = [Elsewhere(x) for x in (q, k, v)]
    error(falloff.DeviceError, attention(*missing, out=Elsewhere(call.out())), "cuda:31")


class Elsewhere:
    """An array that says it lies on a device that there is not."""

    def __init__(self, array: DeviceArray) -> None:
        self.array = array

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 31

    def __dlpack__(self, **options: Any) -> Any:
        device, self.array.driver.device = self.array.driver.device, 31
        try:
            return self.array.__dlpack__(**options)
        finally:
            self.array.driver.device = device


# ---- masks, threads


def a_mask_takes_the_plan_of_the_device() -> None:
    mask = falloff.load("radial", decay=0.5).bind(frames=5, tokens_per_frame=14)
    call = make(3)  # sm_90
    call.plan = mask.plan_for("bf16", DIM, "sm_90")
    out = falloff.attention(*call.arrays, mask, out=call.out())
    call.check(out)
    assert set(mask._plans) == {("bf16", DIM, "sm_90")}
    falloff.attention(*call.host, mask)
    assert set(mask._plans) == {("bf16", DIM, "sm_90"), ("bf16", DIM, "cpu")}


def many_threads() -> None:
    """First calls of one kernel and one plan at once, on two devices."""
    plan = plan_of_radial()
    calls = [make(number, seed, plan) for seed in range(3) for number in (0, LIKE_FIRST)]
    failures: list[BaseException] = []
    gate = threading.Barrier(len(calls))

    def work(call: Call) -> None:
        try:
            simulated_cuda.by_number(call.device.device)
            stream = call.device.stream()
            gate.wait()
            for _ in range(3):
                call.check(call.run(stream=stream))
        except BaseException as problem:
            failures.append(problem)

    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


# ---- NaN


def nans_reach_whoever_sees_them() -> None:
    """And of others at most those whose computed tiles hold them; of the same head alone."""
    for where in ("q", "k", "v"):
        for value in (np.nan, np.inf):
            call = make()
            clean = call.device.take(call.run())
            token, head = 33, 1
            at = "qkv".index(where)
            call.host[at][0, token, head, 3] = value
            call.device.write(call.arrays[at], call.host[at])
            found = call.device.take(call.run()).astype(np.float32)[0]
            sees, may = reach_of(call.plan, token, query=where == "q")
            if where == "k" and value == np.inf:  # else the score is -inf, whose weight is 0
                sees = sees & (call.host[0][0, :, head, 3].astype(np.float32) > 0)
            broken = ~np.isfinite(found)
            assert broken[sees, head].any(axis=1).all(), f"{value} in {where} is lost"
            same = found == clean.astype(np.float32)[0]
            assert same[:, 1 - head].all()
            assert same[~may, head].all(), f"{value} in {where} reaches queries far from it"


def reach_of(
    plan: falloff.Plan, token: int, *, query: bool
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Queries that see a key, and those whose tiles hold it; of a query, itself."""
    itself = np.arange(TOKENS) == token
    if query:
        return itself, itself
    data = plan.as_dict()
    queries, keys = (tiles_of(data, side) for side in ("query", "key"))
    may = np.zeros(TOKENS, bool)
    for tokens, runs in zip(queries, plan.rows(), strict=True):
        kept = [tile for first, last, _ in runs for tile in range(first, last)]
        may[tokens] = any(token in keys[tile] for tile in kept)
    return plan.to_dense()[:, token], may
