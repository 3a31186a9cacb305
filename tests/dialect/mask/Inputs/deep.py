# SPDX-License-Identifier: Apache-2.0
"""Writes a pattern with an expression of many levels: deep.py nested|chain|attribute LEVELS."""

import sys


def main() -> None:
    """The text goes to standard output."""
    kind, levels = sys.argv[1], int(sys.argv[2])
    if kind == "attribute":
        nest = "floor(" * levels + "1" + ")" * levels
        print("module attributes {mask.test = #mask.expr<" + nest + ">} {}")
        return
    if kind == "nested":
        expression = "floor(" * levels + "1" + ")" * levels
    else:
        expression = "1" + " + 1" * levels
    print("mask.pattern @deep over (%token: ?) {")
    print(f"  %n = let {expression}")
    print("  %near = within %n of %token\n  keep %near\n}")


if __name__ == "__main__":
    main()
