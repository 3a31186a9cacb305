# SPDX-License-Identifier: Apache-2.0
"""Faults of disks, processes and users: nothing crashes, hangs, leaks or is lost."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import falloff
import numpy as np
import pytest

# Tiles that are tested, so that both kernels are made; prints the result.
ATTEND = """
import sys, falloff, numpy as np
mask = falloff.load("radial").bind(frames=4, tokens_per_frame=96)
q = np.random.default_rng(0).standard_normal((1, 384, 2, 16), dtype=np.float32)
def attend(**options):
    return falloff.attention(q, q, q, mask.plan(rounding="exact", tile="1x32"), **options)
sys.stdout.buffer.write(attend().tobytes())
"""

# One of many at once: every thread makes its own patterns, plans and kernels of several kinds, and
# prints what all of them agree on.
CROWD = """
import hashlib, sys, threading, falloff, ml_dtypes, numpy as np
CASES = [("radial", dict(frames=4, tokens_per_frame=96)), ("causal", dict(tokens=384)),
         ("radial_2d", dict(frames=4, height=8, width=12)), ("dense", dict(frames=4, patch=96))]
q = np.random.default_rng(0).standard_normal((1, 384, 2, 16), dtype=np.float32)
def work(results, number):
    digests = {}
    for turn in range(len(CASES)):
        case = (turn + number) % len(CASES)
        name, sizes = CASES[case]
        mask = falloff.load(name).bind(**sizes)
        for dtype in (np.float32, ml_dtypes.bfloat16):
            x = q.astype(dtype)
            plan = mask.plan(rounding="exact")
            out = falloff.attention(x, x, x, plan, threads=1 + number % 3)
            digests[case, np.dtype(dtype).name] = hashlib.sha256(out.tobytes()).hexdigest()
    results.append(sorted(digests.items()))
