# SPDX-License-Identifier: Apache-2.0
"""Tensors of numpy, ml_dtypes, torch and DLPack: taken as they lie, answered in kind."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from typing import Any

import falloff
import ml_dtypes
import numpy as np
import pytest
from falloff._falloff import View

import exact_attention

torch = pytest.importorskip("torch")

BF16 = ml_dtypes.bfloat16
SIZES = {"frames": 3, "tokens_per_frame": 8, "text": 4}
TOKENS = 28


@pytest.fixture(scope="module")
def mask() -> falloff.Mask:
    return falloff.load("radial", decay=0.5).bind(**SIZES)


@pytest.fixture(scope="module")
def plan(mask: falloff.Mask) -> falloff.Plan:
    return mask.plan(rounding="exact", tile="video=1x4,text=4")


def tensors(
    dtype: Any = np.float32, heads: int = 2, key_heads: int = 2, dim: int = 16, value_dim: int = 16
) -> tuple[Any, Any, Any]:
    """q, k and v in the layout BSHD."""
    random = np.random.default_rng(heads * 100 + dim)
    shapes = (TOKENS, heads, dim), (TOKENS, key_heads, dim), (TOKENS, key_heads, value_dim)
    q, k, v = (random.standard_normal((2, *shape)).astype(dtype) for shape in shapes)
    return q, k, v


def exact(q: Any, k: Any, v: Any, plan: falloff.Plan, **options: Any) -> exact_attention.Exact:
    pairs = np.broadcast_to(plan.to_dense(), (q.shape[0], q.shape[2], TOKENS, TOKENS))
    return exact_attention.attention(q, k, v, pairs, **options)


class Exporter:
    """An object that is no tensor of a known library, but speaks DLPack."""

    def __init__(self, tensor: Any, device: tuple[int, int] = (1, 0)) -> None:
        self.tensor, self.place = tensor, device

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.place

    def __dlpack__(self, *, stream: Any = None) -> Any:  # from before `max_version`
        return self.tensor.__dlpack__()


class Versioned(Exporter):
    def __dlpack__(self, **options: Any) -> Any:
        return self.tensor.__dlpack__(**options)


@pytest.mark.parametrize("dtype", [np.float32, BF16])
@pytest.mark.parametrize(("heads", "key_heads", "dim", "value_dim"), [(2, 2, 16, 16), (6, 2, 5, 9)])
def test_numpy(
    plan: falloff.Plan, dtype: Any, heads: int, key_heads: int, dim: int, value_dim: int
) -> None:
    q, k, v = tensors(dtype, heads, key_heads, dim, value_dim)
    out, lse = falloff.attention(q, k, v, plan, return_lse=True)
    assert type(out) is np.ndarray
    assert (out.dtype, out.shape) == (dtype, (2, TOKENS, heads, value_dim))
    assert (lse.dtype, lse.shape) == (np.float32, (2, heads, TOKENS))
    name = "fp32" if dtype == np.float32 else "bf16"
    exact_attention.check(out, lse, exact(q, k, v, plan), name)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_torch(plan: falloff.Plan, dtype: str) -> None:
    arrays = tensors(np.float32 if dtype == "float32" else BF16)
    q, k, v = (torch.tensor(x.astype(np.float32)).to(getattr(torch, dtype)) for x in arrays)
    out, lse = falloff.attention(q, k, v, plan, return_lse=True)
    assert isinstance(out, torch.Tensor)
    assert (out.dtype, tuple(out.shape)) == (q.dtype, (2, TOKENS, 2, 16))
    assert (lse.dtype, tuple(lse.shape)) == (torch.float32, (2, 2, TOKENS))
    expected = falloff.attention(*arrays, plan)
    assert (out.float().numpy() == expected.astype(np.float32)).all()


def test_torch_agrees_with_its_own_attention(plan: falloff.Plan) -> None:
    q, k, v = (torch.tensor(x).transpose(1, 2) for x in tensors())
    out = falloff.attention(q, k, v, plan, layout="BHSD")
    expected = torch.nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=torch.tensor(plan.to_dense())
    )
    torch.testing.assert_close(out, expected, rtol=2e-5, atol=2e-6)


def test_torch_tensors_that_require_gradients_are_read(plan: falloff.Plan) -> None:
    q, k, v = (torch.nn.Parameter(torch.tensor(x)) for x in tensors())
    out = falloff.attention(q, k, v, plan)
    assert not out.requires_grad
    assert (out.numpy() == falloff.attention(*tensors(), plan)).all()


@pytest.mark.parametrize("kind", [Exporter, Versioned])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dlpack(plan: falloff.Plan, kind: type[Exporter], dtype: str) -> None:
    arrays = [torch.tensor(x).to(getattr(torch, dtype)) for x in tensors()]
    out = falloff.attention(*map(kind, arrays), plan)
    assert type(out) is np.ndarray
    assert out.dtype == np.dtype(dtype)
    expected = falloff.attention(*arrays, plan)
    assert (out.astype(np.float32) == expected.float().numpy()).all()


def test_dlpack_results_follow_the_array_standard(plan: falloff.Plan) -> None:
    class Namespace:
        @staticmethod
        def asarray(array: Any) -> Any:
            return "array of the library", array

    class Standard(Exporter):
        def __array_namespace__(self) -> type[Namespace]:
            return Namespace

    q, k, v = tensors()
    kind, out = falloff.attention(Standard(q), k, v, plan)
    assert kind == "array of the library"
    assert (out == falloff.attention(q, k, v, plan)).all()


def test_libraries_mix_and_the_result_follows_q(plan: falloff.Plan) -> None:
    q, k, v = tensors()
    expected = falloff.attention(q, k, v, plan)
    assert isinstance(falloff.attention(torch.tensor(q), k, v, plan), torch.Tensor)
    assert (
        falloff.attention(q, torch.tensor(k), Exporter(torch.tensor(v)), plan) == expected
    ).all()


def test_layouts(plan: falloff.Plan) -> None:
    q, k, v = tensors()
    expected, lse = falloff.attention(q, k, v, plan, return_lse=True)
    turned = [np.ascontiguousarray(x.transpose(0, 2, 1, 3)) for x in (q, k, v)]
    out, other = falloff.attention(*turned, plan, layout="BHSD", return_lse=True)
    assert out.shape == (2, 2, TOKENS, 16)
    assert (out.transpose(0, 2, 1, 3) == expected).all()
    assert (lse == other).all()


@pytest.mark.parametrize("dtype", [np.float32, BF16])
def test_any_strides_are_taken(plan: falloff.Plan, dtype: Any) -> None:
    q, k, v = tensors(dtype)
    expected = falloff.attention(q, k, v, plan)
    backwards = q[:, ::-1, :, ::-1].copy()[:, ::-1, :, ::-1]
    assert backwards.strides[3] < 0
    fortran = np.asfortranarray(k)
    spread = np.zeros((2, TOKENS, 2, 35), dtype)
    spread[..., 1:33:2] = v
    assert (falloff.attention(backwards, fortran, spread[..., 1:33:2], plan) == expected).all()


def test_broadcast_and_read_only_arrays_are_taken(plan: falloff.Plan) -> None:
    q, k, v = tensors()
    one_head = np.broadcast_to(k[:, :, :1], k.shape)
    assert not one_head.flags.writeable
    out = falloff.attention(q, one_head, v, plan)
    assert (out == falloff.attention(q, one_head.copy(), v, plan)).all()
    q.flags.writeable = False
    assert (falloff.attention(q, one_head, v, plan) == out).all()


def test_slices_of_one_tensor_are_taken(plan: falloff.Plan) -> None:
    q, k, v = tensors()
    packed = torch.tensor(np.stack([q, k, v], axis=2))
    out = falloff.attention(*packed.unbind(2), plan)
    assert (out.numpy() == falloff.attention(q, k, v, plan)).all()


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("layout", ["BSHD", "BHSD"])
def test_out_is_written_in_place(plan: falloff.Plan, library: str, layout: str) -> None:
    arrays = tensors()
    expected = falloff.attention(*arrays, plan)
    if layout == "BHSD":
        arrays = tuple(x.transpose(0, 2, 1, 3) for x in arrays)
        expected = expected.transpose(0, 2, 1, 3)
    wide = np.full((*expected.shape[:3], 40), 7, np.float32)
    target: Any = wide[..., 3:35:2]
    if library == "torch":
        target = torch.from_numpy(wide)[..., 3:35:2]
    assert falloff.attention(*arrays, plan, layout=layout, out=target) is target
    assert (wide[..., 3:35:2] == expected).all()
    wide[..., 3:35:2] = 7
    assert (wide == 7).all(), "nothing else was written"


def test_lse_is_written_in_place(plan: falloff.Plan) -> None:
    arrays = tensors()
    expected, sums = falloff.attention(*arrays, plan, return_lse=True)
    wide = np.full((2, 2, TOKENS, 3), 7, np.float32)
    target = wide[..., 1]
    assert (falloff.attention(*arrays, plan, lse=target) == expected).all()
    assert (target == sums).all()
    target[:] = 7
    out, lse = falloff.attention(*arrays, plan, lse=target, return_lse=True)
    assert lse is target
    assert (lse == sums).all()
    assert (out == expected).all()
    assert (wide[..., ::2] == 7).all(), "nothing else was written"


def test_prepare_takes_no_workspace_on_the_cpu(mask: falloff.Mask) -> None:
    arrays = tensors()
    assert falloff.prepare(*arrays, mask) == 0
    assert falloff.prepare(*arrays, mask, recipe="int8") == 0
    with pytest.raises(ValueError, match="expects k with the batch of q"):
        falloff.prepare(arrays[0], arrays[1][:1], arrays[2], mask)


def test_out_may_be_an_input(plan: falloff.Plan) -> None:
    for dtype in (np.float32, BF16):
        expected = falloff.attention(*tensors(dtype), plan)
        for index in range(3):
            arrays = tensors(dtype)
            out = falloff.attention(*arrays, plan, out=arrays[index])
            assert out is arrays[index]
            assert (out == expected).all()


def test_a_mask_keeps_its_default_plans() -> None:
    mask = falloff.load("radial", decay=0.5).bind(**SIZES)
    first = mask.plan_for("fp32", 16)
    assert mask.plan_for("fp32", 16) is first
    assert mask.plan_for("bf16", 16) is not first
    q, k, v = tensors()
    out = falloff.attention(q, k, v, mask)
    exact_attention.check(out, None, exact(q, k, v, first), "fp32")


def test_scale(plan: falloff.Plan) -> None:
    q, k, v = tensors()
    out, lse = falloff.attention(q, k, v, plan, scale=0.7, return_lse=True)
    exact_attention.check(out, lse, exact(q, k, v, plan, scale=0.7), "fp32")
    even = falloff.attention(q, k, v, plan, scale=0)
    weights = plan.to_dense() / plan.to_dense().sum(axis=1, keepdims=True)
    np.testing.assert_allclose(even, np.einsum("qk,bkhd->bqhd", weights, v), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("lengths", [[4, 0], (1, 3), np.array([2, 2]), torch.tensor([0, 4])])
def test_text_lengths(plan: falloff.Plan, lengths: Any) -> None:
    q, k, v = tensors()
    pairs = np.repeat(np.repeat(plan.to_dense()[None, None], 2, axis=0), 2, axis=1)
    for entry, length in enumerate(lengths):
        pairs[entry, :, 24 + int(length) :] = False
        pairs[entry, :, :, 24 + int(length) :] = False
    k[1, 24 + int(lengths[1]) :] = np.nan  # padding is never read into a result
    v[1, 24 + int(lengths[1]) :] = np.nan
    clean = [np.nan_to_num(x) for x in (q, k, v)]
    out, lse = falloff.attention(q, k, v, plan, text_lengths=lengths, return_lse=True)
    exact_attention.check(out, lse, exact_attention.attention(*clean, pairs), "fp32")


def test_an_empty_batch_and_no_heads(plan: falloff.Plan) -> None:
    q, k, v = tensors()
    out, lse = falloff.attention(q[:0], k[:0], v[:0], plan, return_lse=True)
    assert (out.shape, lse.shape) == ((0, TOKENS, 2, 16), (0, 2, TOKENS))
    assert falloff.attention(q[:, :, :0], k, v, plan).shape == (2, TOKENS, 0, 16)


def test_results_do_not_depend_on_threads(plan: falloff.Plan) -> None:
    q, k, v = tensors()
    one = falloff.attention(q, k, v, plan, threads=1)
    assert (falloff.attention(q, k, v, plan, threads=3) == one).all()


@pytest.mark.parametrize("features", ["native", "avx512", "avx2", "generic"])
@pytest.mark.parametrize("dtype", [np.float32, BF16])
def test_features_can_be_turned_off(plan: falloff.Plan, features: str, dtype: Any) -> None:
    if features == "avx512" and " avx512f" not in cpu_flags():
        pytest.skip("this processor has no AVX-512")
    q, k, v = tensors(dtype)
    out, lse = falloff.attention(q, k, v, plan, features=features, return_lse=True)
    name = "fp32" if dtype == np.float32 else "bf16"
    exact_attention.check(out, lse, exact(q, k, v, plan), name)


def cpu_flags() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line for line in file if line.startswith("flags"))
    except (OSError, StopIteration):
        return ""


def test_many_threads_may_call(mask: falloff.Mask, plan: falloff.Plan) -> None:
    q, k, v = tensors()
    expected = falloff.attention(q, k, v, plan)
    results: list[Any] = [None] * 8

    def work(index: int) -> None:
        mine = mask if index % 2 else plan
        out = falloff.attention(q, k, v, mine, threads=2)
        results[index] = np.abs(out - expected).max() if mine is plan else out

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == 0 for result in results[::2])
    assert all((result == results[1]).all() for result in results[1::2])


def test_views_keep_what_they_show_and_let_it_go() -> None:
    class Held(np.ndarray):  # weak references need a class of Python's
        pass

    array = np.zeros((2, 3), np.float32).view(Held)
    alive = weakref.ref(array)
    view = View.of(array, "x")
    del array
    gc.collect()
    assert alive() is not None
    del view
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("versioned", [False, True])
def test_dlpack_capsules_are_used_once_and_deleted(versioned: bool) -> None:
    class Kept:
        """Counts the views of one capsule."""

        def __init__(self, tensor: Any) -> None:
            options = {"max_version": (1, 0)} if versioned else {}
            self.capsule = tensor.__dlpack__(**options)

        def __dlpack__(self, **options: Any) -> Any:
            return self.capsule

    tensor = torch.zeros(2, 3)
    storage = weakref.ref(tensor.untyped_storage())
    kept = Kept(tensor)
    view = View.of(kept, "x")
    assert (view.shape, view.strides, view.dtype) == ((2, 3), (3, 1), "float32")
    assert view.address == tensor.data_ptr()
    with pytest.raises(TypeError, match="an unused DLPack capsule"):
        View.of(kept, "x")
    tensor.fill_(5)
    copied = np.empty((2, 3), np.float32)
    View.of(copied, "y").copy_from(view)
    assert (copied == 5).all()
    del view, kept, tensor
    gc.collect()
    assert storage() is None


def test_views_say_what_they_may_share() -> None:
    array = np.zeros((4, 6), np.float32)
    top, bottom, turned = (View.of(x, "x") for x in (array[:2], array[2:], array[::-1]))
    assert not top.may_overlap(bottom)
    assert top.may_overlap(turned)
    assert bottom.may_overlap(turned)
    assert not View.of(array[:0], "x").may_overlap(turned)
    assert View.of(array.T, "x").permute((1, 0)).strides == (6, 1)


def test_neither_torch_nor_ml_dtypes_is_imported() -> None:
    program = """
import sys, numpy, falloff
mask = falloff.load("causal").bind(tokens=9)
x = numpy.ones((1, 9, 1, 4), numpy.float32)
assert numpy.allclose(falloff.attention(x, x, x, mask), 1)
assert not {"torch", "ml_dtypes"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
