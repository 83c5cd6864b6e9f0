"""The interactive part of the lecture on PCA: how many components a digit needs."""

import ipywidgets
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lecture_lib import pca, plots, widgets


def components_explorer(model: pca.PCA, x: Tensor, start: int = 10, *, alt: str) -> widgets.Figure:
    """Two sliders, the number of components and the digit: the digit, its reconstruction, and the variance discarded.

    model: an all-in fit whose leading axes are used, of 28 x 28 images; x (n, 784): the digits to choose from; start:
    components at first, from 1 to those of the model, else ValueError. alt: what the resting picture shows.
    """
    most = model.axes.shape[1]
    if not 1 <= start <= most:
        raise ValueError(f"start is {start}; it must be from 1 to {most}, the components of the model")
    if len(model.mean) != 784:
        raise ValueError(f"model is of {len(model.mean)} dimensions; the picture has room for 784 = 28 x 28 pixels")
    controls = {
        "n_components": _slider("J, number of components", start, 1, most),
        "digit": _slider("digit, which one", 1, 1, len(x)),
    }
    caption = (
        "Drag a slider, or focus it and use the arrow keys. Watch how many components it takes until you can read the "
        "digit, and how little the curve has to do with that."
    )
    return widgets.Figure(controls, _picture(model, x), caption=caption, alt=alt, moves=("n_components",))


def reconstructions(model: pca.PCA, z: Tensor, n_components: int) -> Tensor:
    """x_hat from the first n_components of the scores z, shapes (..., J) -> (..., D)."""
    return model.mean + z[..., :n_components] @ model.axes[:, :n_components].mT


def discarded_share(model: pca.PCA) -> Tensor:
    """The share of the variance that is lost with 0, 1, ..., J components, (J + 1,)."""
    squares = model.singular_values**2
    tail = torch.cat([squares, squares.new_tensor([model.discarded])]).flip(0).cumsum(0).flip(0)
    return tail / tail[0]


def _picture(model: pca.PCA, x: Tensor):
    """The function from the two numbers to the picture. What stands still is drawn here, once."""
    z, share = model.project(x), 100 * discarded_share(model).numpy()
    originals = x.to(model.mean.dtype) / 255 if x.dtype == torch.uint8 else x
    fig = Figure(figsize=(9, 3.6), dpi=96, layout="none")
    fig.subplots_adjust(left=0.02, right=0.98, bottom=0.16, top=0.88, wspace=0.25)
    FigureCanvasAgg(fig)  # becomes fig.canvas
    *pair, curve = fig.subplots(1, 3, width_ratios=(1, 1, 1.7))
    pictures = [plots.mosaic(np.zeros((1, 28, 28)), 1, ax).images[0] for ax in pair]
    pair[0].set_title("digit")
    titles = [pair[1].set_title("\n"), curve.set_title("\n")]
    curve.plot(range(len(share)), share, color=plots.ERROR)
    (dot,) = curve.plot([0], [0], "o", color=plots.TRUTH, markersize=8)
    curve.set(xlabel="number of components $J$", ylabel="variance discarded (%)", ylim=(0, 105))
    curve.grid(color="#e3e3e3")
    moving = [(pair[0], pictures[0]), (pair[1], pictures[1]), (pair[1], titles[0]), (curve, titles[1]), (curve, dot)]
    picture = widgets.blitted(fig, moving)

    def draw(n_components, digit):
        original = originals[digit - 1]
        x_hat = reconstructions(model, z[digit - 1], n_components)
        for image, values in zip(pictures, (original, x_hat), strict=True):
            image.set_data(values.reshape(28, 28).numpy())
        dot.set_data([n_components], [share[n_components]])
        titles[0].set_text(f"from {n_components}: error {float(((original - x_hat) ** 2).sum()):.1f}")
        titles[1].set_text(f"{share[n_components]:.1f} % of the variance discarded")
        return picture()

    return draw


def _slider(description: str, value: int, low: int, high: int) -> ipywidgets.IntSlider:
    return ipywidgets.IntSlider(
        value=value,
        min=low,
        max=high,
        description=description,
        continuous_update=True,
        style={"description_width": "14em"},
        layout={"width": "46em"},
    )
