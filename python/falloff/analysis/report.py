# SPDX-License-Identifier: Apache-2.0
"""The report on a mask: what it keeps, what plans of it compute, and what that gains."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from falloff import models
from falloff._mask import Mask
from falloff._plan import Plan
from falloff._values import JsonValue, one_line, to_size
from falloff.analysis import gain as gains
from falloff.analysis.bands import Band, bands, video_segment
from falloff.analysis.steps import Step, silent
from falloff.analysis.text import report_text
from falloff.models import Model
from falloff.policy import Policy

FLEX_BLOCK = 128
"""Tokens a block of FlexAttention's block masks, by default."""

_BANDS_SHARE = 0.2  # of the time of a report

# Patterns whose pairs of the video are those of Eq. 4 or fewer, and those of its family that are
# not.
_EQUATION_4 = ("radial", "scene_aware", "vace")
_RELATIVES = {
    "radial_2d": "its windows are not those of Eq. 4",
    "radial_reference": "its windows are not those of Eq. 4",
}


@dataclass(frozen=True)
class Rounding:
    """A plan of a rounding, as shares of all pairs (queries x keys)."""

    name: str
    computed: float
    issued: float
    lost: float
    pairs_computed: float
    pairs_issued: float
    pairs_lost: float
    plan_bytes: int

    @classmethod
    def of(cls, plan: Plan, pairs: int) -> Rounding:
        return cls(
            name=plan._impl.rounding,
            computed=plan.pairs_computed / pairs,
            issued=plan.pairs_issued / pairs,
            lost=plan.pairs_lost / plan.pairs_in_mask if plan.pairs_in_mask else 0.0,
            pairs_computed=plan.pairs_computed,
            pairs_issued=plan.pairs_issued,
            pairs_lost=plan.pairs_lost,
            plan_bytes=plan._impl.bytes,
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "rounding": self.name,
            "density_computed": self.computed,
            "density_issued": self.issued,
            "pairs_computed": self.pairs_computed,
            "pairs_issued": self.pairs_issued,
            "pairs_lost": self.pairs_lost,
            "share_lost": self.lost,
            "plan_bytes": self.plan_bytes,
        }


@dataclass(frozen=True)
class Flops:
    """FLOPs of attention in one layer (of one head where no model is given), a multiply-add being
    two: dense, over the mask's pairs, over those computed, over those of all tiles issued."""

    heads: int
    head_dim: int
    dense: float
    mask: float
    computed: float
    issued: float


@dataclass(frozen=True)
class Bound:
    """The bound of Li et al. 2025 (arXiv 2506.19852, section 4.2) on the pairs of Eq. 4 for n
    tokens of video, s a frame: 4 s n (log2 n - log2 s).

    ``pairs`` is None, and ``reason`` says why, where the mask is not held by it. ``video_pairs``
    are the mask's own pairs among the video's tokens.
    """

    pairs: float | None
    video_pairs: float
    video_tokens: int
    reason: str = ""


@dataclass(frozen=True)
class Gain:
    """Predicted gains over dense attention by the same kernels.

    ``layer`` is that of a sparse layer's attention: all pairs over the pairs issued. ``run`` is
    that of attention over all steps and layers, of which ``dense_share`` stays dense, and ``limit``
    what it would be if sparse attention took no time (None: no limit). ``end_to_end`` counts what
    is not attention, whose share of a dense step is 1 - ``attention_share``; None where that is not
    known.
    """

    layer: float
    dense_share: float
    run: float
    limit: float | None
    attention_share: float | None
    end_to_end: float | None


