"""Interactive parts of the lectures on Gaussians: densities on the line, moved by sliders."""

import math

import ipywidgets
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from lecture_lib import gaussian_plots, gaussians, latent_variables, plots, widgets

LOW, HIGH = (-4.0, 0.2), (4.0, 3.0)  # the least and the largest mean and standard deviation
Z = np.linspace(-9, 9, 400)


def gap_explorer(model: latent_variables.LinearGaussian, x, q=(0.0, 1.0), *, alt: str) -> widgets.Figure:
    """Two sliders move a Gaussian q(z): left the densities of z, right log p(x), the bound, and the gap between them.

    x (D,); q: mean and standard deviation at the start, from -3 to 3 and from 0.2 to 2. alt: what the resting picture
    shows. Raises ValueError for another start, and where the model has more than one latent variable.
    """
    if model.latent_dim != 1:
        raise ValueError(f"model has {model.latent_dim} latent variables; the picture has room for one")
    controls = _pair("q", q, (-3.0, 0.2), (3.0, 2.0))
    caption = (
        "Drag a slider, or focus it and use the arrow keys. The dashed line, log p(x), does not depend on q. Watch "
        "where the orange gap closes, and which costs more: a q that is too wide, or one that is too narrow."
    )
    return widgets.Figure(controls, _gap_picture(model, x), caption=caption, alt=alt, moves=("mu_q",))


def levels(model: latent_variables.LinearGaussian, x, mu: float, sigma: float) -> tuple[float, float]:
    """The bound and KL(q || p(z|x)), in nats, of q = N(mu, sigma^2) and the model with J = 1."""
    q = torch.tensor([mu], dtype=torch.float64), torch.tensor([[sigma**2]], dtype=torch.float64)
    return float(model.elbo(x, *q)), float(model.gap(x, *q))


def _gap_picture(model: latent_variables.LinearGaussian, x):
    """The function from mu and sigma to the picture. What stands still is drawn here, once."""
    z, log_evidence = np.linspace(-4, 4, 300), float(model.log_evidence(x))
    mean, cov = model.posterior(x)
    fig = Figure(figsize=(9, 4.2), dpi=96, layout="none")
    fig.subplots_adjust(left=0.07, right=0.98, bottom=0.13, top=0.95, wspace=0.22)
    FigureCanvasAgg(fig)  # becomes fig.canvas
    left, right = fig.subplots(1, 2, width_ratios=(1.5, 1))
    gaussian_plots.fits(
        z, _density(z, float(mean), math.sqrt(cov)), {"q(z)": 0 * z}, left, target_name="posterior p(z|x)"
    )
    left.plot(z, _density(z, 0.0, 1.0), color=plots.DATA, linestyle=":", label="prior p(z)")
    left.set(xlim=(z[0], z[-1]), ylim=(0, 2.4))
    left.legend(loc="upper center", ncols=3)
    gaussian_plots.gap_bars({"": log_evidence}, log_evidence, log_evidence - 8, right)
    right.set(xlim=(-0.55, 0.55), xticks=[])
    right.text(-0.54, log_evidence - 0.1, "log p(x)", va="top")
    curve, (bar, lack), number = left.lines[1], right.patches, right.texts[0]
    number.set(position=(92, 6), horizontalalignment="right")
    level = right.text(0, 0, "", color="white", ha="center", va="top")
    moving = [(left, curve), (right, bar), (right, lack), (right, right.lines[0]), (right, number), (right, level)]
    picture = widgets.blitted(fig, moving)

    def draw(mu_q, sigma_q):
        bound, gap = levels(model, x, mu_q, sigma_q)
        shown = max(bound, log_evidence - 8)
        curve.set_ydata(_density(z, mu_q, sigma_q))
        bar.set_height(shown - (log_evidence - 8))
        lack.set(y=shown, height=log_evidence - shown)
        number.set_text(f"KL(q ‖ p(z|x)) = {gap:.2f} nats")
        level.set(text=f"L = {bound:.2f} nats", y=max(shown, log_evidence - 7.4) - 0.1)
        return picture()

    return draw


