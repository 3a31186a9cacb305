# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzz targets of a build with the preset `fuzz`, one after the other.

python scripts/fuzz.py build/fuzz --seconds 600 [--targets PatternFuzzer ...] [--keep]

Each starts from its kept corpus in tests/fuzz/corpus and what earlier runs found in the build
folder; patterns and every case of the tests' pattern files are seeds of PatternFuzzer. The end of
each log is printed; logs and inputs that fail lie in BUILD/fuzz. `--keep` merges what was found
into the kept corpus, as few inputs as reach every edge. Exits 1 if an input fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("PatternFuzzer", "PlanFileFuzzer", "CacheEntryFuzzer")
MAX_BYTES = 4096
SECONDS_PER_INPUT = 20
MEBIBYTES = 3072
# As in cmake/FalloffToolchain.cmake, which says why.
ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_container_overflow=0:allow_user_poisoning=0:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "LSAN_OPTIONS": f"suppressions={ROOT / 'scripts' / 'leaks.supp'}:print_suppressions=0",
}


def write_pattern_seeds(folder: Path) -> None:
    """The library's patterns, and each case of the tests' files as a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted([*ROOT.glob("patterns/*.mlir"), *ROOT.glob("tests/**/*.mlir")]):
        for index, case in enumerate(file.read_text().split("// -----")):
            if 0 < len(case.encode()) <= MAX_BYTES:
                (folder / f"{file.parent.name}-{file.stem}-{index}").write_text(case)


def folders(build: Path, target: str) -> list[Path]:
    """Where inputs lie: what is found is written to the first."""
    found = [build / "fuzz" / target, ROOT / "tests" / "fuzz" / "corpus" / target]
    if target == "PatternFuzzer":
        found.append(build / "fuzz" / "seeds")
        write_pattern_seeds(found[-1])
    for folder in found:
        folder.mkdir(parents=True, exist_ok=True)
    return found


def options(build: Path, target: str) -> list[str]:
    chosen = [
        f"-max_len={MAX_BYTES}",
        f"-timeout={SECONDS_PER_INPUT}",
        f"-rss_limit_mb={MEBIBYTES}",
        f"-artifact_prefix={build}/fuzz/{target}-",
    ]
    if target == "PatternFuzzer":
        chosen.append(f"-dict={ROOT}/tests/fuzz/pattern.dict")
    return chosen


def run(command: list[str], log: Path) -> int:
    with log.open("w") as output:
        environment = os.environ | ENVIRONMENT
        return subprocess.run(command, stdout=output, stderr=output, env=environment).returncode


def fuzz(build: Path, target: str, seconds: int) -> bool:
    """Whether no input failed."""
    program = str(build / "tests" / "fuzz" / target)
    inputs = [str(folder) for folder in folders(build, target)]
    time = [f"-max_total_time={seconds}", "-print_final_stats=1"]
    log = build / "fuzz" / f"{target}.log"
    code = run([program, *options(build, target), *time, *inputs], log)
    lines = log.read_text(errors="replace").splitlines()
    print(f"{target}: {'nothing failed' if code == 0 else f'an input failed, see {log}'}")
    done = [line for line in lines if "\tDONE " in line or line.startswith(("Done ", "stat::"))]
    print("\n".join(f"  {line}" for line in (done if code == 0 else lines[-20:])), flush=True)
    return code == 0


def keep(build: Path, target: str) -> None:
    """Replaces the kept corpus by the fewest inputs that reach what all of them reach."""
    kept = ROOT / "tests" / "fuzz" / "corpus" / target
    merged = build / "fuzz" / f"{target}-merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    inputs = [str(folder) for folder in folders(build, target)]
    program = str(build / "tests" / "fuzz" / target)
    log = build / "fuzz" / f"{target}-merge.log"
    cover = ["-set_cover_merge=1", "-use_counters=0"]
    if run([program, *cover, *options(build, target), str(merged), *inputs], log) != 0:
        sys.exit(f"fuzz: error: cannot merge, see {log}")
    named = {file.name for file in kept.iterdir() if "-" in file.name}  # regressions, kept by name
    for file in [*kept.iterdir()]:
        if file.name not in named:
            file.unlink()
    for file in merged.iterdir():
        shutil.copy(file, kept / file.name)
    print(f"{target}: keeps {sum(1 for _ in kept.iterdir())} inputs")


def main() -> None:
    parser = argparse.ArgumentParser(description="runs the fuzz targets")
    parser.add_argument("build", type=Path)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=TARGETS)
    parser.add_argument("--keep", action="store_true", help="merge what was found into the corpus")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    (build / "fuzz").mkdir(parents=True, exist_ok=True)
    passed = [fuzz(build, target, arguments.seconds) for target in arguments.targets]
    if not all(passed):
        sys.exit(1)
    if arguments.keep:
        for target in arguments.targets:
            keep(build, target)


if __name__ == "__main__":
    main()