@dataclass(frozen=True)
class Report:
    """What ``report`` found. ``print`` it, or take ``as_dict`` or ``json``."""

    mask: Mask
    segments: list[dict[str, Any]]
    model: Model | None
    policy: Policy
    steps: int | None
    layers: int | None
    rounding: str
    roundings: list[Rounding]
    bands: list[Band] | None
    others: dict[str, float] | None
    flops: Flops
    bound: Bound | None
    gain: Gain | None
    memory: dict[str, int]

    @property
    def chosen(self) -> Rounding:
        """The plan that gains are predicted for."""
        return next(each for each in self.roundings if each.name == self.rounding)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain data: densities are shares of all pairs, sparsity is 1 - density."""
        mask, density = self.mask, self.mask.density
        tokens = mask.tokens
        data: dict[str, Any] = {
            "pattern": mask.name,
            "parameters": mask.parameters,
            "tokens": tokens,
            "segments": self.segments,
            "model": _model(self.model),
            "pairs": density * tokens**2,
            "density": density,
            "sparsity": 1.0 - density,
            "bands": None if self.bands is None else [band.as_dict() for band in self.bands],
            "outside_bands": self.others,
            "roundings": [each.as_dict() for each in self.roundings],
            "rounding": self.rounding,
            "flops": vars(self.flops).copy(),
            "bound": None if self.bound is None else vars(self.bound).copy(),
            "policy": {**self.policy.as_dict(), "steps": self.steps, "layers": self.layers},
            "gain": None if self.gain is None else vars(self.gain).copy(),
            "memory": self.memory,
        }
        return data

    def json(self) -> str:
        return json.dumps(self.as_dict(), indent=1)

    def __str__(self) -> str:
        return report_text(self)


def report(
    mask: Mask,
    *,
    model: str | Model | None = None,
    policy: Policy | None = None,
    steps: int | None = None,
    layers: int | None = None,
    attention_share: float | None = None,
    rounding: str = "nearest",
    step: Step = silent,
    **plan_options: Any,
) -> Report:
    """What a mask keeps, what plans of it compute under each rounding, and what that gains.

    ``model`` gives heads, head dimension and layers, and the share of attention in a step, from the
    FLOPs of its matrices; ``attention_share`` replaces it, such as by a share of time that was
    measured. ``policy`` needs ``steps`` where steps are dense, and ``layers``, or a model, where
    layers are. ``rounding`` and ``plan_options`` are those of ``Mask.plan``; gains are predicted
    for the plan they make; their ``head_dim`` is the model's where there is one. ``step`` is
    entered around each part of the work, with its name and share.

    Raises TypeError and ValueError where the policy, or another argument, does not fit,
    CompileError where no such plan can be made.
    """
    if (mask.queries, mask.keys) != ((0, mask.tokens), (0, mask.tokens)):
        raise ValueError("expects a whole mask to report on, but got a slice")
    if mask.tokens == 0:
        raise ValueError("expects a mask of at least 1 token to report on, but got 0")
    model = None if model is None else models.get(model)
    policy = _policy(policy)
    layers = model.layers if layers is None and model is not None else layers
    steps = None if steps is None else to_size("steps", steps)
    layers = None if layers is None else to_size("layers", layers)
    dense_share = _dense_share(policy, steps, layers)
    head_dim = _head_dim(plan_options.pop("head_dim", None), model)
    plans = _plans(mask, rounding, {**plan_options, "head_dim": head_dim}, step)
    chosen = next(iter(plans.values()))
    area = mask.tokens**2
    with step("pairs by distance", _BANDS_SHARE):
        found = bands(mask, plans)
    roundings = sorted(
        (Rounding.of(plan, area) for plan in plans.values()), key=lambda each: each.name
    )
    name = chosen._impl.rounding
    share = attention_share
    if share is None and model is not None:
        video, text = _tokens(chosen, model)
        share = gains.attention_share(model, video, text)
    heads = 1 if model is None else model.heads
    each = 4.0 * heads * head_dim
    return Report(
        mask=mask,
        segments=[
            {"name": segment.name, "axes": segment.axes, "extents": segment.extents}
            for segment in chosen._impl.grid.segments
        ],
        model=model,
        policy=policy,
        steps=steps,
        layers=layers,
        rounding=name,
        roundings=roundings,
        bands=found,
        others=_others(mask, plans, found),
        flops=Flops(
            heads=heads,
            head_dim=head_dim,
            dense=each * area,
            mask=each * mask.density * area,
            computed=each * chosen.pairs_computed,
            issued=each * chosen.pairs_issued,
        ),
        bound=_bound(mask, chosen, found),
        gain=_gain(area, chosen.pairs_issued, dense_share, share),
        memory={
            "plan_bytes": chosen._impl.bytes,
            "boolean_mask_bytes": area,
            "flex_block_mask_bytes": flex_block_mask_bytes(mask.tokens),
        },
    )


def flex_block_mask_bytes(tokens: int, block: int = FLEX_BLOCK) -> int:
    """Bytes of FlexAttention's BlockMask for one head and batch entry: for full and for partial
    blocks, by rows and by columns, an int32 count a row and an index for every block there is."""
    blocks = -(-tokens // block)
    return 4 * 4 * (blocks + blocks**2)


def _policy(policy: Policy | None) -> Policy:
    if policy is not None and not isinstance(policy, Policy):
        raise TypeError(f"expects policy to be a falloff.Policy, but got {one_line(policy)}")
    return Policy() if policy is None else policy


def _head_dim(given: int | None, model: Model | None) -> int:
    """Every figure is of the model's own heads, so another dimension contradicts it."""
    if model is None:
        return 128 if given is None else to_size("head_dim", given)
    if given is not None and to_size("head_dim", given) != model.head_dim:
        raise ValueError(
            f"expects a head dimension of {model.head_dim}, which is that of {model.name}, "
            f"but got {given}; leave it out"
        )
    return model.head_dim


