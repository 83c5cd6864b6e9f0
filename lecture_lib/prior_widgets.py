"""The interactive part of the capstone: draw codes from one prior or another, and see what they decode to."""

import ipywidgets
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lecture_lib import pca, plots, vae, widgets

COLUMNS, SIZE = 6, 28
DRAWN, LAST = COLUMNS**2, 50  # codes at once; the last set of draws that there is
SHOWN = 1500  # codes of data, in the picture


def prior_explorer(model: vae.VAE, priors: dict, codes: Tensor, labels, prior=None, *, alt: str) -> widgets.Figure:
    """A choice of prior and a number of the draw: 36 codes among the codes of data (N, J), and what they decode to.

    priors: name -> fitted density with `sample`, on the model's device, such as `mixture.GaussianMixture`, or None for
    N(0, I). prior: the name at the start, else the first. labels (N,): the classes that choose the plane to look at.
    alt: what the resting picture shows. Raises ValueError where these do not fit each other or the model.
    """
    codes, labels = torch.as_tensor(codes).detach().cpu().float(), torch.as_tensor(labels).cpu()
    if codes.ndim != 2 or codes.shape[1] != model.latent_dim or model.latent_dim < 2 or len(codes) < DRAWN:
        needed = f"(N, {max(2, model.latent_dim)}), N at least {DRAWN}"
        raise ValueError(f"codes has shape {tuple(codes.shape)}; it must be {needed}, J = 2 or more")
    if labels.shape != codes.shape[:1]:
        raise ValueError(f"labels has shape {tuple(labels.shape)} for {len(codes)} codes; each code needs its class")
    if not (names := list(priors)) or (prior is not None and prior not in names):
        raise ValueError(
            f"prior is {prior!r}; it must be one of those in priors: {', '.join(names) or 'there is none'}"
        )
    style = {"style": {"description_width": "14em"}, "layout": {"width": "46em"}}
    controls = {
        "prior": ipywidgets.SelectionSlider(options=names, value=prior or names[0], description="prior, r(z)", **style),
        "draw": ipywidgets.IntSlider(value=1, min=1, max=LAST, description="number of the draw", **style),
    }
    caption = (
        "Drag a slider, or focus it and use the arrow keys. Left, gray: where the codes of real digits lie; blue: 36 "
        "codes drawn from the prior; right: what they decode to. Look for shapes that are no digit, and where their "
        "codes come from."
    )
    return widgets.Figure(controls, _picture(model, priors, codes, labels), caption=caption, alt=alt, moves=("prior",))


@torch.no_grad()
def drawn(model: vae.VAE, prior, number: int) -> tuple[Tensor, np.ndarray]:
    """36 codes (36, J) and the means of p(x|z) (36, 28, 28); the same for the same prior and number."""
    generator = torch.Generator(next(model.parameters()).device).manual_seed(number)
    z = model.sample_codes(DRAWN, prior=prior, generator=generator)
    means = model.likelihood.mean(model.decode(z))
    return z.cpu().float(), means.cpu().float().numpy().reshape(DRAWN, SIZE, SIZE)


def plane(codes: Tensor, labels: Tensor) -> pca.PCA:
    """The plane in which the classes lie furthest apart: the principal components of their mean codes."""
    means = torch.stack([codes[labels == label].mean(0) for label in labels.unique()])
    return pca.fit(means if len(means) > 2 else codes, 2)


def _picture(model: vae.VAE, priors: dict, codes: Tensor, labels: Tensor):
    """The function from the controls' values to the picture, which changes the artists that are made here, once."""
    fig = Figure(figsize=(9.2, 4.4), dpi=96, layout="none")
    fig.subplots_adjust(left=0.06, right=0.985, bottom=0.11, top=0.91, wspace=0.06)
    FigureCanvasAgg(fig)  # becomes fig.canvas
    left, right = fig.subplots(1, 2, width_ratios=(1.1, 1))
    view = plane(codes, labels)
    flat = view.project(codes)[:SHOWN]
    left.plot(*flat.T, "o", color=plots.DATA, markersize=2.5, alpha=0.5, markeredgewidth=0)
    points = left.plot(*flat[:DRAWN].T, "o", color=plots.MODEL, markersize=5, markeredgecolor="white")[0]
    reach = 1.15 * float(flat.abs().max())
    left.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="codes, first direction between classes")
    left.set_ylabel("second direction")
    grid = plots.mosaic(np.zeros((DRAWN, SIZE, SIZE)), COLUMNS, right).images[0]
    title = left.set_title("\n")
    picture = widgets.blitted(fig, [(left, points), (left, title), (right, grid)])

    def draw(prior, draw):
        z, images = drawn(model, priors[prior], draw)
        points.set_data(*view.project(z).T)
        title.set_text(f"36 codes from {prior}")
        tiles = images.reshape(COLUMNS, COLUMNS, SIZE, SIZE).swapaxes(1, 2)
        grid.set_data(tiles.reshape(COLUMNS * SIZE, COLUMNS * SIZE))
        return picture()

    return draw
