# SPDX-License-Identifier: Apache-2.0
"""How much faster a run becomes when some of its attention does: Amdahl's law, twice."""

from __future__ import annotations

from numbers import Real

from falloff._values import one_line
from falloff.models import Model


def run_gain(gain: float, dense_share: float) -> float:
    """Gain of attention over all steps and layers, where a share of them stays dense and the
    others gain so much."""
    _check_share("dense_share", dense_share)
    _check_gain(gain)
    return 1.0 / (dense_share + (1.0 - dense_share) / gain)


def end_to_end_gain(gain: float, attention_share: float) -> float:
    """Gain of a whole step where attention, so large a share of it when dense, gains so much."""
    _check_share("attention_share", attention_share)
    _check_gain(gain)
    return 1.0 / (1.0 - attention_share + attention_share / gain)


def attention_share(model: Model, video: int, text: int) -> float:
    """Share of self-attention in the FLOPs of a dense layer, of so many tokens of each kind.

    Of FLOPs, not of time: kernels for matrices mostly reach a higher rate than those for attention,
    so that the share of time is a little larger. Text encoders and VAEs are not counted.
    """
    attention = model.attention_flops(float(video + text) ** 2)
    return attention / (attention + model.other_flops(video, text))


def _check_share(name: str, share: float) -> None:
    if not isinstance(share, Real) or isinstance(share, bool):
        raise TypeError(f"expects {name} to be a number, but got {one_line(share)}")
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"expects {name} from 0 to 1, but got {share}")


def _check_gain(gain: float) -> None:
    if not gain > 0.0:
        raise ValueError(f"expects a gain above 0, but got {gain}")
