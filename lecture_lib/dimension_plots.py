"""Figures of neighbors and of dimensions: arrays in, axes out, nothing computed but the lines that a fit describes."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from lecture_lib import plots

COLORS = (plots.MODEL, plots.ERROR, plots.GREEN, plots.PURPLE, plots.DATA)
MARKERS = "osD^v"  # told apart without color


def cloud(x, ax: Axes | None = None, *, center=None, radii=()) -> Axes:
    """Points (N, 2) or more coordinates, of which the first two are shown; circles of the `radii` around `center`."""
    ax = ax or plt.subplots(figsize=(3.4, 3.4))[1]
    x = np.asarray(x)
    ax.scatter(x[:, 0], x[:, 1], s=6, color=plots.DATA, alpha=0.6, linewidths=0)
    for radius in radii:
        ax.add_patch(plt.Circle(np.asarray(center)[:2], radius, fill=False, color=plots.MODEL, linewidth=1.5))
    if center is not None:
        ax.plot(*np.asarray(center)[:2], "o", color=plots.MODEL)
    ax.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    return ax


def counts(r, measured: dict, laws: dict, ax: Axes | None = None, *, ylabel: str = "neighbors within r") -> Axes:
    """Counts over the radius, both axes logarithmic: name -> (n,) as markers, and the law of the same name, dashed."""
    ax = ax or plt.subplots()[1]
    for i, (name, values) in enumerate(measured.items()):
        ax.plot(r, values, MARKERS[i % 5], color=COLORS[i % 5], label=name, markersize=4)
    for law in laws.values():
        ax.plot(r, law, color=plots.TRUTH, linestyle="--", linewidth=1)
    ax.set(xscale="log", yscale="log", xlabel="radius r", ylabel=ylabel)
    ax.legend()
    return ax


def ranks(log_r, log_rank, fit: tuple[float, float], ax: Axes | None = None) -> Axes:
    """The log of the rank over that of the distance, (k,) each, and the line `fit` = (slope, height at log r = 0)."""
    ax = ax or plt.subplots(figsize=(4.4, 3.4))[1]
    log_r = np.asarray(log_r)
    ends = np.array([log_r.min(), log_r.max()])
    ax.plot(log_r, log_rank, "o", color=plots.DATA)
    ax.plot(ends, fit[0] * ends + fit[1], color=plots.MODEL, label=f"slope {fit[0]:.2f}")
    ax.set(xlabel="log distance", ylabel="log rank")
    ax.legend()
    return ax


def pareto(mu, d: float, ax: Axes | None = None, *, high: float = 3.0) -> Axes:
    """The ratios mu (N,) up to `high` as a histogram in gray, and the density d mu^(-d-1), dashed. See Eq. (9.20)."""
    ax = ax or plt.subplots(figsize=(4.4, 3.4))[1]
    mu, bins = np.asarray(mu), np.linspace(1, high, 40)
    inside = mu <= high
    ax.hist(mu[inside], bins, weights=np.full(inside.sum(), 1 / (len(mu) * (bins[1] - bins[0]))), color=plots.DATA)
    t = np.linspace(1, high, 300)
    ax.plot(t, d * t ** (-d - 1), color=plots.TRUTH, linestyle="--", linewidth=1.5, label=f"Pareto, d = {d:g}")
    ax.set(xlabel="ratio μ of the distances to two neighbors", ylabel="density", xlim=(1, high))
    ax.legend()
    return ax


def straightened(log_mu, minus_log_tail, n_kept: int, slope: float, ax: Axes | None = None) -> Axes:
    """-log(1 - F) over log mu, ascending, (N,) each: the first `n_kept` gray, others orange, a line. See Eq. (9.23)."""
    ax = ax or plt.subplots(figsize=(4.4, 3.4))[1]
    x, y = np.asarray(log_mu), np.asarray(minus_log_tail)
    ax.plot(x[:n_kept], y[:n_kept], ".", color=plots.DATA, markersize=3, label="used")
    ax.plot(x[n_kept:], y[n_kept:], "x", color=plots.ERROR, markersize=3, label="left out")
    ax.plot([0, x[-1]], [0, slope * x[-1]], color=plots.MODEL, label=f"slope {slope:.2f}")
    ax.set(xlabel="log μ", ylabel="−log(1 − F)", xlim=(0, None), ylim=(0, None))
    ax.legend()
    return ax


def estimates(series: dict, ax: Axes | None = None, *, xlabel: str, truth=None, errors: dict | None = None) -> Axes:
    """Estimates over what they depend on, name -> (x, values), with error bars name -> (half-lengths), truth dashed.

    truth: one dimension, or (x, d).
    """
    ax = ax or plt.subplots()[1]
    for i, (name, (x, values)) in enumerate(series.items()):
        bars = None if errors is None else errors.get(name)
        style = {"color": COLORS[i % 5], "marker": MARKERS[i % 5], "linestyle": "-", "linewidth": 1.2, "capsize": 2}
        ax.errorbar(x, values, bars, label=name, **style)
    if np.ndim(truth):
        ax.plot(*truth, color=plots.TRUTH, linestyle="--", linewidth=1.5)
    elif truth is not None:
        ax.axhline(truth, color=plots.TRUTH, linestyle="--", linewidth=1.5)
    ax.set(xlabel=xlabel, ylabel="dimension")
    if len(series) > 1:
        ax.legend()
    return ax


def intervals(rows: dict, ax: Axes | None = None, *, truth: float | None = None) -> Axes:
    """One line for each name -> (value, low, high), from top to bottom: a dot and its interval; truth dashed."""
    ax = ax or plt.subplots(figsize=(7.2, 0.6 + 0.36 * len(rows)))[1]
    value, low, high = (np.array(column) for column in zip(*rows.values(), strict=True))
    places = -np.arange(len(rows))
    ax.hlines(places, low, high, color=plots.MODEL, linewidth=2.5)
    ax.plot(value, places, "o", color=plots.MODEL)
    for place, number in zip(places, value, strict=True):
        ax.annotate(f"{number:.1f}", (number, place), (0, 5), textcoords="offset points", ha="center", fontsize=9)
    if truth is not None:
        ax.axvline(truth, color=plots.TRUTH, linestyle="--", linewidth=1.5)
    ax.set(yticks=places, yticklabels=list(rows), xlabel="dimension", ylim=(-len(rows) + 0.4, 0.8))
    ax.grid(axis="y", visible=False)
    return ax
