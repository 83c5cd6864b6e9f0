"""The interactive part of the lecture on intrinsic dimension: a cloud, its neighbors, and what every estimator says."""

import functools

import ipywidgets
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lecture_lib import danco, dimension_plots, intrinsic_dimension, manifolds, neighbors, plots, widgets

DIM, SIZES = 12, (100, 200, 400)  # the space around every cloud, and the numbers of points to choose from
MANIFOLDS = {
    "spiral": lambda n, d, generator: manifolds.spiral(n, generator=generator),
    "swiss roll": lambda n, d, generator: manifolds.swiss_roll(n, d, generator=generator),
    "sphere": lambda n, d, generator: manifolds.sphere(n, d, generator=generator),
    "torus": lambda n, d, generator: manifolds.torus(n, d, generator=generator),
    "ball": lambda n, d, generator: manifolds.ball(n, d, generator=generator),
    "cube": lambda n, d, generator: manifolds.cube(n, d, generator=generator),
    "Gaussian": lambda n, d, generator: manifolds.subspace(n, d, generator=generator),
}
ESTIMATORS = {
    "four steps": lambda r, k: intrinsic_dimension.rank_slope(r[:, :k]),
    "… the other way": lambda r, k: intrinsic_dimension.rank_slope(r[:, :k], response="distance"),
    "TwoNN, fit": lambda r, k: intrinsic_dimension.two_nn(r, method="fit"),
    "TwoNN": lambda r, k: intrinsic_dimension.two_nn(r),
    "likelihood, k": lambda r, k: intrinsic_dimension.mle(r[:, :k]),
}


def dimension_explorer(manifold="swiss roll", d=2, noise=0.0, n=400, k=10, *, alt: str) -> widgets.Figure:
    """Choose a cloud in R^12, its noise and the scale: the cloud, log rank over log distance, and all estimators.

    manifold: a name in MANIFOLDS; d from 1 to 6; noise from 0 to 0.5; n in SIZES; k from 3 to 40; else ValueError.
    alt: what the resting picture shows.
    """
    for name, value, allowed in (("manifold", manifold, MANIFOLDS), ("n", n, SIZES)):
        if value not in allowed:
            raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(str, allowed))}")
    style = {"style": {"description_width": "16em"}, "layout": {"width": "46em"}}
    controls = {
        "manifold": ipywidgets.Dropdown(options=list(MANIFOLDS), value=manifold, description="manifold", **style),
        "d": _slider("d", d, 1, 6, "d, its dimension (spiral: 1)", style),
        "noise": _slider("noise", noise, 0.0, 0.5, "noise in each coordinate, σ", style),
        "n": ipywidgets.SelectionSlider(options=SIZES, value=n, description="N, points", **style),
        "k": _slider("k", k, 3, 40, "k, neighbors", style),
    }
    caption = (
        "Move a slider, or focus a control and use the arrow keys. Dashed is the true dimension. Watch what noise does "
        "to few neighbors and what a bend does to many, and which estimates move together."
    )
    return widgets.Figure(controls, _picture(), caption=caption, alt=alt, moves=("noise",))


def true_dimension(manifold: str, d: int) -> int:
    """The dimension of the cloud without noise."""
    return 1 if manifold == "spiral" else d


def cloud(manifold: str, d: int, noise: float, n: int) -> Tensor:
    """The first n of the largest number of points, the same ones every time, with noise in R^12, (n, 12)."""
    points, errors = _largest(manifold, d)
    return points[:n] + noise * errors[:n]


