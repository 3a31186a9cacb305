# SPDX-License-Identifier: Apache-2.0
"""report: what a pattern keeps at a size, what plans of it compute, and what that gains."""

from __future__ import annotations

import argparse
from typing import Any

from falloff import analysis, models
from falloff._progress import Progress
from falloff.cli import commands, sizes
from falloff.cli.commands import Subparsers
from falloff.cli.parsing import at_least, share
from falloff.policy import Policy


def add_report(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "report",
        help="density, FLOPs, memory and predicted gains of a pattern at a size",
        description="Reports what a pattern keeps at a size, by distance of frames and by "
        "rounding, and what that gains over dense attention.",
    )
    sizes.add_pattern(parser)
    sizes.add_sizes(parser)
    add_policy(parser)
    commands.add_plan_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=report)


def add_policy(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("policy")
    group.add_argument("--steps", type=at_least(1), metavar="N", help="denoising steps")
    group.add_argument(
        "--dense-steps", type=at_least(0), default=0, metavar="N", help="first so many"
    )
    group.add_argument("--dense-last-steps", type=at_least(0), default=0, metavar="N")
    group.add_argument("--dense-layers", default="", metavar="0,2-4", help="a list, never a count")
    group.add_argument("--layers", type=at_least(1), metavar="N", help="default: the model's")
    group.add_argument(
        "--attention-share",
        type=share,
        metavar="S",
        help="of a dense step's time, from 0 to 1 (default: of its FLOPs, by the model)",
    )


def report(arguments: argparse.Namespace) -> int:
    policy = Policy(arguments.dense_steps, arguments.dense_layers, arguments.dense_last_steps)
    model = None if arguments.model is None else models.get(arguments.model)
    _check_policy(arguments)
    options: dict[str, Any] = commands.plan_options(arguments)
    mask = sizes.bind(arguments)
    with Progress(1.0, after=1.0) as progress:
        made = analysis.report(
            mask,
            model=model,
            policy=policy,
            steps=arguments.steps,
            layers=arguments.layers,
            attention_share=arguments.attention_share,
            step=progress.step,
            **options,
        )
    print(made.json() if arguments.json else made)
    return 0


def _check_policy(arguments: argparse.Namespace) -> None:
    """Says what is missing by the names of options."""
    for option in ("dense_steps", "dense_last_steps"):
        count = getattr(arguments, option)
        if count and arguments.steps is None:
            name = option.replace("_", "-")
            raise ValueError(
                f"expects --steps, the number of steps, with --{name} {count}, but got none"
            )
    if arguments.dense_layers and arguments.layers is None and arguments.model is None:
        raise ValueError(
            f"expects --layers or --model with --dense-layers {arguments.dense_layers}, but "
            "got neither"
        )