def _density(z: np.ndarray, mu: float, sigma: float) -> np.ndarray:
    return np.exp(-(((z - mu) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))


def divergence_explorer(q=(0.7, 0.6), p=(-0.5, 1.5), *, alt: str) -> widgets.Figure:
    """Four sliders move two Gaussians: their densities, both divergences in nats, and the integrands of the two.

    q, p: mean and standard deviation at the start, from -4 to 4 and from 0.2 to 3, else ValueError. alt: what the
    resting picture shows.
    """
    controls = _pair("q", q, LOW, HIGH) | _pair("p", p, LOW, HIGH)
    caption = (
        "Drag a slider, or focus it and use the arrow keys. Each divergence is the blue area minus the orange one. "
        "Watch which of the two grows when q gets narrow, and what happens to both at equal widths."
    )
    return widgets.Figure(controls, _divergence_picture(), caption=caption, alt=alt, moves=("mu_q",))


def divergences(mu_q: float, sigma_q: float, mu_p: float, sigma_p: float) -> tuple[float, float]:
    """KL(q || p) and KL(p || q) in nats, of q = N(mu_q, sigma_q^2) and p = N(mu_p, sigma_p^2). Eq. (4.16)."""
    pairs = (mu_q, sigma_q), (mu_p, sigma_p)
    q, p = (torch.tensor([[mu], [2 * math.log(sigma)]], dtype=torch.float64) for mu, sigma in pairs)
    return float(gaussians.kl_diagonal(*q, *p)), float(gaussians.kl_diagonal(*p, *q))


def integrands(mu_q: float, sigma_q: float, mu_p: float, sigma_p: float) -> tuple[np.ndarray, ...]:
    """q, p, q log(q/p) and p log(p/q) at the points Z, each (400,); the areas of the last two are the divergences."""
    pairs = (mu_q, sigma_q), (mu_p, sigma_p)
    log_q, log_p = (-(((Z - mu) / s) ** 2) / 2 - math.log(s * math.sqrt(2 * math.pi)) for mu, s in pairs)
    q, p = np.exp(log_q), np.exp(log_p)
    return q, p, q * (log_q - log_p), p * (log_p - log_q)


def _divergence_picture():
    """The function from four numbers to the picture. It moves lines and areas that are made here, once.

    All that stands still (axes, ticks, labels) is drawn again only when a limit changes: text takes most of the time.
    """
    fig = Figure(figsize=(9, 4.8), dpi=96, layout="none")
    fig.subplots_adjust(left=0.08, right=0.98, bottom=0.11, top=0.97, hspace=0.55, wspace=0.22)
    canvas, (top, *below) = FigureCanvasAgg(fig), fig.subplot_mosaic("tt;lr").values()
    gaussian_plots.fits(Z, 0 * Z, {"q": 0 * Z}, top, target_name="p")
    for ax, label in zip(below, ("q log(q/p)", "p log(p/q)"), strict=True):
        gaussian_plots.integrand(Z, 0 * Z, ax, ylabel=label)
    moving = [(ax, artist) for ax in (top, *below) for artist in (*ax.collections, *ax.lines, ax.title)]
    for ax, artist in moving:
        artist.set_animated(True)
        ax.set_xlim(Z[0], Z[-1])
    still = {}  # the picture without what moves, for the limits that were drawn last

    def draw(**numbers):
        q, p, *areas = integrands(**numbers)
        _move(top, p, q)
        for ax, area, name, kl in zip(below, areas, ("q‖p", "p‖q"), divergences(**numbers), strict=True):
            _move(ax, area)
            ax.set_title(f"KL({name}) = {kl:.3f} nats")
        limits = _above(max(p.max(), q.max())), _above(-np.min(areas)), _above(np.max(areas))
        if limits not in still:
            top.set_ylim(0, limits[0])
            for ax in below:
                ax.set_ylim(-limits[1], limits[2])
            canvas.draw()
            still.clear()
            still[limits] = canvas.copy_from_bbox(fig.bbox)
        canvas.restore_region(still[limits])
        for ax, artist in moving:
            ax.draw_artist(artist)
        return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())

    return draw


def _above(value: float) -> float:
    """The next of 0.1, 0.2, 0.5, 1, 2, 5, 10, ... above `value`, with a little room."""
    power = 10.0 ** math.floor(math.log10(max(1.05 * value, 0.1)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= 1.05 * value)


def _move(ax, *heights: np.ndarray) -> None:
    """Give the lines of `ax` these heights over Z, and its areas what is positive and negative of the first."""
    for line, values in zip(ax.lines, heights, strict=True):
        line.set_ydata(values)
    for area, values in zip(ax.collections, (heights[0].clip(min=0), heights[0].clip(max=0)), strict=False):
        area.set_verts([np.column_stack([[*Z, Z[-1], Z[0]], [*values, 0, 0]])])


def _pair(name: str, start, low, high) -> dict[str, ipywidgets.FloatSlider]:
    """The sliders of mean and standard deviation; ValueError where they cannot stand at `start`."""
    controls = {}
    for i, word in enumerate(("mean", "standard deviation")):
        if not low[i] <= start[i] <= high[i]:
            raise ValueError(f"the {word} of {name} is {start[i]}; it must be from {low[i]:g} to {high[i]:g}")
        controls[f"{('mu', 'sigma')[i]}_{name}"] = _slider(start[i], low[i], high[i], f"{'μσ'[i]} of {name}, {word}")
    return controls


def _slider(start: float, low: float, high: float, description: str) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(
        value=start,
        min=low,
        max=high,
        step=0.05,
        description=description,
        readout_format=".2f",
        continuous_update=True,
        style={"description_width": "initial"},
        layout={"width": "46em"},
    )
