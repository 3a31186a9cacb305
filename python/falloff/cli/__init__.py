# SPDX-License-Identifier: Apache-2.0
"""The command ``falloff``: what it can do with a pattern, from drawing it to running it.

Exit codes: 0 ok, 1 a check failed or input is bad, 2 usage. An error is one line on stderr.
"""

from __future__ import annotations

import argparse
import codecs
import errno
import io
import os
import sys

import falloff
from falloff.cli import (
    bench,
    cache,
    check,
    commands,
    compare,
    compile,
    completion,
    doctor,
    fit,
    report,
    sizes,
    solve,
)
from falloff.cli.commands import Subparsers
from falloff.cli.parsing import Parser


def build_parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(
        prog="falloff", description="Compiles attention masks into kernels."
    )
    parser.add_argument("--version", action="version", version=f"falloff {falloff.__version__}")
    subparsers: Subparsers = parser.add_subparsers(
        metavar="COMMAND", required=True, dest="command", parser_class=Parser
    )
    for add in (
        check.add_check,
        commands.add_draw,
        commands.add_plan,
        compile.add_compile,
        bench.add_bench,
        compare.add_compare,
        fit.add_fit,
        cache.add_cache,
        doctor.add_doctor,
        completion.add_completion,
        report.add_report,
        solve.add_solve,
    ):
        add(subparsers)
    return parser


class _Closed(io.TextIOBase):
    """What stands for a stdout that was closed before the program began: nothing can be written."""

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "stdout")


def _encode(error: UnicodeError) -> tuple[str | bytes, int]:
    """Names of files that are no UTF-8 as the bytes that they are; escapes for everything else."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def _prepare_streams() -> None:
    """Python's own stdout fails at what its encoding lacks, such as the ² of R² in ASCII, and is
    None where the shell closed it; print() writes nothing then, and says nothing of it."""
    if sys.stdout is None:
        sys.stdout = _Closed()
    elif isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        codecs.register_error("falloff", _encode)
        sys.stdout.reconfigure(errors="falloff")
    if sys.stderr is None:  # print() would write errors to stdout
        sys.stderr = io.StringIO()


def _command(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    command: argparse.ArgumentParser = groups[0].choices[name]
    return command


def main(arguments: list[str] | None = None) -> int:
    _prepare_streams()
    parser = build_parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        hint = sizes.hint(unknown, _command(parser, options.command))
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # such as `falloff plan ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except falloff.DeviceError as error:
        return _fail(str(error))
    except MemoryError:
        return _fail("expects more memory than there is")
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _fail(f"{name}{error.strerror or error}")
    except (ValueError, TypeError, IndexError) as error:
        return _fail(str(error), located=isinstance(error, falloff.CompileError) and error.file)
    except Exception as error:
        return _fail(f"internal error: {type(error).__name__}: {error}")


def _fail(message: str, located: str | bool = False) -> int:
    """Prints file:line as compilers do; other messages say who speaks."""
    line = " ".join(message.split())
    print(line if located else f"falloff: {line}", file=sys.stderr)
    return 1
