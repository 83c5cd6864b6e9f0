"""The interactive part of the lecture on conditional VAEs: draw the digit that is asked for, in a style that is set."""

from collections.abc import Sequence

import ipywidgets
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lecture_lib import conditional, plots, vae, widgets

REACH = 2.5  # of a latent variable to either side, in standard deviations of the prior
SIZE, COLUMNS = 28, 5


def digit_explorer(model: vae.VAE, dims: Sequence[int] = (0, 1), label: int = 7, *, alt: str) -> widgets.Figure:
    """A slider for the label y and one for each latent variable in `dims`: the mean of p(x|y, z), and all ten labels.

    model: a conditional VAE of ten labels and 28 x 28 images; its other latent variables are zero. label: at the start,
    0 to 9; dims: from 0 to J - 1, no two equal; else ValueError. alt: what the resting picture shows.
    """
    if label not in range(10):
        raise ValueError(f"label is {label!r}; it must be a digit from 0 to 9")
    if not dims or len(set(dims)) < len(dims) or not set(dims) <= set(range(model.latent_dim)):
        raise ValueError(f"dims is {dims!r}; it must hold different numbers from 0 to {model.latent_dim - 1}")
    style = {"style": {"description_width": "14em"}, "layout": {"width": "46em"}}
    controls = {"label": ipywidgets.IntSlider(value=label, min=0, max=9, description="y, the digit", **style)}
    for place, dim in enumerate(dims, 1):
        text = f"z{dim + 1}, style {place}"
        controls[f"z{dim}"] = ipywidgets.FloatSlider(
            value=0.0, min=-REACH, max=REACH, step=0.1, description=text, readout_format=".1f", **style
        )
    caption = (
        "Drag a slider, or focus it and use the arrow keys. Small on the right: all ten labels with the same z. Watch "
        "what a style slider does to all ten at once, and what of it stays when only the label moves."
    )
    return widgets.Figure(controls, _picture(model), caption=caption, alt=alt, moves=("label",))


@torch.no_grad()
def ten_digits(model: vae.VAE, style: dict[int, float]) -> np.ndarray:
    """The means of p(x|y, z) for y = 0 to 9, (10, 28, 28); z is zero but for the variables in `style`."""
    z = next(model.parameters()).new_zeros(10, model.latent_dim)
    for dim, value in style.items():
        z[:, dim] = value
    means = model.likelihood.mean(conditional.given(model, torch.arange(10)).decode(z))
    return means.cpu().float().numpy().reshape(10, SIZE, SIZE)


def _picture(model: vae.VAE):
    """The function from the controls' values to the picture, which changes the artists that are made here, once."""
    fig = Figure(figsize=(8.4, 3.2), dpi=96, layout="none")
    fig.subplots_adjust(left=0.02, right=0.98, bottom=0.04, top=0.89, wspace=0.1)
    FigureCanvasAgg(fig)  # becomes fig.canvas
    large, small = fig.subplots(1, 2, width_ratios=(1, 2.4))
    digit = plots.mosaic(np.zeros((1, SIZE, SIZE)), 1, large).images[0]
    ten = plots.mosaic(np.zeros((10, SIZE, SIZE)), COLUMNS, small).images[0]
    small.set_title("the same z under all ten labels")
    frame = small.add_patch(Rectangle((0, 0), SIZE - 2, SIZE - 2, fill=False, edgecolor=plots.MODEL, linewidth=2.5))
    title = large.set_title("\n")
    picture = widgets.blitted(fig, [(large, digit), (large, title), (small, ten), (small, frame)])

    def draw(label, **style):
        images = ten_digits(model, {int(name[1:]): value for name, value in style.items()})
        digit.set_data(images[label])
        ten.set_data(images.reshape(-1, COLUMNS, SIZE, SIZE).swapaxes(1, 2).reshape(-1, COLUMNS * SIZE))
        frame.set_xy((label % COLUMNS * SIZE + 0.5, label // COLUMNS * SIZE + 0.5))
        title.set_text(f"asked for: {label}")
        return picture()

    return draw
