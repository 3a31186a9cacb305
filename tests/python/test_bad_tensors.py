# SPDX-License-Identifier: Apache-2.0
"""Bad tensors and options of attention from Python: one clear error that names the thing and both
values; no crash or leak."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import falloff
import ml_dtypes
import numpy as np
import pytest
from falloff import _falloff

from bad_input import SIZES, TOKENS, error, write, zeros


@pytest.fixture(scope="module")
def mask() -> falloff.Mask:
    return falloff.load("radial").bind(**SIZES)


@pytest.fixture(scope="module")
def plan(mask: falloff.Mask) -> falloff.Plan:
    return mask.plan(rounding="exact")


def test_tokens_that_do_not_match() -> None:
    mask = falloff.load("radial").bind(frames=21, tokens_per_frame=1560)
    q = np.zeros((1, 32768, 1, 4), np.float32)
    caught = error(ValueError, lambda: falloff.attention(q, q, q, mask))
    assert str(caught) == (
        "expects 32,760 tokens (video 21 x 1560 + text 0), but got q with 32,768"
    )
    part = mask.slice(queries=(100, 200))
    error(ValueError, lambda: falloff.attention(q, q, q, part), "100 tokens (100 to 200", "32,768")
    k = zeros(tokens=9)
    plan = falloff.load("radial").bind(**SIZES)
    error(
        ValueError,
        lambda: falloff.attention(zeros(), k, k, plan),
        "14 tokens (video 3 x 4 + text 2)",
        "k with 9",
    )


def test_shapes_that_do_not_match(plan: falloff.Plan) -> None:
    attention = falloff.attention
    q = zeros()
    error(ValueError, lambda: attention(q[0], q, q, plan), "q with 4 dimensions", "(14, 2, 8)")
    error(ValueError, lambda: attention(q, q[None], q, plan), "k with 4 dimensions")
    error(ValueError, lambda: attention(q, zeros(batch=2), q, plan), "batch", "1", "2")
    error(ValueError, lambda: attention(q, q, zeros(tokens=9), plan), "tokens", "14", "9")
    error(ValueError, lambda: attention(q, q, zeros(heads=1), plan), "heads", "2", "1")
    error(ValueError, lambda: attention(q, zeros(dim=4), q, plan), "head dimension", "8", "4")
    three = zeros(heads=3)
    error(ValueError, lambda: attention(q, three, three, plan), "2 query heads", "3 key heads")
    none = zeros(heads=0)
    error(ValueError, lambda: attention(q, none, none, plan), "0 key heads")


def test_head_dimensions_out_of_range(plan: falloff.Plan, mask: falloff.Mask) -> None:
    wide, empty, good = zeros(dim=257), zeros(dim=0), zeros()
    for what in (plan, mask):
        error(ValueError, lambda w=what: falloff.attention(wide, wide, good, w), "256", "257")
        error(ValueError, lambda w=what: falloff.attention(good, good, wide, w), "v", "257")
        error(ValueError, lambda w=what: falloff.attention(empty, empty, good, w), "q", "0")


def test_types_that_do_not_match(plan: falloff.Plan) -> None:
    attention = falloff.attention
    q = zeros()
    for dtype in (np.float64, np.float16, np.int32, np.uint16, np.bool_, ml_dtypes.float8_e4m3fn):
        x = zeros(dtype=dtype)
        error(TypeError, lambda x=x: attention(x, x, x, plan), "q", np.dtype(dtype).name)
    bf16 = zeros(dtype=ml_dtypes.bfloat16)
    error(TypeError, lambda: attention(q, bf16, q, plan), "q in float32", "k in bfloat16")
    error(TypeError, lambda: attention(bf16, bf16, q, plan), "q in bfloat16", "v in float32")
    error(TypeError, lambda: attention(q, q, q, plan, out=zeros(dtype=np.float64)), "float64")
    error(TypeError, lambda: attention(zeros(dtype=">f4"), q, q, plan), "byte order", ">f4")
    error(TypeError, lambda: attention(np.ma.array(q), q, q, plan), "mask")


def test_things_that_are_no_tensors(plan: falloff.Plan) -> None:
    attention = falloff.attention
    q = zeros()
    for thing in (None, 3, "q", q.tolist(), object()):
        error(TypeError, lambda t=thing: attention(t, q, q, plan), "q", type(thing).__name__)
        error(TypeError, lambda t=thing: attention(q, q, t, plan), "v", type(thing).__name__)
    error(TypeError, lambda: attention(q, q, q, "radial"), "falloff.Mask", "'radial'")
    error(TypeError, lambda: attention(q, q, q, falloff.load("radial")), "falloff.Mask")


class Elsewhere:
    """A tensor on a device that the CPU cannot read; asking for its memory is an error."""

    def __init__(self, place: tuple[int, int] = (2, 0), device: str = "cuda:0") -> None:
        self.place, self.device = place, device

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.place

    def __dlpack__(self, **options: Any) -> Any:
        raise AssertionError("asked for memory of another device")


class Odd:
    """Speaks DLPack, but not well."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __dlpack__(self, **options: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_devices_that_the_cpu_cannot_read(plan: falloff.Plan) -> None:
    q = zeros()
    error(ValueError, lambda: falloff.attention(q, Elsewhere(), q, plan), "k", "CPU", "cuda:0")
    error(ValueError, lambda: falloff.attention(q, q, q, plan, out=Elsewhere()), "out", "cuda:0")
    error(ValueError, lambda: falloff.attention(q, q, q, plan, lse=Elsewhere()), "lse", "cuda:0")
    error(ValueError, lambda: falloff.attention(Elsewhere(), q, q, plan), "k on cuda:0", "the CPU")
    error(ValueError, lambda: falloff.compare(Elsewhere(), q, q, plan), "q on the CPU", "cuda:0")
    vulkan = Elsewhere((7, 0), "vulkan:0")
    error(ValueError, lambda: falloff.attention(vulkan, q, q, plan), "q", "CUDA", "vulkan:0")


