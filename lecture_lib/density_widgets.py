"""The interactive part of the lecture on density estimation: four estimates of one data set, and how wrong each is."""

import functools
import math

import ipywidgets
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lecture_lib import bandwidth, density, density_plots, kernels, mixture, widgets

WEIGHTS, MEANS, DEVIATIONS = (0.5, 0.3, 0.2), (-1.4, 1.4, 3.2), (0.9, 0.3, 0.6)
LOW, HIGH, POINTS = -5.0, 6.0, 441  # where densities are drawn
SIZES, MOST = (100, 300, 1000), {"bins": 80, "k": 90, "K": 10}
NAMES = ("histogram", "kernel", "nearest neighbors", "mixture")


def true_density(x: Tensor) -> Tensor:
    """The density of the data set, a mixture of three Gaussians on the line, (n,) -> (n,)."""
    weights, means, deviations = (torch.tensor(part, dtype=torch.float64) for part in (WEIGHTS, MEANS, DEVIATIONS))
    joint = mixture.log_joint(x.double().unsqueeze(1), weights, means.unsqueeze(1), deviations**2)
    return mixture.e_step(joint)[0].exp()


def draw(n: int, *, generator: torch.Generator | None = None) -> Tensor:
    """n draws from it, (n, 1)."""
    which = torch.multinomial(torch.tensor(WEIGHTS), n, replacement=True, generator=generator)
    noise = torch.randn(n, dtype=torch.float64, generator=generator)
    means, deviations = (torch.tensor(part, dtype=torch.float64)[which] for part in (MEANS, DEVIATIONS))
    return (means + deviations * noise).unsqueeze(1)


def squared_error(estimate: Tensor, x: Tensor) -> float:
    """The integrated squared error of densities (n,) at evenly spaced x (n,), as far as x reaches."""
    return float(torch.trapezoid((estimate - true_density(x)) ** 2, x))


def density_explorer(n=300, bins=15, h=1.0, kernel="gaussian", k=20, K=3, *, alt: str) -> widgets.Figure:
    """Sliders for bins, bandwidth and kernel, k and K: four estimates of one data set, the truth, and their errors.

    n: a number in SIZES; bins, k and K from 1 to MOST; h from 0.1 to 10, in units of Silverman's bandwidth; kernel: a
    name in `kernels.NAMES`; else ValueError. alt: what the resting picture shows.
    """
    for name, value, allowed in (("n", n, SIZES), ("kernel", kernel, kernels.NAMES)):
        if value not in allowed:
            raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(str, allowed))}")
    if not 0.1 <= h <= 10:
        raise ValueError(f"h is {h}; it must be from 0.1 to 10")
    style = {"style": {"description_width": "18em"}, "layout": {"width": "46em"}}
    wide = ipywidgets.FloatLogSlider(
        value=h, min=-1, max=1, step=0.02, description="h / Silverman's bandwidth", **style
    )
    controls = {
        "n": ipywidgets.SelectionSlider(options=SIZES, value=n, description="N, observations", **style),
        "bins": _slider("bins", bins, "number of bins", style),
        "h": wide,
        "kernel": ipywidgets.Dropdown(options=kernels.NAMES, value=kernel, description="kernel", **style),
        "k": _slider("k", k, "k, neighbors", style),
        "K": _slider("K", K, "K, components", style),
    }
    caption = (
        "Move a slider, or focus a control and use the arrow keys. Dashed is the true density; the number above each "
        "estimate is its integrated squared error. For each of the four, look for the setting with the least."
    )
    return widgets.Figure(controls, _picture(), caption=caption, alt=alt, moves=("h",))


@functools.lru_cache(maxsize=len(SIZES))
def _data(n: int) -> Tensor:
    """The first n of the largest number of observations, the same ones every time."""
    return draw(SIZES[-1], generator=torch.Generator().manual_seed(0))[:n]


def _grid() -> Tensor:
    return torch.linspace(LOW, HIGH, POINTS, dtype=torch.float64)


@functools.lru_cache(maxsize=512)
def histogram(n: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges (bins + 1,) from LOW to HIGH and heights (bins,)."""
    edges = torch.linspace(LOW, HIGH, bins + 1, dtype=torch.float64)
    model = density.HistogramDensity(bins, range=(LOW, HIGH)).fit(_data(n))
    return edges.numpy(), model.score_samples((edges[1:] + edges[:-1]).unsqueeze(1) / 2).exp().numpy()


@functools.lru_cache(maxsize=512)
def estimate(name: str, n: int, setting, kernel: str = "gaussian") -> Tensor:
    """One of NAMES at the grid, (POINTS,); setting: bins, h in units of Silverman's, k or K."""
    x, places = _data(n), _grid().unsqueeze(1)
    if name == "histogram":
        model = density.HistogramDensity(setting, range=(LOW, HIGH)).fit(x)
    elif name == "kernel":
        h = setting * bandwidth.silverman_bandwidth(x, kernel=kernel)
        model = density.KernelDensity(h, kernel).fit(x)
    elif name == "nearest neighbors":
        model = density.KNeighborsDensity(setting).fit(x)
    else:
        model = mixture.GaussianMixture(setting, n_restarts=2, floor=1e-4)
        model.fit(x, generator=torch.Generator().manual_seed(0))
    return model.score_samples(places).exp()


def _picture():
    """The function from the controls' values to the picture, which moves the artists that are made here, once."""
    fig = Figure(figsize=(9.6, 5.6), dpi=96, layout="none")
    fig.subplots_adjust(left=0.06, right=0.985, bottom=0.09, top=0.93, wspace=0.16, hspace=0.42)
    FigureCanvasAgg(fig)  # becomes fig.canvas
    axes, grid = fig.subplots(2, 2, sharex=True, sharey=True).flatten(), _grid()
    truth, moving = true_density(grid), []
    for ax, name in zip(axes, NAMES, strict=True):
        density_plots.line(grid, {name: np.zeros(POINTS)}, ax, truth=truth, points=[0.0])
        ax.set(xlim=(LOW, HIGH), ylim=(-0.03, 0.62), ylabel="density" if ax in axes[::2] else "", title="\n")
        ax.title.set_fontsize(10.5)
        moving += [(ax, artist) for artist in (ax.lines[0], ax.lines[2], ax.title)]
    picture = widgets.blitted(fig, moving)

    def draw_all(n, bins, h, kernel, k, K):
        settings = (bins, h, k, K)
        labels = (f"{bins} bins", f"{kernel}, {h:.2f} × Silverman", f"{k} neighbors", f"{K} Gaussians")
        for ax, name, setting, label in zip(axes, NAMES, settings, labels, strict=True):
            values = estimate(name, n, setting, kernel if name == "kernel" else "gaussian")
            curve = _steps(*histogram(n, bins)) if name == "histogram" else (grid, values.clamp(max=9))
            ax.lines[0].set_data(*curve)
            ax.lines[2].set_data(_data(n)[:, 0], np.full(n, -0.012))
            error = squared_error(values, grid)
            ax.set_title(f"{label}: squared error {error:.4f}" if math.isfinite(error) else label)
        return picture()

    return draw_all


def _steps(edges: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The outline of a histogram."""
    return np.repeat(edges, 2)[1:-1], np.repeat(heights, 2)


def _slider(name: str, value: int, description: str, style: dict) -> ipywidgets.IntSlider:
    if not 1 <= value <= MOST[name]:
        raise ValueError(f"{name} is {value}; it must be from 1 to {MOST[name]}")
    return ipywidgets.IntSlider(value=value, min=1, max=MOST[name], description=description, **style)
