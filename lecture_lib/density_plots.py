"""Figures of estimated densities: arrays in, axes out."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from lecture_lib import plots


def line(x, values: dict, ax: Axes | None = None, *, truth=None, points=None) -> Axes:
    """Densities over x (n,), name -> (n,), the truth (n,) dashed, observations (N,) as gray ticks below."""
    ax = ax or plt.subplots()[1]
    styles = ["-", "-.", ":"]  # told apart without color
    for i, (name, density) in enumerate(values.items()):
        ax.plot(x, density, label=name, linestyle=styles[i % 3], color=(plots.MODEL, plots.ERROR, plots.GREEN)[i % 3])
    return _with_truth(x, ax, truth, points)


def histogram(edges, heights, ax: Axes | None = None, *, x=None, truth=None, points=None, errors=None) -> Axes:
    """Heights (B,) over edges (B + 1,) in blue, error bars (B,) in orange, and as in `line` the truth over x (n,)."""
    ax = ax or plt.subplots()[1]
    ax.stairs(
        heights, edges, color=plots.MODEL, linewidth=2, fill=errors is not None, alpha=0.6 if errors is not None else 1
    )
    if errors is not None:
        middles = (np.asarray(edges)[1:] + np.asarray(edges)[:-1]) / 2
        ax.errorbar(middles, heights, errors, fmt="none", ecolor=plots.ERROR, capsize=2)
    return _with_truth(x, ax, truth, points)


def _with_truth(x, ax: Axes, truth, points) -> Axes:
    if truth is not None:
        ax.plot(x, truth, color=plots.TRUTH, linestyle="--", linewidth=1.5)
    if points is not None:
        ax.plot(points, np.full(len(points), -0.012), "|", color=plots.DATA, markersize=6, alpha=0.6)
    ax.set(xlabel="x", ylabel="density")
    if len(ax.get_legend_handles_labels()[1]) > 1:
        ax.legend()
    return ax


def profiles(r, values: dict, ax: Axes | None = None) -> Axes:
    """Kernels over r (n,), name -> (n,), each named where it is highest apart from the others."""
    ax = ax or plt.subplots()[1]
    styles = ["-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)), (0, (8, 2))]
    colors = [*plt.rcParams["axes.prop_cycle"].by_key()["color"], plots.CLASSES[1], plots.CLASSES[5]]
    for i, (name, density) in enumerate(values.items()):
        ax.plot(r, density, label=name, linestyle=styles[i % 7], color=colors[i % 7])
    ax.set(xlabel="u", ylabel="K(u)")
    ax.legend(ncols=2, fontsize=9)
    return ax


def components(x, means, covariances, ax: Axes | None = None) -> Axes:
    """Points (N, 2) in gray, and for each Gaussian (K, 2), (K, 2, 2) its mean and the ellipse of two deviations."""
    ax = ax or plt.subplots(figsize=(3.6, 3.4))[1]
    ax.plot(*np.asarray(x).T, ".", color=plots.DATA, markersize=3, alpha=0.6)
    for mean, cov in zip(np.asarray(means), np.asarray(covariances), strict=True):
        values, vectors = np.linalg.eigh(cov)
        width, height = 4 * np.sqrt(values)
        angle = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0]))
        ax.add_patch(Ellipse(mean, width, height, angle=angle, fill=False, color=plots.MODEL, linewidth=2))
        ax.plot(*mean, "o", color=plots.MODEL)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    return ax