def test_devices_that_differ(plan: falloff.Plan) -> None:
    first, second = Elsewhere(), Elsewhere((2, 1), "cuda:1")
    error(
        ValueError,
        lambda: falloff.attention(first, second, first, plan),
        "k on cuda:0, where q lies",
        "cuda:1",
    )
    error(ValueError, lambda: falloff.prepare(first, first, second, plan), "v on cuda:0", "cuda:1")
    q = zeros()
    error(ValueError, lambda: falloff.attention(second, second, second, plan, out=q), "out", "CPU")


def test_a_device_that_is_not_there(plan: falloff.Plan) -> None:
    """Whether for want of a driver or of so many devices."""
    error(falloff.DeviceError, lambda: _falloff.cuda_target(99), "expects")


def test_options_of_one_kind_of_device(plan: falloff.Plan) -> None:
    q, cuda = zeros(), Elsewhere()
    attention = falloff.attention
    error(ValueError, lambda: attention(q, q, q, plan, stream=3), "stream", "CUDA", "q on the CPU")
    error(ValueError, lambda: attention(q, q, q, plan, workspace=q), "workspace", "q on the CPU")
    error(ValueError, lambda: attention(q, q, q, plan, recipe="int8-fp8"), "CPU", "'int8-fp8'")
    error(ValueError, lambda: attention(cuda, cuda, cuda, plan, threads=2), "threads", "cuda:0")
    error(ValueError, lambda: attention(cuda, cuda, cuda, plan, features="avx2"), "features")
    error(TypeError, lambda: attention(cuda, cuda, cuda, plan, stream="s"), "stream", "'s'")
    error(ValueError, lambda: attention(cuda, cuda, cuda, plan, stream=-1), "stream", "-1")


