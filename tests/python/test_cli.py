# SPDX-License-Identifier: Apache-2.0
"""The command `falloff`: what it prints, where, and how it exits."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import falloff
import numpy as np
import pytest
from falloff._mask import TARGETS
from falloff.cli import build_parser, main
from falloff.cli.commands import plan_options

from test_api import PER_HEAD, pixels

COMMANDS = ["check", "draw", "plan", "compile", "bench", "report", "solve"]

RADIAL = ["radial", "--frames", "4", "--tokens-per-frame", "12"]

NEXT = """\
mask.pattern @next over (%token: ?) {
  %next = where key(%token) - query(%token) == 1
  keep %next
}
"""


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    """Runs the command in this process."""

    def call(*arguments: str) -> Result:
        try:
            code = main(list(arguments))
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        return Result(code, *capsys.readouterr())

    return call


def fails(result: Result, *words: str, code: int = 1) -> None:
    """One line on stderr, nothing on stdout."""
    assert result.code == code, result.err
    assert result.out == ""
    assert result.err.endswith("\n")
    assert len(result.err.splitlines()) == 1, result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err, result.err


def test_check_without_a_size(run) -> None:
    result = run("check", "radial")
    assert (result.code, result.err) == (0, "")
    assert "@radial: ok" in result.out
    assert "video(frame: ?, patch: ?)" in result.out
    assert "decay: real" in result.out


@pytest.mark.parametrize("name", falloff.patterns())
def test_check_every_pattern_of_the_library(run, name: str) -> None:
    assert run("check", name).code == 0


def test_check_with_a_size(run) -> None:
    result = run("check", *RADIAL, "--set", "decay=0.5")
    assert (result.code, result.err) == (0, "")
    assert "@radial: 48 tokens" in result.out
    assert "decay = 0.5" in result.out


def test_check_names_the_first_empty_row(run, tmp_path: Path) -> None:
    path = tmp_path / "next.mlir"
    path.write_text(NEXT)
    result = run("check", str(path), "--extent", "token=7")
    assert result.code == 1
    assert result.err == "falloff: @next: 1 query sees no key; the first is query 6\n"
    path.write_text(PER_HEAD)
    result = run("check", f"{path}:@heads", "--extent", "token=1", "--set", "kind=near,far")
    assert result.code == 1
    assert "1 query sees no key; the first is query 0 of head 1" in result.err


def test_check_reports_the_line_of_an_error(run, tmp_path: Path) -> None:
    path = tmp_path / "wrong.mlir"
    path.write_text("mask.pattern @wrong over (%token: ?) {\n  %a = casual %token\n  keep %a\n}\n")
    result = run("check", str(path))
    fails(result, f"{path}:2:", "casual")
    assert result.err.startswith(f"{path}:2:")


def test_draw_prints_text(run, tmp_path: Path) -> None:
    result = run("draw", "causal", "--extent", "token=3")
    assert (result.code, result.out, result.err) == (0, "#..\n##.\n###\n", "")


def test_draw_writes_a_picture(run, tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    result = run("draw", *RADIAL, "--output", str(path))
    assert (result.code, result.out, result.err) == (0, "", "")
    assert pixels(path).shape == (768, 768, 3)


def test_draw_leaves_no_half_written_file(run, tmp_path: Path) -> None:
    missing = tmp_path / "none" / "mask.png"
    result = run("draw", *RADIAL, "--output", str(missing))
    fails(result)
    assert result.err == f"falloff: {missing}: No such file or directory\n"
    fails(run("draw", *RADIAL, "--output", str(tmp_path / "x.jpg")), ".png", "x.jpg")
    (tmp_path / "folder").mkdir()
    fails(run("draw", *RADIAL, "--output", str(tmp_path / "folder")), "directory")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert list((tmp_path / "folder").iterdir()) == []


def test_plan_as_json(run) -> None:
    result = run("plan", *RADIAL, "--tile", "1x4", "--round", "exact", "--emit", "json")
    assert (result.code, result.err) == (0, "")
    mask = falloff.load("radial").bind(frames=4, tokens_per_frame=12)
    assert result.out == mask.plan(tile="1x4", rounding="exact").json() + "\n"
    data = json.loads(result.out)
    names = ["version", "pattern", "parameters", "tokens", "grid", "major", "rounding"]
    names += ["density", "table_of", "tables"]
    counts = ["pairs_in_mask", "pairs_computed", "pairs_issued", "pairs_lost"]
    assert set(names) | set(counts) <= set(data)
    assert data["pairs_in_mask"] == data["pairs_computed"] == mask.to_dense().sum()
    assert (data["rounding"], data["pairs_lost"]) == ("exact", 0)


def test_plan_of_the_size_of_a_video_model(run) -> None:
    result = run(
        *["plan", "radial", "--frames", "21", "--height", "30", "--width", "52"],
        *["--tile", "1x128", "--emit", "json"],
    )
    assert result.code == 0
    data = json.loads(result.out)
    assert data["tokens"] == 32760
    assert data["rounding"] == "nearest:0.5"
    assert data["density"] == pytest.approx(0.506, abs=5e-4)
    assert data["pairs_lost"] / data["pairs_in_mask"] == pytest.approx(0.017, abs=5e-4)
    assert data["pairs_computed"] / data["pairs_in_mask"] == pytest.approx(1.04, abs=5e-3)


def test_plan_as_text(run) -> None:
    result = run("plan", *RADIAL, "--text", "5", "--tile", "video=1x4,text=5", "--major", "key")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("plan of @radial")
    assert "key tile 12: 0..13 full" in result.out


def test_plan_says_what_its_tiles_were_searched_for(run) -> None:
    choice = ["--target", "sm_90", "--dtype", "fp16", "--head-dim", "64"]
    text = run("plan", *RADIAL, *choice).out
    assert "  tiles searched for sm_90, fp16, head dimension 64\n" in text
    data = json.loads(run("plan", *RADIAL, *choice, "--json").out)
    assert data["searched_for"] == {"target": "sm_90", "dtype": "fp16", "head_dim": 64}
    assert "tiles searched for cpu, bf16, head dimension 128\n" in run("plan", *RADIAL).out
    for given in (["--tile", "1x4"], ["--grid", "flat"]):
        assert "searched" not in run("plan", *RADIAL, *choice, *given).out
        assert json.loads(run("plan", *RADIAL, *given, "--json").out)["searched_for"] is None


def test_plan_on_the_flat_grid(run) -> None:
    options = ["--grid", "flat", "--tile-query", "8", "--tile-key", "16", "--round", "nearest:0.3"]
    data = json.loads(run("plan", *RADIAL, *options, "--emit", "json").out)
    assert data["grid"]["kind"] == "flat"
    assert (data["grid"]["query_tile"], data["grid"]["key_tile"]) == (8, 16)
    assert data["rounding"] == "nearest:0.3"
    assert len(data["tables"][0]["rows"]) == 6


def test_order_of_segments(run) -> None:
    options = ["--text", "5", "--order", "text,video", "--emit", "json"]
    segments = json.loads(run("plan", *RADIAL, *options).out)["grid"]["segments"]
    assert [(s["name"], s["first_token"]) for s in segments] == [("text", 0), ("video", 5)]


def test_per_head_values(run) -> None:
    size = ["sparse_videogen", "--frames", "3", "--tokens-per-frame", "4"]
    options = ["--set", "kind=spatial,temporal", "--set", "places=0", "--set", "reach=0"]
    data = json.loads(run("plan", *size, *options, "--round", "exact", "--emit", "json").out)
    assert sorted(data["table_of"]) == [0, 1]
    assert len(data["tables"]) == 2
    assert data["parameters"] == {"kind": ["spatial", "temporal"], "places": 0, "reach": 0}
    fails(run("draw", *size, *options), "head=")
    assert run("draw", *size, *options, "--head", "1").code == 0


def test_tables_and_relations(run, tmp_path: Path) -> None:
    links = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)
    np.save(tmp_path / "links.npy", links)
    np.save(tmp_path / "cuts.npy", np.array([2, 5]))
    size = ["plan", "scene_aware", "--frames", "6", "--tokens-per-frame", "3", "--emit", "json"]
    typed = run(*size, "--table", "cuts=2,5", "--relation", "links=110,110,001")
    read = run(
        *size,
        "--table",
        f"cuts={tmp_path / 'cuts.npy'}",
        "--relation",
        f"links={tmp_path / 'links.npy'}",
    )
    assert typed.code == 0, typed.err
    assert typed.out == read.out
    assert json.loads(typed.out)["parameters"]["cuts"] == [2, 5]


@pytest.mark.parametrize(
    ("stage", "word"),
    [
        ("mask", "mask.pattern"),
        ("schedule", "queries 1x4 from 0"),
        ("llvm", "define "),
        ("asm", "ret"),
    ],
)
@pytest.mark.parametrize("dtype", ["bf16", "fp32"])
def test_compile_prints_each_stage(run, stage: str, word: str, dtype: str) -> None:
    options = ["--target", "cpu", "--dtype", dtype, "--head-dim", "16", "--emit", stage]
    result = run("compile", *RADIAL, "--tile", "1x4", *options)
    assert (result.code, result.err) == (0, "")
    assert word in result.out


@pytest.mark.parametrize("dtype", ["bf16", "fp32"])
def test_bench(run, dtype: str) -> None:
    options = ["--dtype", dtype, "--head-dim", "16", "--heads", "2", "--repeat", "1"]
    result = run("bench", *RADIAL, *options, "--threads", "1", "--json")
    assert (result.code, result.err) == (0, "")
    data = json.loads(result.out)
    assert (data["pattern"], data["tokens"], data["dtype"]) == ("radial", 48, dtype)
    assert data["speedup"] == pytest.approx(data["dense_seconds"] / data["seconds"])
    assert data["seconds"] > 0
    table = run("bench", *RADIAL, *options)
    assert table.code == 0
    assert "times as fast as dense" in table.out


def test_bench_of_an_empty_mask(run, tmp_path: Path) -> None:
    path = tmp_path / "next.mlir"
    path.write_text(NEXT)
    result = run("bench", str(path), "--extent", "token=1", "--head-dim", "16", "--repeat", "1")
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("times as fast as dense; the mask holds no pair\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["check"],
        ["plan", "radial", "--frames", "two"],
        ["plan", "radial", "--grid", "round"],
        ["plan", "radial", "--extent", "token"],
        ["plan", "radial", "--extent", "token=x"],
        ["plan", "radial", "--set", "decay"],
        ["plan", "radial", "--set", "=3"],
        ["plan", "radial", "--table", "cuts=9,x"],
        ["plan", "radial", "--relation", "links=12"],
        ["plan", "causal", "--tokens", "4096"],
        ["plan", "radial", "--frame", "3", "--tokens-per-frame", "4"],
        ["draw", "radial", "--out", "x.png"],
        ["bench", "radial", "--heads", "x"],
        ["plan", "scene_aware", "--set", "cuts="],
        ["plan", "radial", "--emit", "xml"],
        ["compile", "radial", "--emit", "spirv"],
        ["bench", "radial", "--heads", "0"],
        ["check", "radial", "--unknown"],
    ],
)
def test_usage(run, arguments: list[str]) -> None:
    fails(run(*arguments), "--help", code=2)


def test_messages_about_usage(run) -> None:
    fails(run("plan", "causal", "--tokens", "4096"), "--extent tokens=N", code=2)
    fails(run("plan", "causal", "--tokens=4096"), "--extent tokens=N", code=2)
    assert run("plan", "causal", "--extent", "tokens=40").code == 0
    fails(run("plan", "causal", "--wild", "1"), "unrecognized arguments: --wild 1", code=2)
    for value in ("x", "0", "1.5"):
        result = run("bench", *RADIAL, "--heads", value)
        fails(result, f"expects an integer of at least 1, but got '{value}'", code=2)


@pytest.mark.parametrize(
    ("arguments", "place", "message"),
    [
        (["plan", "radial", "--grid", "bx"], "--grid", "box or flat, but got 'bx'; did you mean"),
        (["plan", "radial", "--major", "Key"], "--major", "query or key, but got 'Key'; did you"),
        (["plan", "radial", "--dtype", "bf-16"], "--dtype", "bf16, fp16 or fp32, but got 'bf-16';"),
        (["plan", "radial", "--target", "sm90"], "--target", "'sm90'; did you mean 'sm_90'? (see"),
        (["plan", "radial", "--target", "sm_90a"], "--target", "'sm_90a'; did you mean 'sm_90'?"),
        (["plan", "radial", "--target", "sm_87"], "--target", "sm_120, but got 'sm_87' (see"),
        (["plan", "radial", "--emit", "jsn"], "--emit", "text or json, but got 'jsn'; did you"),
        (["compile", "radial", "--emit", "shedule"], "--emit", "did you mean 'schedule'?"),
        (["compile", "radial", "--recipe", "int4"], "--recipe", "int8 or int8-fp8, but got 'int4'"),
        (["compare", "x", "--qkv", "x", "--layout", "BSH"], "--layout", "did you mean 'BSHD'?"),
        (["compare", "x", "--features", "avx-2"], "--features", "did you mean 'avx2'?"),
        (["fit", "x", "--order", "text"], "--order", "video,text or text,video, but got 'text'"),
        (["completion", "tcsh"], "shell", "expects bash, fish or zsh, but got 'tcsh'"),
        (["cache", "lss"], "ls|clear|path", "ls, clear or path, but got 'lss'; did you mean 'ls'?"),
        (["plann"], "COMMAND", "but got 'plann'; did you mean 'plan'? (see falloff --help)"),
    ],
)
def test_choices(run, arguments: list[str], place: str, message: str) -> None:
    fails(run(*arguments), f": argument {place}: expects ", message, code=2)


def test_every_choice_says_what_it_expects() -> None:
    parsers = [build_parser()]
    for parser in parsers:  # grows meanwhile
        for action in parser._actions:
            if action.choices is not None:
                with pytest.raises(argparse.ArgumentError, match=r"expects .+, but got 'nope'"):
                    parser._check_value(action, "nope")
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
    assert len(parsers) > len(COMMANDS)


def test_help_and_version(run) -> None:
    for command in ([], *([name] for name in COMMANDS)):
        result = run(*command, "--help")
        assert (result.code, result.err) == (0, "")
        assert "usage: falloff" in result.out
    assert "default: schedule" in run("compile", "--help").out
    assert "benchmarks.gpu" in run("bench", "--help").out
    assert run("--version").out == f"falloff {falloff.__version__}\n"


def test_bad_input_is_one_line(run, tmp_path: Path) -> None:
    fails(run("check", "radail"), "'radail'", "did you mean 'radial'?")
    fails(run("check", "none/such.mlir"), "none/such.mlir")
    fails(run("check", str(tmp_path)), str(tmp_path))
    fails(run("plan", "radial"), "frame")
    fails(run("plan", *RADIAL, "--set", "decoy=1"), "decoy", "did you mean 'decay'?")
    fails(run("plan", *RADIAL, "--extent", "rows=3"), "rows")
    fails(run("plan", *RADIAL, "--extent", "frames=3"), "two")
    fails(run("plan", *RADIAL, "--set", "decay=nan"), "finite")
    fails(run("plan", *RADIAL, "--tile", "0x4"), "tile")
    fails(run("plan", *RADIAL, "--tile", "abc"), "abc")
    fails(run("plan", *RADIAL, "--round", "down"), "down")
    fails(run("plan", *RADIAL, "--head-dim", "300"), "300")
    fails(run("draw", *RADIAL, "--output", ""), "ends in .png or .html, but got ''")
    fails(run("bench", *RADIAL, "--recipe", "in8"), "did you mean 'int8'?", code=2)
    size = ["plan", "scene_aware", "--frames", "6", "--tokens-per-frame", "3"]
    fails(run(*size, "--table", "cuts=none.npy", "--relation", "links=1"), "none.npy")
    (tmp_path / "bad.npy").write_bytes(b"not an array")
    fails(run(*size, "--table", f"cuts={tmp_path / 'bad.npy'}"), "bad.npy")
    (tmp_path / "empty.npy").write_bytes(b"")
    fails(run(*size, "--table", f"cuts={tmp_path / 'empty.npy'}"), "empty.npy")
    np.save(tmp_path / "words.npy", np.array(["a"]))
    fails(run(*size, "--table", f"cuts={tmp_path / 'words.npy'}"), "words.npy")


def test_npy_files_that_do_not_fit(run, tmp_path: Path) -> None:
    size = ["plan", "scene_aware", "--frames", "6", "--tokens-per-frame", "3"]
    np.savez(tmp_path / "many.npz", a=np.eye(2))
    np.save(tmp_path / "objects.npy", np.array([{}, None]), allow_pickle=True)
    whole = (tmp_path / "objects.npy").read_bytes()
    for name, data in {
        "junk": b"not an array",
        "empty": b"",
        "zip": (tmp_path / "many.npz").read_bytes(),
        "broken_zip": b"PK\x03\x04junk",
        "pickle": whole,
        "cut": whole[:20],
    }.items():
        path = tmp_path / f"{name}.npy"
        path.write_bytes(data)
        for option in ("--relation", "--table"):
            result = run(*size, option, f"links={path}")
            fails(result)
            assert result.err == (
                f"falloff: expects {path} to hold an array of booleans or numbers, "
                "but cannot read it as .npy\n"
            )
    np.save(tmp_path / "two.npy", np.eye(2))
    np.save(tmp_path / "one.npy", np.ones(2))
    result = run(*size, "--table", f"cuts={tmp_path / 'two.npy'}")
    fails(result, "cuts", "two.npy", "a sorted one-dimensional table", "(2, 2)")
    result = run(*size, "--relation", f"links={tmp_path / 'one.npy'}")
    fails(result, "links", "one.npy", "a square matrix of booleans", "(2,)")


def test_an_empty_table(run) -> None:
    """One scene, as with cuts=[] in Python."""
    size = ["plan", "scene_aware", "--frames", "6", "--tokens-per-frame", "3", "--emit", "json"]
    result = run(*size, "--table", "cuts=", "--relation", "links=1")
    assert (result.code, result.err) == (0, "")
    mask = falloff.load("scene_aware", cuts=[], links=[[True]]).bind(frames=6, tokens_per_frame=3)
    assert result.out == mask.plan().json() + "\n"


@pytest.mark.parametrize("target", TARGETS[1:])
def test_bench_says_what_measures_a_cuda_device(run, target: str) -> None:
    expects = f"falloff bench: argument --target: expects cpu, but got '{target}': "
    kernels = f"falloff compile --target {target} --emit json"
    result = run("bench", *RADIAL, "--target", target)
    fails(result, expects, "bench times kernels of the CPU", "benchmarks.gpu", kernels, code=2)
    fails(run("bench", *RADIAL, "--target", "sm90"), "expects cpu, but got 'sm90' (see", code=2)
    assert "--target {cpu}" in run("bench", "--help").out


def test_bench_of_a_key_major_plan_is_refused_at_once(run) -> None:
    """Before anything is bound: no size is asked for."""
    fails(run("bench", "radial", "--major", "key"), "query-major", "key-major")


def test_the_command_as_a_program() -> None:
    """A real process: no traceback, also where the reader of its output leaves early."""
    command = [sys.executable, "-m", "falloff"]
    bad = subprocess.run([*command, "check", "radail"], capture_output=True, text=True, timeout=60)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert len(bad.stderr.splitlines()) == 1
    plan = [*command, "plan", "radial", "--frames", "40", "--tokens-per-frame", "999"]
    with subprocess.Popen(plan, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_streams_that_are_closed_or_speak_ascii(tmp_path: Path) -> None:
    def shell(line: str, **environment: str) -> tuple[int, str, str]:
        done = subprocess.run(
            ["sh", "-c", f'"$0" -m falloff {line}', sys.executable],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **environment},
        )
        return done.returncode, done.stdout, done.stderr

    closed = (1, "", "falloff: stdout: Bad file descriptor\n")
    for command in ("cache ls", "plan radial --frames 4 --tokens-per-frame 12"):
        assert shell(f"{command} >&-") == closed
    picture = tmp_path / "mask.png"
    command = f"draw radial --frames 4 --tokens-per-frame 12 --output '{picture}' >&-"
    assert shell(command) == (0, "", ""), "nothing was to be printed"
    assert picture.exists()
    assert shell("check radail 2>&-") == (1, "", "")
    code, out, err = shell("fit --help", PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert r"R\xb2" in out


def test_messages_name_the_option_that_was_meant(run) -> None:
    fails(run("draw", "radial", "--frame", "8"), "did you mean '--frames'?", code=2)
    fails(run("draw", *RADIAL, "-o", "x.png"), "did you mean '--output'?", code=2)
    fails(run("check", "radial", "-o", "x.png"), "arguments: -o x.png (see", code=2)
    fails(run("doctor", "--jsn"), "did you mean '--json'?", code=2)
    model = ["radial", "--model", "wan2.1-14b", "--size", "832x480x81"]
    fails(run("check", *model, "--frames", "3"), "--frames 3; drop it", "--size 832x480x81")
    for option in ("--steps", "--layers"):
        words = f"argument {option}: expects an integer of at least 1, but got '0'"
        fails(run("report", *model, option, "0"), words, code=2)


@pytest.mark.parametrize("path", ["e.mlir:b", "none/e.mlir:b"])
def test_a_name_in_a_file_without_its_sign(run, path: str) -> None:
    meant = path.replace(":", ":@")
    fails(run("check", path), f"expects a pattern file at '{path}'", f"did you mean '{meant}'?")


def test_the_head_dimension_is_the_models() -> None:
    def head_dim(*options: str) -> int:
        arguments = build_parser().parse_args(["plan", "radial", *options])
        return int(plan_options(arguments)["head_dim"])

    assert head_dim("--frames", "2", "--tokens-per-frame", "8") == 128
    assert head_dim("--model", "cogvideox-2b", "--size", "720x480x49") == 64
    assert head_dim("--model", "cogvideox-2b", "--size", "720x480x49", "--head-dim", "32") == 32
