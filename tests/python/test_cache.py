# SPDX-License-Identifier: Apache-2.0
"""Plans and kernels that survive a process: made once, found again, and never taken for others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import falloff
import numpy as np
import pytest
from falloff import cache
from falloff.cli import main

# A search over 118,800 tokens: long enough to be worth a file on any processor.
LARGE = {"frames": 33, "tokens_per_frame": 3600}

ATTEND = """
import sys, falloff, numpy as np
mask = falloff.load("radial").bind(frames=4, tokens_per_frame=96)
mask = mask.plan(rounding="exact", tile="1x32")  # with tiles to be tested
q = np.random.default_rng(0).standard_normal((1, 384, 1, 16), dtype=np.float32)
sys.stdout.buffer.write(falloff.attention(q, q, q, mask).tobytes())
"""
PLAN = """
import falloff
print(falloff.load("radial").bind(frames=33, tokens_per_frame=3600).plan().json())
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of each test's own."""
    monkeypatch.setenv("FALLOFF_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FALLOFF_LOG_LEVEL", "info")
    yield tmp_path / "cache"
    assert not list((tmp_path / "cache").glob("**/*.tmp"))


def start(code: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
    )


def run(code: str, **environment: str) -> tuple[bytes, str]:
    """What a new process prints and logs."""
    process = start(code, **environment)
    out, err = process.communicate()
    assert process.returncode == 0, err.decode()
    return out, err.decode()


def test_a_second_process_compiles_nothing() -> None:
    first, log = run(ATTEND)
    assert log.count("compiled kernel") == 2  # the step and the functor
    second, log = run(ATTEND)
    assert (log.count("compiled kernel"), log.count("loaded kernel")) == (0, 2)
    assert first == second
    without, log = run(ATTEND, FALLOFF_DISABLE_CACHE="1")
    assert (log.count("compiled kernel"), without) == (2, first)


def test_four_processes_compile_once() -> None:
    processes = [start(ATTEND) for _ in range(4)]
    results = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, results
    assert len({out for out, _ in results}) == 1
    logs = [err.decode() for _, err in results]
    assert sum(log.count("compiled kernel") for log in logs) == 2
    assert sum(log.count("loaded kernel") for log in logs) == 6


def test_sixteen_threads_compile_once() -> None:
    lines = [
        *ATTEND.splitlines()[:-1],
        "import threading",
        "def attend(): results.append(falloff.attention(q, q, q, mask, threads=1).tobytes())",
        "results = []",
        "threads = [threading.Thread(target=attend) for _ in range(16)]",
        "for thread in threads: thread.start()",
        "for thread in threads: thread.join()",
        "assert len(results) == 16 and len(set(results)) == 1",
    ]
    _, log = run("\n".join(lines))
    assert log.count("kernel '") == 2


def test_a_plan_is_read_again() -> None:
    first, _ = run(PLAN)
    assert [entry.kind for entry in cache.entries()] == ["plan"]
    used = cache.entries()[0].last_used
    second, _ = run(PLAN)
    without, _ = run(PLAN, FALLOFF_DISABLE_CACHE="1")
    assert first == second == without
    (entry,) = cache.entries()
    assert entry.last_used > used  # so it was found
    assert "radial" in entry.what
    assert "33 x 3600" in entry.what


def test_a_plan_from_disk_runs(folder: Path) -> None:
    code = """
import sys, falloff, numpy as np
mask = falloff.load("radial").bind(frames=33, tokens_per_frame=3600)
q = np.random.default_rng(0).standard_normal((1, 512, 1, 8), dtype=np.float32)
k = np.random.default_rng(1).standard_normal((1, 118800, 1, 8), dtype=np.float32)
part = mask.slice(queries=(59000, 59512))
sys.stdout.buffer.write(falloff.attention(q, k, k, part).tobytes())
"""
    first, _ = run(code)
    assert [entry for entry in cache.entries() if entry.kind == "plan"]
    second, _ = run(code)
    without, _ = run(code, FALLOFF_DISABLE_CACHE="1")
    assert first == second == without


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "foreign", "noise"])
def test_damaged_entries_are_made_again(folder: Path, damage: str) -> None:
    whole, _ = run(ATTEND)
    files = sorted(folder.glob("kernels/*.entry"))
    assert len(files) == 2
    other = files[1].read_bytes()
    for file in files:
        data = bytearray(file.read_bytes())
        middle = len(data) // 2
        data[middle] ^= 0x10
        file.write_bytes(
            {
                "cut": bytes(data[:middle]),
                "flip": bytes(data),
                "empty": b"",
                "foreign": other if file != files[1] else b"\x7fELF" + bytes(500),
                "noise": np.random.default_rng(3).bytes(4000),
            }[damage]
        )
    again, log = run(ATTEND)
    assert (again, log.count("compiled kernel")) == (whole, 2)
    assert log.count("falloff: warning: ") == 2  # one a file
    words = "which counts as none: the kernel has to be made again"
    assert all(f"damaged file '{file}', {words}" in log for file in files)
    last, log = run(ATTEND)
    assert (last, log.count("loaded kernel")) == (whole, 2)


