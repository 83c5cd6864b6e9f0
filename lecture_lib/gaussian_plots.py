"""Figures of Gaussians and of divergences between them: arrays in, axes out, nothing computed but outlines."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from lecture_lib import plots

COLORS = (plots.MODEL, plots.ERROR, plots.GREEN, plots.PURPLE)
STYLES = ("-", "-.", ":", (0, (5, 1, 1, 1)))  # told apart without color


def fits(z, target, models: dict, ax: Axes | None = None, *, target_name: str = "target", legend: bool = True) -> Axes:
    """A density (n,) over z (n,), black and dashed over gray, and densities fitted to it: name -> (n,)."""
    ax = ax or plt.subplots()[1]
    ax.fill_between(z, target, color=plots.DATA, alpha=0.25, linewidth=0)
    ax.plot(z, target, color=plots.TRUTH, linestyle="--", linewidth=1.5, label=target_name)
    for i, (name, density) in enumerate(models.items()):
        ax.plot(z, density, color=COLORS[i % 4], linestyle=STYLES[i % 4], label=name)
    ax.set(xlabel="z", ylabel="density", ylim=(0, None))
    if legend:
        ax.legend()
    return ax


def integrand(z, values, ax: Axes | None = None, *, ylabel: str) -> Axes:
    """A function (n,) over z (n,) whose area is a quantity: blue where it adds to it, orange where it takes away."""
    ax = ax or plt.subplots()[1]
    values = np.asarray(values)
    ax.fill_between(z, values.clip(min=0), color=plots.MODEL, alpha=0.45, linewidth=0)
    ax.fill_between(z, values.clip(max=0), color=plots.ERROR, alpha=0.45, linewidth=0)
    ax.plot(z, values, color=plots.TRUTH, linewidth=1)
    ax.set(xlabel="z", ylabel=ylabel)
    return ax


def contours(x, y, values, levels, ax: Axes | None = None, *, xlabel: str, ylabel: str, fmt: str = "%g") -> Axes:
    """Lines of equal `values` (len(y), len(x)), darker for larger ones, each with its level written on it."""
    ax = ax or plt.subplots(figsize=(7.2, 3.8))[1]
    shades = plt.get_cmap("Blues")(np.linspace(0.45, 1, len(levels))) if len(levels) > 1 else [plots.MODEL]
    lines = ax.contour(x, y, values, levels, colors=shades)
    ax.clabel(lines, fmt=fmt, fontsize=9)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax


def ellipses(mu, cov, models: dict, ax: Axes | None = None, *, target_name: str = "target") -> Axes:
    """A Gaussian in the plane by the ellipse at two standard deviations, dashed, and others: name -> (mean, cov)."""
    ax = ax or plt.subplots(figsize=(4, 4))[1]
    ax.fill(*outline(mu, cov), color=plots.DATA, alpha=0.25, linewidth=0)
    ax.plot(*outline(mu, cov), color=plots.TRUTH, linestyle="--", linewidth=1.5, label=target_name)
    for i, (name, gaussian) in enumerate(models.items()):
        ax.plot(*outline(*gaussian), color=COLORS[i % 4], linestyle=STYLES[i % 4], label=name)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def outline(mu, cov) -> np.ndarray:
    """Points (2, 200) at two standard deviations from the mean (2,) of a Gaussian with covariance (2, 2)."""
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    return np.asarray(mu)[:, None] + 2 * np.linalg.cholesky(np.asarray(cov)) @ circle


def errors(x, relative: dict, ax: Axes | None = None, *, xlabel: str, rounding: float) -> Axes:
    """Relative errors over x, name -> (n,), both axes logarithmic; dashed, the error of one rounding.

    Errors above 10 and missing answers stand at 10, smaller ones than a tenth of a rounding, and zeros, there.
    """
    ax = ax or plt.subplots()[1]
    for i, (name, values) in enumerate(relative.items()):
        shown = np.nan_to_num(np.asarray(values), nan=10.0, posinf=10.0).clip(rounding / 10, 10)
        ax.plot(x, shown, "o^s"[i % 3], color=(plots.ERROR, plots.PURPLE, plots.MODEL)[i % 3], markersize=2, label=name)
    ax.axhline(rounding, color=plots.TRUTH, linestyle="--", linewidth=1)
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="relative error", ylim=(rounding / 20, 30))
    ax.legend(markerscale=3)
    return ax


def gap_bars(bounds: dict, log_evidence: float, low: float, ax: Axes | None = None) -> Axes:
    """Levels in nats from `low` up: for each name -> L a blue bar to L, and orange what it lacks of log p(x), dashed.

    A bound below `low` leaves an orange bar only. The numbers of the orange parts stand above them.
    """
    ax = ax or plt.subplots()[1]
    heights = np.maximum(list(bounds.values()), low)
    ax.bar(list(bounds), heights - low, bottom=low, color=plots.MODEL, width=0.55)
    ax.bar(list(bounds), log_evidence - heights, bottom=heights, color=plots.ERROR, alpha=0.6, width=0.55)
    ax.axhline(log_evidence, color=plots.TRUTH, linestyle="--", linewidth=1.5)
    for i, bound in enumerate(bounds.values()):
        gap = max(log_evidence - bound, 0.0)  # no -0.00
        ax.annotate(f"{gap:.2f}", (i, log_evidence), (0, 4), textcoords="offset points", ha="center")
    ax.set(ylabel="nats", ylim=(low, log_evidence + 0.12 * (log_evidence - low)))
    ax.grid(axis="x", visible=False)
    return ax
