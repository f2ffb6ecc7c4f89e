"""The charts of the chapters: same bytes, words beside them, nothing that reaches the page around them."""

from __future__ import annotations

import base64
import io
import math
import re

import numpy as np
import pytest
from drawing import LONGEST_TITLE, curve, photos, scatter
from PIL import Image

from scopekit.show.svg import Picture

LOSS = {"shared": [1.0, 0.5, 0.25], "<b>broken</b>": [1.0, 0.9, 0.8]}
POINTS = [[0.0, 0.0], [4.0, 0.0], [4.0, 2.0]]


@pytest.fixture(params=["curve", "scatter"])
def picture(request: pytest.FixtureRequest) -> Picture:
    return draw(request.param)


def draw(kind: str) -> Picture:
    return curve(LOSS, "The <i>loss</i>", x="step") if kind == "curve" else scatter(POINTS, "abb", "A <i>map</i>")


@pytest.mark.parametrize("kind", ["curve", "scatter"])
def test_the_same_numbers_give_the_same_bytes(kind: str) -> None:
    assert draw(kind).svg == draw(kind).svg


def test_what_is_shown_is_said_in_words(picture: Picture) -> None:
    said = re.search(r"<desc id=[^>]*>(.*?)</desc>", picture.svg)
    assert said
    assert len(said[1]) > len("The loss")
    assert picture.text.splitlines()[0].startswith(("The <i>loss</i>", "A <i>map</i>"))


def test_names_are_escaped(picture: Picture) -> None:
    assert "<i>" not in picture.svg
    assert "<b>" not in picture.svg


def test_styles_stay_inside(picture: Picture) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", picture.svg)
    rules = re.sub(r"@supports\([^{]*\{", "", style)
    assert all(rule.startswith(".drawn") for rule in re.findall(r"([^{}]+)\{", rules))


def test_colours_follow_the_page(picture: Picture) -> None:
    assert "#c0000" not in picture.svg
    assert "light-dark(#1f2328,#e6edf3)" in picture.svg


def test_two_drawings_of_one_page_share_no_id_but_what_is_alike() -> None:
    named = [set(re.findall(r'id="(drawn-[^"]+)"', draw(kind).svg)) for kind in ("curve", "scatter")]
    assert len(named[0]) == len(named[1]) == 2
    assert not named[0] & named[1]


def test_rounding_comes_first() -> None:
    assert curve({"a": [0.1001, 0.2]}, "t", round_to=0.01).svg == curve({"a": [0.1, 0.2004]}, "t", round_to=0.01).svg


@pytest.mark.parametrize("lines", [{}, {"a": []}, {"a": [1.0], "b": [1.0, 2.0]}, {"a": [math.nan]}])
def test_a_curve_refuses(lines: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match=r"places on x|not finite"):
        curve(lines, "t")


@pytest.mark.parametrize(
    ("points", "labels"), [([], ""), (POINTS, "ab"), ([[1.0]], "a"), ([[math.inf, 0.0]], "a"), (POINTS, "a$b")]
)
def test_a_map_refuses(points: list[list[float]], labels: str) -> None:
    with pytest.raises(ValueError, match=r"two numbers and a label|not finite|cannot be a label"):
        scatter(points, labels, "t")


def test_a_photo_holds_the_greys_that_were_given() -> None:
    given = np.arange(12.0).reshape(3, 4)
    shown = photos([given], ["a <b> ramp"])
    assert 'alt="a &lt;b&gt; ramp"' in shown.html and "<b>" not in shown.html
    source = re.search(r"base64,([^\"]+)", shown.html)
    assert source
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(source[1]))))
    assert (image == np.rint(given * 255 / 11)).all()
    assert repr(shown) == "Photos: a <b> ramp (3 x 4)"


def test_a_photo_of_one_grey_is_black() -> None:
    assert photos([np.full((2, 2), 7)], ["seven"]).html == photos([np.zeros((2, 2))], ["seven"]).html


def test_photos_that_cannot_be_shown_say_why() -> None:
    with pytest.raises(ValueError, match="2 images but 1 captions; give each image its own"):
        photos([[[0]], [[1]]], ["one"])
    with pytest.raises(ValueError, match=r"an image of shape \(1, 1, 3\) for 'colour'; expected \(height, width\)"):
        photos([[[[0, 1, 2]]]], ["colour"])


def test_a_title_that_a_phone_would_cut_is_refused() -> None:
    assert curve({"a": [1.0]}, "t" * LONGEST_TITLE).svg
    with pytest.raises(ValueError, match=f"{LONGEST_TITLE + 1} letters; on a phone {LONGEST_TITLE} can be read"):
        curve({"a": [1.0]}, "t" * (LONGEST_TITLE + 1))