results = []
threads = [threading.Thread(target=work, args=(results, i)) for i in range(int(sys.argv[1]))]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(results) == len(threads), "a thread failed"
assert all(result == results[0] for result in results), "threads differ"
print(results[0])
"""

IS_ROOT = os.geteuid() == 0


def start(code: str, *arguments: str, **environment: str | None) -> subprocess.Popen[bytes]:
    """A process of its own; an environment variable of None is not set there."""
    merged = {**os.environ, "FALLOFF_LOG_LEVEL": "warning", **environment}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in merged.items() if value is not None},
    )


def run(code: str, *arguments: str, **environment: str | None) -> tuple[bytes, list[str]]:
    """What the process prints, and its lines on stderr."""
    process = start(code, *arguments, **environment)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()
    return out, err.decode().splitlines()


@pytest.fixture(scope="module")
def expected() -> bytes:
    out, log = run(ATTEND, FALLOFF_DISABLE_CACHE="1")
    assert log == []
    return out


@contextlib.contextmanager
def disk(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own."""
    folder.mkdir()
    mounted = IS_ROOT and shutil.which("mount") is not None
    if mounted:
        command = ["mount", "-t", "tmpfs", "-o", options, "falloff-test", str(folder)]
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("expects to be allowed to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def temporary(folder: Path) -> list[Path]:
    return list(folder.glob("**/.tmp-*"))


# ---- disks


@pytest.mark.parametrize("size", ["4k", "24k", "40k"])
def test_a_full_disk(tmp_path: Path, expected: bytes, size: str) -> None:
    """Full from the start, or after some files: the same bytes, one warning, and no debris."""
    with disk(tmp_path / "disk", f"size={size},mode=0700") as folder:
        for _ in range(2):
            out, log = run(ATTEND, FALLOFF_CACHE_DIR=str(folder))
            assert out == expected
            assert len(log) <= 1, log
            assert all("cannot write to the cache" in line for line in log)
            assert temporary(folder) == []
        grown = ["mount", "-o", "remount,size=64m", str(folder)]
        subprocess.run(grown, check=True)
        assert run(ATTEND, FALLOFF_CACHE_DIR=str(folder)) == (expected, [])
        assert list(folder.glob("kernels/*.entry"))
        assert run(ATTEND, FALLOFF_CACHE_DIR=str(folder)) == (expected, [])


def test_a_disk_without_room_for_another_file(tmp_path: Path, expected: bytes) -> None:
    with disk(tmp_path / "disk", "size=64m,nr_inodes=7,mode=0700") as folder:
        out, log = run(ATTEND, FALLOFF_CACHE_DIR=str(folder))
        assert out == expected
        assert len(log) == 1, log
        assert temporary(folder) == []


def test_a_read_only_home(tmp_path: Path, expected: bytes) -> None:
    with disk(tmp_path / "home", "ro") as home:
        where: dict[str, str | None] = {"HOME": str(home), "FALLOFF_CACHE_DIR": None}
        out, log = run(ATTEND, XDG_CACHE_HOME=None, **where)
        assert out == expected
        assert len(log) == 1, log
        assert "read-only" in log[0].lower()
        assert str(home) in log[0]


def test_a_cache_on_a_disk_that_became_read_only(tmp_path: Path, expected: bytes) -> None:
    with disk(tmp_path / "disk", "size=64m,mode=0700") as folder:
        assert run(ATTEND, FALLOFF_CACHE_DIR=str(folder)) == (expected, [])
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        out, log = run(ATTEND, FALLOFF_CACHE_DIR=str(folder))
        assert out == expected  # what is there is read
        assert len(log) <= 1, log


def test_a_cache_that_goes_away(tmp_path: Path, expected: bytes) -> None:
    """The folder is removed, then becomes a file, while a process uses it."""
    code = ATTEND + (
        "import os, shutil\n"
        "folder = os.environ['FALLOFF_CACHE_DIR']\n"
        "first = attend()\n"
        "shutil.rmtree(folder, ignore_errors=True)\n"
        "for level in ('generic', 'avx2'):\n"
        "    assert np.allclose(attend(features=level), first, atol=1e-5)\n"
        "shutil.rmtree(folder, ignore_errors=True)\n"
        "open(folder, 'w').close()\n"
        "half = q[..., :8].copy()\n"
        "out = falloff.attention(half, half, half, mask)\n"
        "assert np.isfinite(out).all()\n"
    )
    out, log = run(code, FALLOFF_CACHE_DIR=str(tmp_path / "cache"))
    assert out == expected
    assert len(log) <= 1, log


def test_another_version_s_cache(tmp_path: Path, expected: bytes) -> None:
    """Entries of another layout, which have our names by damage alone, and files nobody knows."""
    folder = tmp_path / "cache"
    run(ATTEND, FALLOFF_CACHE_DIR=str(folder))
    entries = sorted(folder.glob("*/*.entry"))
    assert entries
    for file in entries:
        data = bytearray(file.read_bytes())
        data[8] += 1  # entryVersion
        file.write_bytes(data)
        file.with_suffix(".future").write_bytes(b"what a later version keeps beside it")
    (folder / "graphs").mkdir()
    (folder / "graphs" / "one").write_text("of a later version")
    out, log = run(ATTEND, FALLOFF_CACHE_DIR=str(folder))
    assert out == expected
    assert len(log) == len(entries)  # one warning a file
    assert all(any(f"damaged file '{file}'" in line for line in log) for file in entries)
    assert sorted(folder.glob("*/*.entry")) == entries
    assert all(file.read_bytes()[8] == 1 for file in entries)  # made again
    assert (folder / "graphs" / "one").exists()


def test_entries_that_are_no_files(tmp_path: Path, expected: bytes) -> None:
    folder = tmp_path / "cache"
    run(ATTEND, FALLOFF_CACHE_DIR=str(folder))
    entries = sorted(folder.glob("*/*.entry"))
    for number, file in enumerate(entries):
        file.unlink()
        if number % 2:
            os.mkfifo(file)  # to be read by nobody
        else:
            file.mkdir()
    out, log = run(ATTEND, FALLOFF_CACHE_DIR=str(folder))
    assert out == expected
    assert len(log) <= 1, log


# ---- threads and processes


def test_four_processes_of_sixteen_threads(tmp_path: Path) -> None:
    """All cold at once on one cache, and a fifth that is killed in the middle of it."""
    (alone, log) = run(CROWD, "1", FALLOFF_DISABLE_CACHE="1")
    assert log == []
    folder = str(tmp_path / "cache")
    victim = start(CROWD, "16", FALLOFF_CACHE_DIR=folder)
    crowd = [start(CROWD, "16", FALLOFF_CACHE_DIR=folder) for _ in range(4)]
    while not (tmp_path / "cache" / "kernels").exists() and victim.poll() is None:
        time.sleep(0.01)  # until it is at work
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    for process in crowd:
        out, err = process.communicate(timeout=300)
        assert (process.returncode, out, err) == (0, alone, b"")
    # What they left is whole: nothing is made again, nothing differs.
    before = {file: file.read_bytes() for file in (tmp_path / "cache").glob("*/*.entry")}
    assert before
    assert run(CROWD, "16", FALLOFF_CACHE_DIR=folder) == (alone, [])
    after = {file: file.read_bytes() for file in (tmp_path / "cache").glob("*/*.entry")}
    assert before == after


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_attends(expected: bytes) -> None:
    """Threads of the pool do not live on in a child; its attention does."""
    code = ATTEND + (
        "import os\n"
        "attend(threads=4)\n"
        "for _ in range(3):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        same = (attend(threads=4) == attend(threads=1)).all()\n"
        "        os._exit(0 if same else 1)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
    )
    assert run(code)[0] == expected


def test_threads_that_cannot_be_started(expected: bytes) -> None:
    """A limit on processes: fewer threads, one warning, the same bytes."""
    code = (
        "import os, resource\n"
        + ATTEND.replace("sys.stdout.buffer.write(attend().tobytes())", "")
        + "mask.plan(rounding='exact', tile='1x32')\n"
        "attend(threads=1)\n"
        "if os.geteuid() == 0: os.setuid(12345)\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))\n"
        "sys.stdout.buffer.write(attend(threads=8).tobytes())\n"
    )
    out, log = run(code)
    assert out == expected
    assert len(log) == 1, log
    assert "thread" in log[0]


def test_memory_that_ends() -> None:
    """A limit on memory: MemoryError, and the same call is fine once there is room again."""
    code = """
import resource, falloff, numpy as np
plan = falloff.load("causal").bind(tokens=200000).slice(queries=(0, 256)).plan(rounding="exact")
q, k = (np.ones((1, tokens, 1, 128), np.float32) for tokens in (256, 200000))
falloff.attention(q[:, :1], k[:, :1], k[:, :1], falloff.load("causal").bind(tokens=1), threads=2)
pages = int(open("/proc/self/statm").read().split()[0])
limits = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (1 << 24), limits[1]))
try:
    falloff.attention(q, k, k, plan, threads=2)
except MemoryError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_AS, limits)
assert np.allclose(falloff.attention(q, k, k, plan, threads=2), 1, atol=1e-4)
"""
    assert run(code)[0] == b"expects more memory than the system gives\n"


# ---- what users pass


NASTY: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    2**64,
    -(2**70),
    0.5,
    1e300,
    float("nan"),
    float("inf"),
    "",
    "radial",
    "\0",
    "é" * 50,
    "\ud800",
    b"radial",
    "%s%n",
    "1x" * 300,
    [],
    [1],
    [[]],
    [[1, 0], [0]],
    [2**65],
    ["a", 1],
    (1, 2),
    {},
    {"a": 1},
    {1, 2},
    object(),
    int,
    lambda: None,
    range(3),
    1j,
    np.float64(2),
    np.int8(-3),
    np.zeros(0),
    np.zeros((2, 2), dtype=object),
    np.zeros((1, 14, 2, 8), np.float32),
    np.zeros((1, 14, 2, 8), np.float32)[:, ::-1],
    np.broadcast_to(np.float32(1), (1, 14, 2, 8)),
    np.zeros((0, 14, 2, 8), np.float32),
    np.zeros((1, 14, 2, 300), np.float32),
    np.zeros((1, 2, 14, 8), np.float32),
    np.datetime64("2020-01-01"),
)

