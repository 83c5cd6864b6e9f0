"""Figures of principal components: arrays in, axes out."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from lecture_lib import plots

SIGNS = LinearSegmentedColormap.from_list("signs", [plots.ERROR, "white", plots.MODEL])


def cloud(x, x_hat, arrows: dict, center, ax: Axes | None = None) -> Axes:
    """Points x (N, 2) in gray, their reconstructions x_hat (N, 2) in blue, what was lost between them in orange.

    arrows: name -> vector (2,) that starts at `center` (2,), in black.
    """
    ax = ax or plt.subplots(figsize=(5.8, 3.6))[1]
    x, x_hat, center = np.asarray(x), np.asarray(x_hat), np.asarray(center)
    lost = np.stack([x, x_hat, np.full_like(x, np.nan)], 1).reshape(-1, 2)  # NaN lifts the pen
    ax.plot(*lost.T, color=plots.ERROR, linewidth=1, alpha=0.6, label="lost")
    ax.plot(*x.T, "o", color=plots.DATA, markersize=4, label="$x$")
    ax.plot(*x_hat.T, "D", color=plots.MODEL, markersize=3, label="$\\hat x$")
    for name, arrow in arrows.items():
        end = center + np.asarray(arrow)
        ax.annotate("", end, center, arrowprops={"arrowstyle": "->", "linewidth": 2, "shrinkA": 0, "shrinkB": 0})
        ax.annotate(name, end, (6, 2), textcoords="offset points")
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    ax.legend(loc="upper left")
    return ax


def signed(images, ax: Axes | None = None, *, columns: int = 10, titles=None) -> Axes:
    """Images (N, D) of both signs as a grid: blue above zero, orange below, each scaled to its largest entry."""
    images = np.asarray(images)
    n, size = len(images), int(images.shape[1] ** 0.5)
    columns = min(n, columns)
    rows = -(-n // columns)
    ax = ax or plt.subplots(figsize=(0.85 * columns, 0.95 * rows))[1]
    canvas = np.zeros((rows * columns, size, size))
    canvas[:n] = (images / np.abs(images).max(1, keepdims=True)).reshape(-1, size, size)
    canvas = canvas.reshape(rows, columns, size, size).swapaxes(1, 2).reshape(rows * size, columns * size)
    ax.imshow(canvas, cmap=SIGNS, vmin=-1, vmax=1, interpolation="nearest")
    for i, title in enumerate(titles or []):
        place = (i % columns + 0.04) * size, (i // columns + 0.03) * size
        ax.text(*place, title, ha="left", va="top", fontsize=8)
    ax.set_axis_off()
    return ax


def spectrum(values, ax: Axes | None = None, *, kept: int | None = None) -> Axes:
    """Values (D,) over their rank, on a logarithmic axis: those kept in blue, those discarded in orange."""
    ax = ax or plt.subplots()[1]
    values, kept = np.asarray(values), len(values) if kept is None else kept
    rank = np.arange(1, len(values) + 1)
    ax.plot(rank[:kept], values[:kept], "o", color=plots.MODEL, markersize=4, label="kept")
    if kept < len(values):
        ax.plot(rank[kept:], values[kept:], "s", color=plots.ERROR, markersize=3, label="discarded")
        ax.legend()
    ax.set(yscale="log", xlabel="rank $j$", ylabel="variance $\\sigma_j^2 / N$")
    return ax


def cosines(values, ax: Axes | None = None) -> Axes:
    """Sizes of the cosines (I, J) between principal axes, one a row, and decoder columns, as a table in blue."""
    ax = ax or plt.subplots(figsize=(3.4, 3))[1]
    values = np.abs(np.asarray(values))
    ax.imshow(values, cmap="Blues", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.6 else "black")
    rows, columns = (range(1, size + 1) for size in values.shape)
    ax.set_xticks(range(len(columns)), [str(j) for j in columns])
    ax.set_yticks(range(len(rows)), [f"$v_{i}$" for i in rows])
    ax.set_xlabel("decoder column")
    ax.grid(visible=False)
    return ax
