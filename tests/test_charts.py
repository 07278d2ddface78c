"""Charts of results can be read: no text over other text, no fractions of epochs."""

from __future__ import annotations

import io

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs soundalike[plots]")

from matplotlib.image import imread

from soundalike.show.charts import (
    DARK,
    LIGHT,
    Bar,
    Curve,
    draw_intervals,
    draw_lines,
    picture,
)
from soundalike.show.drawing import blank_figure, to_png


@pytest.mark.parametrize("height_in", [1.4, 3.0, 7.0])
def test_the_legend_lies_clear_of_the_axis(height_in: float) -> None:
    figure = blank_figure(5.6, height_in, 100)
    axes = figure.subplots()
    bars = [Bar("noise", 0.1, 0.0, 0.2, model) for model in ("one@1", "another@1")]
    draw_intervals(axes, bars, LIGHT, x_label="accuracy lost, points")
    figure.canvas.draw()
    (legend,) = figure.legends
    assert not legend.get_window_extent().overlaps(axes.get_tightbbox())
    assert [text.get_text() for text in legend.get_texts()] == ["one@1", "another@1"]


def test_one_series_needs_no_legend() -> None:
    figure = blank_figure(5.6, 2.0, 100)
    draw_intervals(figure.subplots(), [Bar("rnn", 0.5, 0.4, 0.6)], LIGHT, x_label="right, %")
    assert figure.legends == []


def test_epochs_have_no_fractions() -> None:
    axes = blank_figure(4.8, 3.4, 100).subplots()
    draw_lines(axes, [Curve("training", [1, 2], [2.3, 1.9])], x_label="epoch", y_label="loss")
    assert all(tick == round(tick) for tick in axes.get_xticks())


def test_a_picture_has_the_ground_of_its_page() -> None:
    drawn = picture(lambda figure, theme: figure.text(0.5, 0.5, "x"), "an x", width_in=2)
    assert drawn.width_px == 192
    for content, theme in ((drawn.light, LIGHT), (drawn.dark, DARK)):
        corner = np.round(255 * imread(io.BytesIO(content), format="png")[0, 0, :3])
        expected = [int(theme.ground[start : start + 2], 16) for start in (1, 3, 5)]
        np.testing.assert_allclose(corner, expected, atol=3)


def test_a_png_is_the_same_again_and_tells_nothing_of_its_maker() -> None:
    first, second = (to_png(blank_figure(2, 2, 100)) for _ in range(2))
    assert first == second
    assert b"matplotlib" not in first
