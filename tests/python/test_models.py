# SPDX-License-Identifier: Apache-2.0
"""Model presets: tokens of sizes in pixels, and patterns bound with them."""

from __future__ import annotations

import falloff
import numpy as np
import pytest
from falloff import models

import definitions

# Workloads of radial attention's paper and users: frames, rows and columns of tokens, text, and
# TFLOPs of dense attention in one layer, worked out by hand from the models' configurations.
WORKLOADS = [
    ("wan2.1-14b", "832x480x81", (21, 30, 52), 0, 22.0),
    ("wan2.1-14b", "1280x720x81", (21, 45, 80), 0, 117),
    ("wan2.1-14b", "1280x768x69", (18, 48, 80), 0, 97.8),
    ("wan2.1-14b", "1280x720x161", (41, 45, 80), 0, 446),
    ("wan2.1-14b", "1280x720x321", (81, 45, 80), 0, 1741),
    ("wan2.1-1.3b", "640x480x241", (61, 30, 40), 0, 32.9),
    ("wan2.2-a14b", "1280x768x77", (20, 48, 80), 0, 121),
    ("wan2.2-5b", "1280x704x121", (31, 22, 40), 0, 9.1),
    ("hunyuanvideo", "1280x720x129", (33, 45, 80), 256, None),
    ("hunyuanvideo", "1280x720x509", (128, 45, 80), 256, 2612),
    ("mochi-1", "848x480x163", (28, 30, 53), 256, 24.6),
    ("cogvideox-2b", "720x480x49", (13, 30, 45), 226, 2.4),
    ("cogvideox-5b", "720x480x49", (13, 30, 45), 226, 3.9),
    ("cogvideox1.5-5b", "1360x768x81", (11, 48, 85), 226, None),
]


@pytest.mark.parametrize(("name", "size", "latent", "text", "teraflops"), WORKLOADS)
def test_tokens_of_the_models_own_sizes(name, size, latent, text, teraflops) -> None:
    model = models.get(name)
    assert model.latent(size) == latent
    assert model.text == text
    assert model.tokens(size) == np.prod(latent) + text
    assert model.tokens(size, text=0) == np.prod(latent)
    if teraflops is not None:
        flops = model.attention_flops(float(model.tokens(size)) ** 2)
        assert flops / 1e12 == pytest.approx(teraflops, rel=0.02)


@pytest.mark.parametrize(
    ("name", "heads", "head_dim", "layers"),
    [
        ("wan2.1-1.3b", 12, 128, 30),
        ("wan2.1-14b", 40, 128, 40),
        ("wan2.2-a14b", 40, 128, 40),
        ("wan2.2-5b", 24, 128, 30),
        ("hunyuanvideo", 24, 128, 60),
        ("mochi-1", 24, 128, 48),
        ("cogvideox-2b", 30, 64, 30),
        ("cogvideox-5b", 48, 64, 42),
        ("cogvideox1.5-5b", 48, 64, 42),
    ],
)
def test_heads_and_layers(name: str, heads: int, head_dim: int, layers: int) -> None:
    model = models.get(name.upper())
    assert (model.name, model.heads, model.head_dim, model.layers) == (
        name,
        heads,
        head_dim,
        layers,
    )
    assert name in models.names()


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("wan2.1-1.3b", 1.4),
        ("wan2.1-14b", 14),
        ("wan2.2-5b", 5),
        ("cogvideox-2b", 1.7),
        ("cogvideox-5b", 5.6),
    ],
)
def test_the_matrices_of_a_layer_make_up_the_model(name: str, billions: float) -> None:
    """A token is multiplied with each weight of a layer once, so FLOPs tell of the weights; those
    outside of the matrices counted (modulation above all) are up to half as many again."""
    model = models.get(name)
    per_token = (model.other_flops(2_000_000, 0) - model.other_flops(1_000_000, 0)) / 1e6
    attention = 4.0 * model.cross_text * model.width
    weights = (per_token - attention) / 2
    if model.cross_text:
        weights += 2 * model.width**2  # keys and values of the text
    assert 0.6 * billions < weights * model.layers / 1e9 < 1.05 * billions


def test_sizes_as_numbers() -> None:
    model = models.get("wan2.1-14b")
    assert model.latent((832, 480, 81)) == model.latent("832X480*81") == (21, 30, 52)
    assert models.get(model) is model
    assert model.latent("16x32x1") == (1, 2, 1)


@pytest.mark.parametrize(
    ("name", "size", "nearest"),
    [
        ("wan2.1-14b", "830x480x81", ["816x480x81", "832x480x81"]),
        ("wan2.1-14b", "832x470x81", ["832x464x81", "832x480x81"]),
        ("wan2.1-14b", "832x480x80", ["832x480x77", "832x480x81"]),
        ("wan2.1-14b", "840x470x3", ["832x464x1", "848x480x5"]),
        ("wan2.1-14b", "1x1x2", ["16x16x5"]),
        ("wan2.2-5b", "1280x720x121", ["1280x704x121", "1280x736x121"]),
        ("hunyuanvideo", "1280x720x128", ["1280x720x125", "1280x720x129"]),
        ("mochi-1", "848x480x81", ["848x480x79", "848x480x85"]),
        ("cogvideox-5b", "720x480x48", ["720x480x45", "720x480x49"]),
    ],
)
def test_sizes_that_a_model_cannot_make(name: str, size: str, nearest: list[str]) -> None:
    model = models.get(name)
    works = f"{' and '.join(nearest)} work{'s' if len(nearest) == 1 else ''}"
    with pytest.raises(ValueError, match=f"but got {size}; {works}$") as caught:
        model.latent(size)
    assert name in str(caught.value)
    for other in nearest:
        model.latent(other)