def test_entries_of_another_version_are_left_alone(folder: Path) -> None:
    run(ATTEND)
    for file in folder.glob("kernels/*.entry"):
        file.write_bytes(file.read_bytes().replace(b"falloff 0.", b"falloff 9."))
    assert all("falloff 9." in entry.key for entry in cache.entries())
    _, log = run(ATTEND)
    assert log.count("compiled kernel") == 2


def test_plans_of_one_size_are_not_used_for_another() -> None:
    pattern = falloff.load("radial_2d")
    masks = {
        (height, width): pattern.bind(frames=3, height=height, width=width)
        for height, width in ((30, 52), (52, 30), (26, 60))
    }
    tokens = {mask.tokens for mask in masks.values()}
    assert len(tokens) == 1  # nothing but the shape tells them apart
    plans = {size: mask.plan(tile="1x8x8").json() for size, mask in masks.items()}
    assert len(set(plans.values())) == 3
    for size, mask in masks.items():
        os.environ["FALLOFF_DISABLE_CACHE"] = "1"
        try:
            assert mask.plan(tile="1x8x8").json() == plans[size]
        finally:
            del os.environ["FALLOFF_DISABLE_CACHE"]


def test_every_option_makes_another_plan() -> None:
    mask = falloff.load("radial").bind(frames=4, tokens_per_frame=300)
    options: list[dict[str, object]] = [
        {},
        {"grid": "flat"},
        {"tile": "1x64"},
        {"tile_query": "1x64"},
        {"tile_key": "1x64"},
        {"rounding": "exact"},
        {"rounding": "nearest:0.4"},
        {"major": "key"},
    ]
    plans = [mask.plan(**each)._impl for each in options]  # type: ignore[arg-type]
    parts = [mask.slice(queries=(0, 300)).plan()._impl, mask.slice(keys=(0, 300)).plan()._impl]
    texts = [(p.grid.queries, p.grid.keys, p.grid.kind, p.rounding, p.major) for p in plans + parts]
    tiles = [(p.grid.segments[0].query_tile, p.grid.segments[0].key_tile) for p in plans + parts]
    assert len({str(pair) for pair in zip(texts, tiles, strict=True)}) >= len(plans + parts) - 1
    other = falloff.load("radial", decay=0.5).bind(frames=4, tokens_per_frame=300).plan()
    assert other.pairs_in_mask != mask.plan().pairs_in_mask


def test_tables_and_relations_make_another_plan() -> None:
    documents, scenes = falloff.load("documents"), falloff.load("scene_aware")
    plans = [documents.bind(token=256, starts=[start]).plan() for start in (64, 128)]
    assert plans[0].pairs_in_mask != plans[1].pairs_in_mask
    plans = [
        scenes.bind(
            frames=8, tokens_per_frame=32, text=0, cuts=[4], links=[[True, linked], [linked, True]]
        ).plan()
        for linked in (False, True)
    ]
    assert plans[0].pairs_in_mask != plans[1].pairs_in_mask