def test_an_lse_that_cannot_be_written(plan: falloff.Plan) -> None:
    q = zeros()
    bad = [(np.zeros((1, 2, TOKENS)), TypeError, "float64")]
    bad += [(np.zeros((1, TOKENS, 2), np.float32), ValueError, "(1, 2, 14)")]
    bad += [(np.broadcast_to(np.zeros(1, np.float32), (1, 2, TOKENS)), ValueError, "read-only")]
    for lse, kind, word in bad:
        error(kind, lambda x=lse: falloff.attention(q, q, q, plan, lse=x), "lse", word)


def test_dlpack_that_is_not_well_spoken(plan: falloff.Plan) -> None:
    q = zeros()
    for answer in (None, 3, "capsule", BufferError("sparse"), RuntimeError("broken"), TypeError()):
        error(TypeError, lambda a=answer: falloff.attention(Odd(a), q, q, plan), "q")


def test_torch_tensors_without_dense_memory(plan: falloff.Plan) -> None:
    torch = pytest.importorskip("torch")
    q = torch.zeros(1, TOKENS, 2, 8)
    error(TypeError, lambda: falloff.attention(q.to_sparse(), q, q, plan), "q")
    error(TypeError, lambda: falloff.attention(q.half(), q, q, plan), "q", "float16")
    meta = q.to("meta")
    with pytest.raises((TypeError, ValueError), match="expects q"):
        falloff.attention(meta, q, q, plan)
    imaginary = torch.zeros(1, TOKENS, 2, 8, dtype=torch.complex64)
    error(TypeError, lambda: falloff.attention(imaginary, q, q, plan), "q", "complex64")


def test_memory_of_broken_elements(plan: falloff.Plan) -> None:
    pairs = np.zeros((1, TOKENS, 2, 8), np.dtype([("a", np.float32), ("b", np.uint16)]))
    error(ValueError, lambda: falloff.attention(pairs["a"], zeros(), zeros(), plan), "strides", "6")
    raw = np.zeros(TOKENS * 2 * 8 * 4 + 1, np.uint8)
    shifted = raw[1:].view(np.float32).reshape(1, TOKENS, 2, 8)
    error(ValueError, lambda: falloff.attention(shifted, zeros(), zeros(), plan), "aligned")


def test_outputs_that_do_not_fit(plan: falloff.Plan) -> None:
    q = zeros()
    fixed = zeros()
    fixed.flags.writeable = False
    call = falloff.attention
    error(ValueError, lambda: call(q, q, q, plan, out=zeros(dim=4)), "out", "(1, 14, 2, 4)")
    error(ValueError, lambda: call(q, q, q, plan, out=fixed), "out", "read-only")
    repeated = np.lib.stride_tricks.as_strided(zeros(), q.shape, (0, 0, 0, 4))
    error(ValueError, lambda: call(q, q, q, plan, out=repeated), "out", "strides (0, 0, 0, 1)")
    own = "a place of its own for each element"
    wide = np.zeros(1000, np.float32)
    for strides in ((4, 4, 4, 4), (4, 64, 28, 4), (4, 64, -28, 4)):  # in bytes; the first is of 1
        folded = np.lib.stride_tricks.as_strided(wide[200:], q.shape, strides)
        error(ValueError, lambda out=folded: call(q, q, q, plan, out=out), own, "strides")
    for strides in ((4, 64, 32, 4), (0, 8, 4, 112), (4, 64, -32, 4)):
        apart = np.lib.stride_tricks.as_strided(wide[200:], q.shape, strides)
        assert call(q, q, q, plan, out=apart) is apart
    torch = pytest.importorskip("torch")
    learnt = torch.zeros(q.shape, requires_grad=True)
    tensor = torch.zeros(q.shape)
    error(ValueError, lambda: call(tensor, tensor, tensor, plan, out=learnt), ".detach()")
    assert call(tensor, tensor, tensor, plan, out=learnt.detach()) is not learnt
    error(TypeError, lambda: call(q, q, q, plan, out=[1]), "out", "list")
    error(ValueError, lambda: call(q, q, q, plan, layout="BHSD", out=q), "tokens")