@pytest.mark.parametrize(
    "size", ["832x480", "832x480x81x2", "", "axbxc", "-832x480x81", "832 x 480 x 81", (832, 480), 5]
)
def test_sizes_that_are_none(size) -> None:
    with pytest.raises(ValueError, match="expects a size as"):
        models.parse_size(size)


def test_bad_numbers_in_sizes() -> None:
    with pytest.raises(ValueError, match="expects a width from 1"):
        models.parse_size("0x480x81")
    with pytest.raises(ValueError, match="expects a number of frames from 1"):
        models.parse_size((832, 480, 2**31))
    with pytest.raises(TypeError, match=r"expects width to be an integer, but got 832\.5"):
        models.parse_size((832.5, 480, 81))  # type: ignore[arg-type]


def test_unknown_models() -> None:
    with pytest.raises(ValueError, match=r"got 'wan2\.1-14'; did you mean 'wan2\.1-14b'\?"):
        models.get("wan2.1-14")
    with pytest.raises(ValueError, match="did you mean 'mochi-1'"):
        models.get("mochi")
    with pytest.raises(ValueError, match="there are cogvideox-2b, "):
        models.get("sora")
    with pytest.raises(TypeError, match="expects model to be a string"):
        models.get(3)  # type: ignore[arg-type]


# 3 frames of 2 x 3 tokens.
SMALL = {"wan2.1-14b": "48x32x9", "hunyuanvideo": "48x32x9", "cogvideox-2b": "48x32x9"}


@pytest.mark.parametrize(
    ("name", "text", "text_first"),
    [("wan2.1-14b", 0, False), ("hunyuanvideo", 256, False), ("cogvideox-2b", 226, True)],
)
def test_binding_puts_the_text_where_the_model_has_it(name, text, text_first) -> None:
    mask = models.bind(falloff.load("radial", decay=0.5), name, SMALL[name])
    expected = definitions.radial(3, 6, text, decay=0.5, text_first=text_first)
    np.testing.assert_array_equal(mask.to_dense(), expected)
    rows = models.bind(falloff.load("radial_2d", decay=0.5), name, SMALL[name])
    assert rows.tokens == 18 + text


def test_binding_with_other_text_and_order() -> None:
    pattern = falloff.load("radial")
    mask = models.bind(pattern, "cogvideox-2b", "48x32x9", text=5, order=["video", "text"], decay=2)
    np.testing.assert_array_equal(mask.to_dense(), definitions.radial(3, 6, 5, decay=2))
    assert mask.parameters["decay"] == 2
    alone = models.bind(pattern, "hunyuanvideo", "48x32x9", text=0)
    assert alone.tokens == 18
    appended = models.bind(pattern, "wan2.1-14b", "48x32x9", text=4)
    np.testing.assert_array_equal(appended.to_dense(), definitions.radial(3, 6, 4))


def test_binding_patterns_of_every_domain() -> None:
    cog = models.bind(falloff.load("cogvideox"), "cogvideox-5b", "720x480x49")
    assert cog.tokens == 17776
    causal = models.bind(falloff.load("causal"), "hunyuanvideo", "48x32x9")
    assert causal.tokens == 18 + 256
    vace = models.bind(falloff.load("vace"), "wan2.1-14b", "48x32x9", picture=2, spot=6)
    assert vace.tokens == 12 + 18
    assert models.bind(falloff.load("neighborhood"), "wan2.1-14b", "144x144x17").tokens == 5 * 81


def test_binding_refuses_what_does_not_fit(tmp_path) -> None:
    video = falloff.load("neighborhood")
    message = "has 256 tokens of text in its self-attention, but @neighborhood has none"
    with pytest.raises(ValueError, match=message):
        models.bind(video, "hunyuanvideo", "144x144x17")
    assert models.bind(video, "hunyuanvideo", "144x144x17", text=0).tokens == 5 * 81
    with pytest.raises(TypeError, match=r"expects pattern to be a falloff\.Pattern, but got 3"):
        models.bind(3, "hunyuanvideo", "144x144x17")
    path = tmp_path / "grid.mlir"
    path.write_text(
        "mask.pattern @grid over picture(%row: ?, %column: ?) {\n"
        "  %a = within 1 of %row\n  keep %a\n}\n"
    )
    with pytest.raises(ValueError, match=r"@grid is over picture\(row, column\)"):
        models.bind(falloff.load(path), "wan2.1-14b", "48x32x9")
    with pytest.raises(ValueError, match="expects frames from the size in pixels"):
        models.bind(falloff.load("radial"), "wan2.1-14b", "48x32x9", frames=3)
    with pytest.raises(ValueError, match=r"each of the 40 heads of wan2\.1-14b, but got 2"):
        models.bind(
            falloff.load("sparse_videogen", kind=["spatial", "temporal"]), "wan2.1-14b", "48x32x9"
        )
    with pytest.raises(falloff.CompileError, match="decoy"):
        models.bind(falloff.load("radial"), "wan2.1-14b", "48x32x9", decoy=3)