def test_threads_plan_once() -> None:
    mask = falloff.load("radial").bind(**LARGE)
    plans: list[falloff.Plan] = []
    threads = [threading.Thread(target=lambda: plans.append(mask.plan())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({plan.json() for plan in plans}) == 1


def test_dumping(tmp_path: Path) -> None:
    run(ATTEND)  # what the disk has is compiled all the same
    whole, log = run(ATTEND, FALLOFF_DUMP_DIR=str(tmp_path / "dump" / "here"))
    assert log.count("compiled kernel") == 2
    files = sorted(path.name for path in (tmp_path / "dump" / "here").iterdir())
    assert len(files) == 8
    for ending in (".mlir", ".ll", ".s", ".o"):
        assert [file.endswith(ending) for file in files].count(True) == 2
    assert any(file.startswith("functor-") for file in files)
    (step,) = (tmp_path / "dump" / "here").glob("step-*.ll")
    assert "define" in step.read_text()
    file = tmp_path / "file"
    file.touch()
    again, log = run(ATTEND, FALLOFF_DUMP_DIR=str(file / "below"), FALLOFF_LOG_LEVEL="warning")
    assert again == whole
    assert log.count("FALLOFF_DUMP_DIR") == len(log.splitlines()) == 2


def test_log_levels() -> None:
    assert run(ATTEND, FALLOFF_LOG_LEVEL="warning")[1] == ""
    assert run(ATTEND, FALLOFF_LOG_LEVEL="")[1] == ""
    _, log = run(ATTEND, FALLOFF_LOG_LEVEL="loud")
    assert log.startswith("falloff: warning: expects FALLOFF_LOG_LEVEL of off, error, warning")
    assert len(log.splitlines()) == 1


def test_no_home_is_one_warning() -> None:
    code = 'import os\nfor n in ("HOME", "FALLOFF_CACHE_DIR"): os.environ.pop(n)\n' + ATTEND
    _, log = run(code, XDG_CACHE_HOME="", FALLOFF_LOG_LEVEL="warning")
    assert len(log.splitlines()) == 1
    assert "HOME" in log


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = str(tmp_path / "file" / "below")
    _, log = run(ATTEND, FALLOFF_CACHE_DIR=place, FALLOFF_LOG_LEVEL="warning")
    assert len(log.splitlines()) == 1
    assert place in log


# ---- the command


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["cache", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_command_path(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(capsys, "path") == f"{folder}\n"
    assert cache.path() == folder
    monkeypatch.delenv("FALLOFF_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert command(capsys, "path") == "/somewhere/falloff\n"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # invalid by its specification
    monkeypatch.setenv("HOME", "/home/someone")
    assert command(capsys, "path") == "/home/someone/.cache/falloff\n"
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert main(["cache", "path"]) == 1
    assert capsys.readouterr().err.startswith("falloff: expects HOME, XDG_CACHE_HOME")


def test_command_ls_and_clear(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert command(capsys, "ls") == f"0 entries, 0 B, in {folder}\n"
    assert not folder.exists()  # looking makes nothing
    run(ATTEND)
    run(PLAN)
    listing = command(capsys, "ls").splitlines()
    assert len(listing) == 4
    assert [line.split()[0] for line in listing[:3]] == ["plan", "kernel", "kernel"]
    assert "radial" in listing[0]
    assert any("step of float32" in line for line in listing)
    report = json.loads(command(capsys, "ls", "--json"))
    assert report["path"] == str(folder)
    assert report["bytes"] == sum(entry["bytes"] for entry in report["entries"])
    files = [path for path in folder.glob("*/*") if path.is_file()]
    assert report["bytes"] == sum(path.stat().st_size for path in files)
    assert {entry["kind"] for entry in report["entries"]} == {"plan", "kernel"}
    assert all(f"falloff {falloff.__version__} (" in entry["key"] for entry in report["entries"])
    (folder / "kernels" / f"{0x123:032x}.entry").write_bytes(b"of another version")
    assert "does not read" in command(capsys, "ls")
    film = folder / "kernels" / "my-video.mp4"
    film.write_bytes(b"not the cache's")
    assert command(capsys, "clear").startswith("removed 4 entries, ")
    assert command(capsys, "ls").startswith("0 entries, 0 B")
    assert film.read_bytes() == b"not the cache's"
    assert command(capsys, "clear").startswith("removed 0 entries")


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    environment = os.environb | {b"FALLOFF_CACHE_DIR": folder}

    def said(*arguments: str, **variables: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-m", "falloff", *arguments],
            env=environment | {os.fsencode(k): os.fsencode(v) for k, v in variables.items()},
            capture_output=True,
        )
        assert (done.returncode, done.stderr) == (0, b""), (arguments, done)
        return done.stdout

    for encoding in ("utf-8:strict", ""):
        assert said("cache", "path", PYTHONIOENCODING=encoding) == folder + b"\n"
    assert b"cache       " + folder + b": writable\n" in said("doctor", FALLOFF_LOG_LEVEL="warning")
    assert os.path.isdir(folder + b"/kernels")
    assert said("cache", "ls").endswith(b"in " + folder + b"\n")
    assert os.fsencode(json.loads(said("cache", "ls", "--json"))["path"]) == folder
    removed = said("cache", "clear")
    assert removed.startswith(b"removed ")
    assert not removed.startswith(b"removed 0 ")
    assert removed.endswith(b"from " + folder + b"\n")


def test_command_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["cache"], ["cache", "rm"], ["cache", "clear", "--json"]):
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        assert exit_.value.code == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