REFUSALS = (falloff.CompileError, TypeError, ValueError, IndexError)


def calls() -> dict[str, tuple[Callable[..., object], dict[str, Any]]]:
    """What is called, with arguments that suit it."""
    pattern = falloff.load("radial")
    mask = pattern.bind(frames=3, tokens_per_frame=4, text=2)
    plan = mask.plan(rounding="exact")
    q = np.zeros((1, 14, 2, 8), np.float32)
    tensors: dict[str, Any] = {"q": q, "k": q, "v": q, "mask_or_plan": plan}
    options: dict[str, Any] = {
        "layout": "BSHD",
        "scale": 0.5,
        "text_lengths": [2],
        "return_lse": True,
        "out": np.zeros((1, 14, 2, 8), np.float32),
        "threads": 1,
        "features": "",
    }
    schedule: dict[str, Any] = {
        "grid": "box",
        "tile": "1x2",
        "rounding": "exact",
        "major": "query",
        "dtype": "fp32",
        "head_dim": 8,
    }
    return {
        "load": (falloff.load, {"pattern": "radial", "decay": 0.5, "sinks": 1}),
        "bind": (
            pattern.bind,
            {"frames": 3, "tokens_per_frame": 4, "text": 2, "decay": 0.2, "order": None},
        ),
        "plan": (mask.plan, schedule),
        "slice": (mask.slice, {"queries": (0, 4), "keys": (2, 9)}),
        "contains": (mask.contains, {"query": 0, "key": 0, "head": None}),
        "to_dense": (plan.to_dense, {"head": None, "batch": None}),
        "of_head": (plan.of_head, {"head": 0}),
        "print": (mask.print, {"stage": "mask", "rounding": "exact"}),
        "blocks": (
            falloff.Plan.from_block_mask,
            {"blocks": np.ones((2, 2), bool), "tokens": 14, "tile": 7},
        ),
        "attention": (falloff.attention, {**tensors, **options}),
    }


