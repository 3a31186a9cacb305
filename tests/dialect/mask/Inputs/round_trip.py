# SPDX-License-Identifier: Apache-2.0
"""Prints each pattern of a folder, reads it back and compares: round_trip.py FALLOFF_OPT FOLDER."""

import subprocess
import sys
from pathlib import Path


def run(tool: str, text: str, *options: str) -> str:
    """What the tool prints for a text; its messages go where ours go."""
    done = subprocess.run(
        [tool, *options], input=text, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def main() -> None:
    """Fails with the name of the first file that does not survive."""
    tool, folder = sys.argv[1:]
    files = sorted(Path(folder).glob("*.mlir"))
    if len(files) < 15:
        sys.exit(f"expects at least 15 patterns in {folder}, but got {len(files)}")
    for file in files:
        pretty = run(tool, file.read_text())
        if run(tool, pretty) != pretty:
            sys.exit(f"{file}: printing and reading back changes the pattern")
        generic = run(tool, pretty, "--mlir-print-op-generic", "--mlir-print-debuginfo")
        if run(tool, generic) != pretty:
            sys.exit(f"{file}: the generic form changes the pattern")


if __name__ == "__main__":
    main()