def test_options_of_attention(plan: falloff.Plan) -> None:
    q = zeros()
    call = falloff.attention
    error(ValueError, lambda: call(q, q, q, plan, layout="SBHD"), "SBHD")
    error(ValueError, lambda: call(q, q, q, plan, scale=float("nan")), "scale", "nan")
    error(TypeError, lambda: call(q, q, q, plan, scale="1"), "scale", "'1'")
    error(ValueError, lambda: call(q, q, q, plan, scale=10**5000), "scale", "finite")
    error(ValueError, lambda: call(q, q, q, plan, threads=-1), "threads", "-1")
    error(ValueError, lambda: call(q, q, q, plan, features="mmx"), "mmx")
    key_major = falloff.load("radial").bind(**SIZES).plan(major="key")
    error(ValueError, lambda: call(q, q, q, key_major), "query-major", "key-major")


def test_text_lengths_that_do_not_fit(plan: falloff.Plan) -> None:
    q = zeros(batch=2)
    call = falloff.attention
    error(ValueError, lambda: call(q, q, q, plan, text_lengths=[2, 3]), "0 to 2", "text", "3")
    error(ValueError, lambda: call(q, q, q, plan, text_lengths=[-1, 0]), "-1", "batch entry 0")
    error(ValueError, lambda: call(q, q, q, plan, text_lengths=[2]), "2 text_lengths", "1")
    error(TypeError, lambda: call(q, q, q, plan, text_lengths=[0.5, 1]), "text_lengths", "0.5")
    error(TypeError, lambda: call(q, q, q, plan, text_lengths=2), "text_lengths", "2")
    video = falloff.load("neighborhood").bind(frames=2, height=7, width=1)
    error(ValueError, lambda: call(q, q, q, video, text_lengths=[1, 1]), "axis token")


def test_heads_that_the_plan_is_not_for() -> None:
    kinds = ["spatial", "temporal", "spatial"]
    mask = falloff.load("sparse_videogen").bind(**SIZES, kind=kinds)
    q = zeros()
    error(ValueError, lambda: falloff.attention(q, q, q, mask), "3 heads", "2")
    blocks = falloff.Plan.from_block_mask(np.ones((3, 1, 1), bool), tokens=TOKENS, tile=16)
    error(ValueError, lambda: falloff.attention(q, q, q, blocks), "3 heads", "2")


def test_lists_of_one_value_are_for_one_head() -> None:
    mask = falloff.load("sparse_videogen", kind=["temporal"]).bind(**SIZES)
    blocks = np.ones((1, 1, 1), bool)
    given = falloff.Plan.from_block_mask(blocks, tokens=TOKENS, tile=16)
    plans = [mask.plan(), mask.slice(queries=(0, TOKENS)).plan(), given]
    q, one = zeros(heads=3), zeros(heads=1)
    for what in (mask, *plans):
        assert what.heads == 1
        caught = error(ValueError, lambda w=what: falloff.attention(q, q, q, w))
        assert str(caught) == "expects q with 1 head, as the plan has tables for, but got 3"
        assert falloff.attention(one, one, one, what).shape == one.shape
        assert (what.to_dense() == what.to_dense(head=0)).all()
        error(IndexError, lambda w=what: w.to_dense(head=1), "head", "1")
    both = falloff.Plan.from_block_mask(blocks[None], tokens=TOKENS, tile=16)
    assert (both.heads, both.batches, both.as_dict()["table_of"]) == (1, 1, [0])
    assert both.rows() == both.rows(head=0, batch=0)
    two = zeros(heads=1, batch=2)
    caught = error(ValueError, lambda: falloff.attention(two, two, two, both))
    assert str(caught) == "expects q with 1 batch entry, as the plan has tables for, but got 2"
    any_number = falloff.Plan.from_block_mask(blocks[0], tokens=TOKENS, tile=16)
    assert (any_number.heads, any_number.batches) == (0, 0)
    assert falloff.attention(q, q, q, any_number).shape == q.shape