@functools.lru_cache(maxsize=64)
def _largest(manifold: str, d: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    points = MANIFOLDS[manifold](SIZES[-1], d, generator)
    points = torch.nn.functional.pad(points - points.mean(0), (0, DIM - points.shape[1]))
    return points, torch.randn(points.shape, dtype=points.dtype, generator=generator)


@functools.lru_cache(maxsize=len(SIZES))
def _reference(n: int) -> Tensor:
    """What `danco` compares with: summaries of n points in balls and Gaussians of dimension 1 to 13, (2, 13, 3)."""
    generator = torch.Generator().manual_seed(1)
    samplers = (manifolds.ball, manifolds.subspace)
    rows = [[danco.summary(f(n, d, generator=generator), 10)[0] for d in range(1, DIM + 2)] for f in samplers]
    return torch.stack([torch.stack(row) for row in rows])


def quick_danco(x: Tensor) -> float:
    """DANCo with one sample of each dimension, drawn once for each number of points: fast enough to be dragged."""
    nodes, at = np.arange(1, DIM + 2), np.linspace(1, DIM + 1, 241)
    columns = [[np.interp(at, nodes, column) for column in table.T] for table in _reference(len(x)).numpy()]
    curves = torch.from_numpy(np.stack(columns)).mT  # (2, 241, 3)
    distance = danco.divergence(danco.summary(x, 10)[0], curves, 10)
    return float(at[int(distance.amin(0).argmin())])


def measure(x: Tensor, k: int) -> tuple[Tensor, dict[str, tuple[float, float, float]]]:
    """The mean of log(r_j / r_k) over the points x, (k,), and for each estimator its value and 95 % interval.

    DANCo has no interval here: its standard error takes many samples.
    """
    r, _ = neighbors.nearest(x, k)
    found = {name: estimator(r, k) for name, estimator in ESTIMATORS.items()}
    rows = {name: (float(e), *e.interval()) for name, e in found.items()}
    return (r / r[:, -1:]).log().mean(0), rows | {"DANCo": (quick_danco(x),) * 3}


def _picture():
    """The function from the controls' values to the picture, which moves the artists that are made here, once."""
    fig = Figure(figsize=(9.6, 3.9), dpi=96, layout="none")
    FigureCanvasAgg(fig)  # becomes fig.canvas
    for n in SIZES:  # now, rather than when a hand has moved there
        _reference(n)
    places = ((0.065, 0.25), (0.385, 0.22), (0.74, 0.245))
    left, middle, right = (fig.add_axes((start, 0.13, width, 0.76)) for start, width in places)
    dimension_plots.cloud(np.zeros((1, 2)), left).set(xlim=(-3, 3), ylim=(-3, 3))
    dimension_plots.ranks(np.zeros(2), np.zeros(2), (0.0, 0.0), middle).get_legend().remove()
    middle.plot([], [], color=plots.TRUTH, linestyle="--", linewidth=1.5)
    middle.set(xlim=(-3.8, 0.1), ylim=(-0.2, 3.9), xlabel="mean of log (distance / k-th distance)")
    dimension_plots.intervals(dict.fromkeys([*ESTIMATORS, "DANCo"], (0.0, 0.0, 0.0)), right, truth=0.0)
    right.set(xlim=(0, DIM + 1))
    right.tick_params(axis="y", labelsize=9.5, length=0)
    numbers = list(right.texts)
    moving = [(ax, artist) for ax in (left, middle, right) for artist in (*ax.collections, *ax.lines, ax.title)]
    picture = widgets.blitted(fig, moving + [(right, number) for number in numbers])

    def draw(manifold, d, noise, n, k):
        x, truth = cloud(manifold, d, noise, n), true_dimension(manifold, d)
        log_r, found = measure(x, k)
        left.collections[0].set_offsets(x[:, :2])
        _move_ranks(middle, log_r.numpy(), found["four steps"][0], truth)
        _move_intervals(right, numbers, list(found.values()), truth)
        left.set_title(f"{n} points in R¹², two coordinates")
        middle.set_title(f"{k} neighbors, slope of the fit {found['four steps'][0]:.2f}")
        right.set_title(f"true dimension {truth}")
        return picture()

    return draw


def _move_ranks(ax, log_r: np.ndarray, slope: float, truth: float) -> None:
    """The dots of log rank over log distance, and lines through their middle with the slope found and the true one."""
    dots, *lines = ax.lines
    log_rank = np.log(np.arange(1, len(log_r) + 1))
    dots.set_data(log_r, log_rank)
    for line, s in zip(lines, (slope, truth), strict=True):
        line.set_data([log_r[0], 0], log_rank.mean() + s * (np.array([log_r[0], 0]) - log_r.mean()))


def _move_intervals(ax, numbers, found: list[tuple[float, float, float]], truth: float) -> None:
    """The dots, intervals and numbers of the estimators, and the line of the truth."""
    values, dashed = ax.lines
    values.set_data([value for value, _, _ in found], values.get_ydata())
    dashed.set_xdata([truth, truth])
    places = values.get_ydata()
    ax.collections[0].set_segments([[(e[1], y), (e[2], y)] for e, y in zip(found, places, strict=True)])
    for number, (value, _, _), y in zip(numbers, found, places, strict=True):
        number.xy = (min(value, DIM + 0.3), y)
        number.set_text(f"{value:.1f}")


def _slider(name: str, value, low, high, description: str, style: dict):
    """A slider of whole numbers, or of hundredths where `low` is one; ValueError where it cannot stand at `value`."""
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; it must be from {low:g} to {high:g}")
    if isinstance(low, int):
        return ipywidgets.IntSlider(value=value, min=low, max=high, description=description, **style)
    return ipywidgets.FloatSlider(value=value, min=low, max=high, step=0.01, description=description, **style)