@pytest.mark.parametrize("name", list(calls()))
def test_options_of_every_kind(name: str) -> None:
    """Each argument, and pairs of them at random, replaced by what does not belong there."""
    call, arguments = calls()[name]
    call(**arguments)
    rng = random.Random(name)
    changes: list[dict[str, Any]] = [{key: value} for key in arguments for value in NASTY]
    for _ in range(300):
        names = rng.sample(list(arguments), min(len(arguments), rng.randint(2, 4)))
        changes.append({key: rng.choice(NASTY) for key in names})
    changes += [{"no_such_option": 1}, {"": 1}]
    refused = 0
    for change in changes:
        try:
            call(**{**arguments, **change})
        except REFUSALS as caught:
            refused += 1
            said = str(caught)
            assert said and "std::" not in said, (change, said)  # noqa: PT018
    assert refused > len(changes) // 4
    call(**arguments)


def test_nothing_is_left_open() -> None:
    """Descriptors and threads of a process that fails at many things."""
    call, arguments = calls()["attention"]

    def once() -> None:
        call(**arguments)
        for change in ({"q": 3}, {"threads": -1}, {"text_lengths": [9]}, {"out": []}):
            with contextlib.suppress(*REFUSALS):
                call(**{**arguments, **change})
        with contextlib.suppress(*REFUSALS):
            falloff.load("/dev/null")
        with contextlib.suppress(*REFUSALS):
            falloff.load("/nowhere/at/all.mlir")

    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    once()
    before = held()
    for _ in range(50):
        once()
    assert held() == before


# ---- patterns that never end, or have no bottom

HEAD = "mask.pattern @p over video(%frame: ?, %patch: ?), text(%token: ?) {\n"


def doubling_includes() -> str:
    text = "mask.pattern @p40 over (%token: ?) {\n  %a = causal %token\n  keep %a\n}\n"
    for level in range(40):
        here = "p" if level == 0 else f"p{level}"
        text += f"mask.pattern @{here} over (%token: ?) {{\n"
        text += "".join(f"  %{x} = include @p{level + 1} over %token\n" for x in "ab")
        text += "  keep %a, %b\n}\n"
    return text


def deep_includes() -> str:
    text = "mask.pattern @p3000 over (%token: ?) {\n  %a = causal %token\n  keep %a\n}\n"
    for level in range(3000):
        here = "p" if level == 0 else f"p{level}"
        text += f"mask.pattern @{here} over (%token: ?) {{\n"
        text += f"  %a = include @p{level + 1} over %token\n  keep %a\n}}\n"
    return text


def doubling_numbers() -> str:
    lines = "".join(f"  %a{i + 1} = let min(%a{i}, %a{i} + 1)\n" for i in range(60))
    return (
        f"{HEAD}  %a0 = let distance(%frame)\n{lines}  %s = within %a60 of %frame\n  keep %s\n}}\n"
    )


def doubling_sets() -> str:
    lines = "".join(
        f"  %x{i} = none_of %s{i}\n  %s{i + 1} = any_of %x{i}, %t, %s{i}\n" for i in range(60)
    )
    return f"{HEAD}  %s0 = within 1 of %frame\n  %t = causal %patch\n{lines}  keep %s60\n}}\n"


def chain_of_sets() -> str:
    lines = "".join(f"  %s{i + 1} = none_of %s{i}, %t\n" for i in range(20000))
    return f"{HEAD}  %s0 = within 1 of %frame\n  %t = causal %patch\n{lines}  keep %s20000\n}}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (doubling_includes(), "65536 sets"),
        (deep_includes(), "64 deep"),
        (doubling_numbers(), "65536 sets and numbers"),
        (doubling_sets(), "65536 sets"),
        (chain_of_sets(), "65536 sets"),
        (HEAD + "  keep %a {x = " + "[" * 100_000, "levels of brackets"),
        (HEAD + "  keep %a {x = " + "tuple<" * 100_000, "levels of brackets"),
        (HEAD + "  keep %a loc(" + "fused[" * 100_000, "levels of brackets"),
        ("module {\n" * 100_000, "levels of brackets"),
        ("#a = affine_map<(d0) -> (" + "-" * 200_000, "'affine_map'"),
        ("mask.pattern @p over (%a: 2) {\n  %b = let " + "(" * 100_000, "levels of brackets"),
    ],
    ids=lambda value: None if len(value) < 100 else "text",
)
def test_files_without_end(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "endless.mlir"
    file.write_text(text)
    with pytest.raises(falloff.CompileError, match=words) as caught:
        falloff.load(f"{file}:@p")
    assert caught.value.file == str(file)
    assert caught.value.line >= 1
