# SPDX-License-Identifier: Apache-2.0
"""Runs what a bundle is for, on a machine with a GPU, and leaves its results in one folder.

python3 run.py [STEP…] [--results FOLDER] [--quick] [--python PYTHON]

build      compiles the Python module
doctor     what Falloff finds here: driver, devices, NVRTC
suite      tests/gpu, but for the sanitizers
sanitizer  tests/gpu/test_sanitizer.py: memcheck, racecheck, synccheck, initcheck
bench      python -m benchmarks.gpu

Without a step: all, in this order. Each step's output goes to FOLDER/STEP.log, exit status and
seconds to FOLDER/summary.json; a step that fails does not keep the next from running, but for
`build`. A suite of which nothing ran has failed. Exits 1 if any failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ROOT = HERE if (HERE / "patterns").is_dir() else HERE.parent.parent  # in a bundle, or in the tree
STEPS = ("build", "doctor", "suite", "sanitizer", "bench")


def commands(step: str, results: Path, quick: bool) -> list[str]:
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={results / step}.xml"]
    golden = [f"--golden={results / 'instructions.json'}"]
    few = ["--cases=20"] if quick else []
    return {
        "build": ["scripts/gpu/build_module.py"],
        "doctor": ["-m", "falloff", "doctor", "--json"],
        "suite": [*pytest, *golden, *few, "tests/gpu", "--ignore=tests/gpu/test_sanitizer.py"],
        "sanitizer": [*pytest, "tests/gpu/test_sanitizer.py"],
        "bench": ["-m", "benchmarks.gpu", f"--output={results}", *(["--quick"] if quick else [])],
    }[step]


def run(step: str, python: str, results: Path, quick: bool) -> dict[str, Any]:
    path = os.pathsep.join([str(ROOT / "python"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {
        "PYTHONPATH": path.rstrip(os.pathsep),
        "PYTHONUNBUFFERED": "1",
        "FALLOFF_CACHE_DIR": str(results / "cache"),
    }
    begin = time.monotonic()
    log = results / f"{step}.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [python, *commands(step, results, quick)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            file.write(line)
        status = process.wait()
    done = {"step": step, "status": status, "seconds": round(time.monotonic() - begin, 1)}
    report = results / f"{step}.xml"
    if report.exists():
        done |= counts_of(report)
        if not done["passed"]:  # all skipped: nothing was shown
            done["status"] = done["status"] or 1
    return done


def counts_of(report: Path) -> dict[str, int]:
    """What pytest's report says of its tests."""
    suite = next(ElementTree.parse(report).iter("testsuite"))
    tests, skipped, failed, errors = (
        int(suite.get(name, "0")) for name in ("tests", "skipped", "failures", "errors")
    )
    passed = tests - skipped - failed - errors
    return {"passed": passed, "failed": failed + errors, "skipped": skipped}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--results", type=Path, default=ROOT / "results", metavar="FOLDER")
    parser.add_argument("--quick", action="store_true", help="few cases, the smallest sizes")
    parser.add_argument("--python", default=sys.executable, help="which Python (default: this)")
    options = parser.parse_args()
    unknown = set(options.steps) - set(STEPS)
    if unknown:
        parser.error(f"expects steps of {', '.join(STEPS)}, but got {', '.join(sorted(unknown))}")
    results = options.results.resolve()
    results.mkdir(parents=True, exist_ok=True)
    commit = ROOT / "COMMIT"
    summary = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017
        "commit": commit.read_text().strip() if commit.exists() else "",
        "steps": (done := []),
    }
    for step in options.steps or STEPS:
        print(f"run: {step}", flush=True)
        done.append(run(step, options.python, results, options.quick))
        print(f"run: {step}: exit status {done[-1]['status']}, {done[-1]['seconds']} s", flush=True)
        (results / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        if step == "build" and done[-1]["status"]:
            break
    return 1 if any(one["status"] for one in done) else 0


if __name__ == "__main__":
    sys.exit(main())
