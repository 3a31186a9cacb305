# SPDX-License-Identifier: Apache-2.0
"""Which steps and layers stay dense."""

from __future__ import annotations

import pickle

import pytest
from falloff import Policy
from falloff.policy import parse_layers


def test_layers_are_a_list() -> None:
    assert parse_layers("0,2-4") == parse_layers([4, 3, 2, 0, 2]) == (0, 2, 3, 4)
    assert parse_layers("") == parse_layers([]) == ()
    assert parse_layers(" 1 , 3 - 3 ") == (1, 3)
    assert parse_layers("5") == (5,)
    assert Policy(dense_layers="0,2-4,9").layers_text == "0,2-4,9"
    assert Policy().layers_text == ""


NO_LISTS = ["a", "0,", "3-1", "1--2", "-1", "0;1", ",", "1.5", "9999999", "\u0663"]


@pytest.mark.parametrize("layers", NO_LISTS)
def test_text_that_is_no_list_of_layers(layers: str) -> None:
    with pytest.raises(ValueError, match="list such as '0,2-4'"):
        parse_layers(layers)


def test_a_number_of_layers_is_refused() -> None:
    """It could be a layer or a count."""
    with pytest.raises(TypeError, match=r"a list such as '0,2-4' or \[0, 2, 3, 4\], but got 2"):
        Policy(dense_layers=2)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="each of dense_layers to be an integer"):
        Policy(dense_layers=[0.5])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="at least 0, but got -1"):
        Policy(dense_layers=[-1])


@pytest.mark.parametrize("layers", [b"01", bytearray(b"01"), memoryview(b"01")])
def test_bytes_are_no_list_of_layers(layers) -> None:
    """They iterate as the numbers of their characters."""
    with pytest.raises(TypeError, match="a list such as '0,2-4'"):
        Policy(dense_layers=layers)


@pytest.mark.parametrize("wrong", ["2", 2.5, True])
def test_steps_and_layers_are_integers(wrong) -> None:
    policy = Policy(dense_steps=1)
    for name, call in (
        ("step", lambda: policy.is_dense_step(wrong)),
        ("step", lambda: policy.is_dense(wrong, 0)),
        ("layer", lambda: policy.is_dense(0, wrong)),
        ("steps", lambda: policy.is_dense(0, 0, wrong)),
        ("steps", lambda: policy.check(steps=wrong)),
        ("layers", lambda: policy.check(layers=wrong)),
        ("steps", lambda: policy.dense_share(wrong, 1)),
        ("layers", lambda: policy.dense_share(1, wrong)),
    ):
        with pytest.raises(TypeError, match=f"expects {name} to be an integer, but got {wrong!r}"):
            call()


def test_steps_are_counts() -> None:
    with pytest.raises(TypeError, match="expects dense_steps to be an integer"):
        Policy(dense_steps="0,1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expects dense_last_steps of at least 0, but got -2"):
        Policy(dense_last_steps=-2)


def test_which_are_dense() -> None:
    policy = Policy(dense_steps=2, dense_layers="0,3", dense_last_steps=1)
    dense = {(s, n) for s in range(6) for n in range(5) if policy.is_dense(s, n, 6)}
    assert dense == {(s, n) for s in range(6) for n in range(5) if s in (0, 1, 5) or n in (0, 3)}
    assert [policy.is_dense_step(s, 6) for s in range(6)] == [True, True, *[False] * 3, True]
    assert policy.dense_share(6, 5) == len(dense) / 30
    assert Policy(dense_steps=2).is_dense(1, 7)
    assert not Policy(dense_steps=2).is_dense(2, 7)
    assert not Policy().is_dense(0, 0)


def test_shares_where_first_and_last_steps_meet() -> None:
    policy = Policy(dense_steps=3, dense_last_steps=2)
    for steps in (3, 4, 5, 6):
        dense = sum(policy.is_dense(s, 0, steps) for s in range(steps))
        assert policy.dense_share(steps, 1) == dense / steps
        assert policy.count_dense_steps(steps) == dense


def test_what_is_not_there() -> None:
    policy = Policy(dense_steps=2, dense_layers="0,3", dense_last_steps=1)
    with pytest.raises(ValueError, match="expects the number of steps"):
        policy.is_dense(3, 1)
    with pytest.raises(ValueError, match="expects a step from 0 to 5, but got 6"):
        policy.is_dense(6, 1, 6)
    with pytest.raises(ValueError, match="expects a step of at least 0, but got -1"):
        policy.is_dense(-1, 1)
    with pytest.raises(ValueError, match="expects a layer of at least 0, but got -1"):
        policy.is_dense(0, -1)
    with pytest.raises(ValueError, match="expects dense_layers from 0 to 2, but got 3"):
        policy.check(layers=3)
    with pytest.raises(ValueError, match="expects dense_steps of at most 1 steps, but got 2"):
        policy.check(steps=1)
    policy.check(steps=2, layers=4)


def test_policies_are_values() -> None:
    policy = Policy(12, "0,1")
    assert policy == Policy(dense_steps=12, dense_layers=[1, 0])
    assert hash(policy) == hash(Policy(12, [0, 1]))
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert policy.as_dict() == {"dense_steps": 12, "dense_last_steps": 0, "dense_layers": "0-1"}
    with pytest.raises(AttributeError):
        policy.dense_steps = 3  # type: ignore[misc]