def _plans(mask: Mask, rounding: str, options: dict[str, Any], step: Step) -> dict[str, Plan]:
    """Plans by the name of their rounding, the chosen one first."""
    plans: dict[str, Plan] = {}
    names = (rounding, "exact", "outward", "nearest")
    for each in names:
        with step(f"plan, {each}", (1.0 - _BANDS_SHARE) / len(names)):
            plan = mask.plan(rounding=each, **options)
        plans.setdefault(plan._impl.rounding, plan)
    return plans


def _tokens(plan: Plan, model: Model) -> tuple[int, int]:
    """Tokens of the video (all that is no text) and of text; of a model's size where a pattern over
    tokens alone does not tell them apart."""
    segments = plan._impl.grid.segments
    text = sum(segment.extents[0] for segment in segments if segment.axes == ["token"])
    if len(segments) == 1 and text:
        text = min(model.text, text)
    return plan.tokens - text, text


def _dense_share(policy: Policy, steps: int | None, layers: int | None) -> float:
    for name in ("dense_steps", "dense_last_steps"):
        if steps is None and getattr(policy, name):
            raise ValueError(
                f"expects steps, the number of steps, with {name} {getattr(policy, name)}, "
                "but got none"
            )
    if layers is None and policy.dense_layers:
        raise ValueError(
            "expects a model or layers, the number of layers, with dense_layers "
            f"{policy.layers_text}, but got neither"
        )
    return policy.dense_share(1 if steps is None else steps, 1 if layers is None else layers)


def _gain(area: int, issued: float, dense_share: float, share: float | None) -> Gain | None:
    if issued == 0:
        return None
    layer = area / issued
    run = gains.run_gain(layer, dense_share)
    return Gain(
        layer=layer,
        dense_share=dense_share,
        run=run,
        limit=1.0 / dense_share if dense_share else None,
        attention_share=share,
        end_to_end=None if share is None else gains.end_to_end_gain(run, share),
    )


def _others(
    mask: Mask, plans: dict[str, Plan], found: list[Band] | None
) -> dict[str, float] | None:
    """Pairs with an end outside of the video; None where there are none or no bands."""
    if found is None:
        return None
    area = mask.tokens**2 - sum(band.tokens for band in found)
    if area == 0:
        return None
    pairs = next(iter(plans.values())).pairs_in_mask - sum(band.pairs for band in found)
    return {"tokens": float(area), "pairs": pairs, "density": pairs / area}


def _bound(mask: Mask, plan: Plan, found: list[Band] | None) -> Bound | None:
    segment = video_segment(plan)
    if found is None or segment is None or mask.name not in (*_EQUATION_4, *_RELATIVES):
        return None
    extents = plan._impl.grid.segments[segment].extents
    frames, video = extents[0], math.prod(extents)
    pairs = sum(band.pairs for band in found)
    reason = _RELATIVES.get(mask.name, "") or _unbound(mask.parameters, frames)
    bound = None if reason else 4.0 * (video // frames) * video * math.log2(frames)
    return Bound(pairs=bound, video_pairs=pairs, video_tokens=video, reason=reason)


def _unbound(parameters: dict[str, JsonValue], frames: int) -> str:
    """Why Eq. 4's bound does not hold a mask of its pattern; empty where it does."""
    for name in ("decay", "sinks"):
        value = parameters.get(name, 1)
        if isinstance(value, float | int) and value > 1:
            return f"it is for {name} up to 1"
    return "" if frames > 1 else "it is for 2 frames and more"


def _model(model: Model | None) -> dict[str, Any] | None:
    if model is None:
        return None
    return {
        "name": model.name,
        "heads": model.heads,
        "head_dim": model.head_dim,
        "layers": model.layers,
        "text": model.text,
        "text_first": model.text_first,
    }