def test_nan_and_inf_stay_with_those_who_may_see_them(mask: falloff.Mask) -> None:
    """Text length 0 apart, a NaN in one batch entry or key head reaches no other."""
    random = np.random.default_rng(0)
    q, k, v = (random.standard_normal((2, TOKENS, 2, 8)).astype(np.float32) for _ in range(3))
    clean = falloff.attention(q, k, v, mask)
    for value in (np.nan, np.inf, -np.inf):
        for tensor in (q, k, v):
            kept = tensor[0, 3, 1, 2]
            tensor[0, 3, 1, 2] = value
            out = falloff.attention(q, k, v, mask)
            assert (out[1] == clean[1]).all()
            assert (out[0, :, 0] == clean[0, :, 0]).all()
            if tensor is v:
                sees = mask.plan_for("fp32", 8).to_dense()[:, 3]
                assert not np.isfinite(out[0, sees, 1, 2]).any()
                assert (out[0, :, 1, 3:] == clean[0, :, 1, 3:]).all()
            tensor[0, 3, 1, 2] = kept
    assert (falloff.attention(q, k, v, mask) == clean).all()


def test_errors_do_not_leak(plan: falloff.Plan, tmp_path: Path) -> None:
    """Objects kept by Python, and memory of the process."""
    path = write(tmp_path, "mask.pattern @bad over (%token: ?) {\n  keep %a\n}\n")
    q, wide = zeros(), zeros(dim=300)

    def again(times: int) -> None:
        calls: list[Callable[[], object]] = [
            lambda: falloff.load(path),
            lambda: falloff.load("radial", decay="fast"),
            lambda: falloff.attention(q, Elsewhere(), q, plan),
            lambda: falloff.attention(q, q, wide, plan),
            lambda: falloff.attention(Odd(3), q, q, plan),
        ]
        for _ in range(times):
            for call in calls:
                with contextlib.suppress(TypeError, ValueError):
                    call()
        gc.collect()

    again(20)
    objects, pages = len(gc.get_objects()), resident()
    again(200)
    assert len(gc.get_objects()) <= objects + 10
    assert resident() - pages < 4 << 20, "bytes more after 1,000 errors"


def resident() -> int:
    """Bytes of memory that this process holds; 0 where Linux does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0


def test_messages_about_tensors_say_what_to_pass(plan: falloff.Plan) -> None:
    attention = falloff.attention
    q = zeros()
    for dtype in ("float64", "float16", "int8"):
        other = q.astype(dtype)
        words = (f"but got {dtype}", 'pass q.astype("float32")')
        error(TypeError, lambda other=other: attention(other, q, q, plan), *words)
    error(ValueError, lambda: attention(q[0], q, q, plan), "pass q[None] for one batch entry")
    swapped = q.swapaxes(1, 2)
    bhsd = 'did you mean layout="BHSD"?'
    error(ValueError, lambda: attention(swapped, swapped, swapped, plan), "q with 2", bhsd)
    bshd = 'did you mean layout="BSHD"?'
    error(ValueError, lambda: attention(q, q, q, plan, layout="BHSD"), bshd)
    short = zeros(tokens=13)
    error(ValueError, lambda: attention(q, short, q, plan), "14 tokens", "k with 13")


def test_messages_about_torch_tensors_say_what_to_pass(plan: falloff.Plan) -> None:
    torch = pytest.importorskip("torch")
    q = torch.zeros(1, 14, 2, 8, dtype=torch.float16)
    error(TypeError, lambda: falloff.attention(q, q, q, plan), "float16; pass q.float()")
