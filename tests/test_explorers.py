"""Interactive parts at their corners and at random settings: none fails or warns, all draw ten pictures a second."""

import inspect
import itertools
import pkgutil
import random
import statistics
import time

import ipywidgets
import pytest
import test_conditional_widgets
import test_density_widgets
import test_dimension_widgets
import test_gaussian_widgets
import test_pca_widgets
import test_prior_widgets
import test_widgets
from explorers import move, pixels

import lecture_lib
from lecture_lib import frames

EXPLORERS = {
    "latent_explorer": test_widgets.explorer,
    "gap_explorer": test_gaussian_widgets.gap_explorer,
    "divergence_explorer": test_gaussian_widgets.explorer,
    "dimension_explorer": test_dimension_widgets.explorer,
    "components_explorer": test_pca_widgets.explorer,
    "density_explorer": test_density_widgets.explorer,
    "digit_explorer": test_conditional_widgets.explorer,
    "prior_explorer": test_prior_widgets.explorer,
}
AT_RANDOM = 50


def draws(control, chance: random.Random):
    """A setting of a control within its range, whatever kind it is."""
    return chance.choice(frames.positions(control, 101))


def test_no_explorer_of_the_library_is_missing_here():
    modules = [module.name for module in pkgutil.iter_modules(lecture_lib.__path__) if module.name.endswith("widgets")]
    sources = [__import__(f"lecture_lib.{name}", fromlist=["_"]) for name in modules]
    public = {name for module in sources for name, _ in inspect.getmembers(module, inspect.isfunction)}
    assert {name for name in public if name.endswith("_explorer")} == set(EXPLORERS)


@pytest.mark.parametrize("name", EXPLORERS)
def test_corners_and_random_settings_draw_pictures_and_each_control_ten_a_second(name):
    figure, chance = EXPLORERS[name](), random.Random(0)
    height, width, _ = pixels(figure).shape
    settings = [{which: draws(control, chance) for which, control in figure.controls.items()} for _ in range(AT_RANDOM)]
    ends = [[values[0], values[-1]] for values in (frames.positions(c, 101) for c in figure.controls.values())]
    corners = [dict(zip(figure.controls, corner, strict=True)) for corner in itertools.product(*ends)]
    assert len(corners) == 2 ** len(figure.controls)
    for setting in settings + corners:
        assert figure.draw(**setting).size == (width, height), setting
    for which, control in figure.controls.items():
        seconds = []
        for value in frames.positions(control, 31):  # as a hand moves it
            began = time.process_time()
            move(figure, **{which: value})
            seconds.append(time.process_time() - began)
        assert statistics.median(seconds) < 0.1, which


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_control_says_what_it_is_and_the_figure_what_to_look_for(name):
    figure = EXPLORERS[name]()
    assert all(len(control.description) > 2 or control.description in "kKJ" for control in figure.controls.values())
    text = next(child.value for child in figure.children if isinstance(child, ipywidgets.HTML))
    assert "arrow keys" in text and text.count(".") >= 2
    assert 1 <= len(figure.moves) <= 2 and set(figure.moves) <= set(figure.controls)
