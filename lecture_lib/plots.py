"""Figures: arrays in, axes out. Nothing here computes, shows or saves, but `show`, through which every figure passes.

Colors mean the same everywhere: data gray, model blue, error orange, truth a black dashed line.
"""

import base64
import html
import io
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

DATA, MODEL, ERROR, TRUTH = "#8a8a8a", "#0072b2", "#d55e00", "black"
GREEN, PURPLE = "#009e73", "#a0498b"
# Ten classes, apart for color-blind readers: Paul Tol's "muted" scheme and near-black. Names stand beside them too.
CLASSES = ["#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee", "#882255", "#44aa99", "#999933", "#aa4499", "#222222"]
HATCHES = (None, "///", "...", "xxx")  # as line styles and marks do, they tell series apart without color
DPI = 144


def use_style() -> None:
    """Set the course's figure style: sizes for a projector, light grid, the palette as color cycle."""
    plt.rcParams.update(
        {
            "figure.figsize": (7.2, 3.4),
            "figure.constrained_layout.use": True,
            "figure.constrained_layout.h_pad": 0.08,
            "figure.constrained_layout.w_pad": 0.08,
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#e3e3e3",
            "grid.linewidth": 0.8,
            "hatch.color": "white",
            "hatch.linewidth": 0.8,
            "lines.linewidth": 2,
            "lines.markersize": 5,
            "legend.frameon": False,
            "axes.prop_cycle": plt.cycler(color=[MODEL, ERROR, GREEN, PURPLE, DATA]),
        }
    )


def show(fig: Figure, alt: str) -> None:
    """Display `fig` as an HTML image with the alternative text `alt`, and close it.

    The alternative text says what a reader who cannot see the figure needs to know; less than 20 characters raise
    ValueError. The same numbers give the same bytes.
    """
    if len(alt.strip()) < 20:
        raise ValueError(f"alt is {alt!r}; describe the figure in a sentence")
    display(
        {"text/html": image_tag(to_png(fig), alt, width=fig.get_figwidth()), "text/plain": f"Figure: {alt}"}, raw=True
    )
    plt.close(fig)


def to_png(fig: Figure) -> bytes:
    """The figure as a PNG file, without date or version."""
    file = io.BytesIO()
    fig.savefig(file, format="png", dpi=DPI, metadata={"Software": None}, facecolor="white")
    return file.getvalue()


def image_tag(png: bytes, alt: str, width: float) -> str:
    """<img> with the PNG inside, `width` inches wide (96 pixels each) or as wide as the page allows."""
    source = base64.b64encode(png).decode()
    style = f"width: {round(width * 96)}px; max-width: 100%; height: auto; background: white"
    return f'<img alt="{html.escape(alt)}" style="{style}" src="data:image/png;base64,{source}">'


def digits(images, ax: Axes | None = None, *, columns: int | None = None, titles=None) -> Axes:
    """Images (N, 784) with values in [0, 1] as a grid, black on white; `titles` stand above the first row."""
    images = _array(images)
    columns = min(len(images), columns or 10)
    size = math.isqrt(images.shape[-1])
    ax = mosaic(images.reshape(-1, size, size), columns, ax)
    for column, title in enumerate(titles or []):
        ax.text((column + 0.5) * size, -size * 0.12, title, ha="center", va="bottom", fontsize=10)
    return ax


def mosaic(images: np.ndarray, columns: int, ax: Axes | None = None) -> Axes:
    """Images (N, H, W) side by side in rows of `columns`, on one axis without ticks."""
    n, height, width = images.shape
    rows = -(-n // columns)
    if ax is None:
        _, ax = plt.subplots(figsize=(0.72 * columns, 0.72 * rows * height / width))
    canvas = np.zeros((rows * columns, height, width), dtype=images.dtype)
    canvas[:n] = images
    canvas = canvas.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
    ax.imshow(canvas, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    return ax


def labeled_rows(rows: dict[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """One row of digits (N, 784) for each entry, its name to the left: originals above reconstructions."""
    stacked = [_array(images) for images in rows.values()]
    columns, size = len(stacked[0]), math.isqrt(stacked[0].shape[-1])
    if ax is None:
        room = 0.2 + 0.09 * max(map(len, rows))  # inches, for the longest name
        _, ax = plt.subplots(figsize=(room + 0.66 * columns, 0.66 * len(rows)))
    ax = digits(np.concatenate(stacked), ax, columns=columns)
    for row, name in enumerate(rows):
        ax.text(-size * 0.25, (row + 0.5) * size, name, ha="right", va="center", fontsize=10)
    ax.set_anchor("E")  # what room there is beside the digits belongs to the names
    return ax


def curves(lines: dict[str, tuple], ax: Axes | None = None, *, xlabel: str, ylabel: str, markers: bool = False) -> Axes:
    """y over x for each entry name -> (x, y), in the palette's order; with a legend where there is more than one."""
    ax = ax or plt.subplots()[1]
    styles = ["-", "--", "-.", ":", (0, (5, 1, 1, 1))]  # told apart without color
    for i, (name, (x, y)) in enumerate(lines.items()):
        ax.plot(_array(x), _array(y), label=name, linestyle=styles[i % 5], marker="osD^v"[i % 5] if markers else None)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if len(lines) > 1:
        ax.legend()
    return ax


def history(train: dict, validation: dict, name: str, ax: Axes | None = None, *, ylabel: str) -> Axes:
    """One loss component per epoch from a `History`: training solid, validation dashed."""
    records = {"training": train.get(name, []), "validation": validation.get(name, [])}
    lines = {label: (np.arange(1, len(values) + 1), values) for label, values in records.items() if len(values)}
    return curves(lines, ax, xlabel="epoch", ylabel=ylabel)


def classes(z, labels, ax: Axes | None = None, *, names=None) -> Axes:
    """Codes z (N, 2) colored by class, each class's name standing at its median, or beside it where that is taken."""
    ax = ax or plt.subplots(figsize=(5, 5))[1]
    z, labels = _array(z), _array(labels)
    ax.scatter(*z.T, c=[CLASSES[int(label) % 10] for label in labels], s=4, alpha=0.5, linewidths=0)
    present = np.unique(labels)
    medians = np.stack([np.median(z[labels == label], axis=0) for label in present])
    for label, place in zip(present, _apart(medians, 0.055 * np.ptp(z, axis=0).max()), strict=True):
        text = names[int(label)] if names else str(int(label))
        box = {"boxstyle": "circle,pad=0.2", "fc": "white", "ec": CLASSES[int(label) % 10], "alpha": 0.85}
        ax.text(*place, text, ha="center", va="center", fontsize=10, bbox=box)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    return ax


def _apart(points: np.ndarray, distance: float) -> np.ndarray:
    """The points (N, 2), pushed away from each other until about `distance` lies between any two."""
    for _ in range(50):
        away = points[:, None] - points + np.eye(len(points))[..., None]
        gap = np.linalg.norm(away, axis=-1)
        push = np.maximum(distance - gap, 0) / np.maximum(gap, 1e-9) * (1 - np.eye(len(points)))
        points = points + 0.5 * (push[..., None] * away).sum(1)
    return points


def bars(values: dict[str, float], ax: Axes | None = None, *, ylabel: str, errors=None, fmt: str = "{:.1f}") -> Axes:
    """One bar for each entry, its number on top; `errors` are half-lengths of error bars."""
    ax = ax or plt.subplots()[1]
    heights = list(values.values())
    drawn = ax.bar(list(values), heights, color=MODEL, yerr=errors, capsize=3, width=0.6)
    ax.bar_label(drawn, [fmt.format(height) for height in heights], padding=2)
    ax.grid(axis="x", visible=False)
    ax.set_ylabel(ylabel)
    return ax


def histograms(
    values: dict[str, np.ndarray], ax: Axes | None = None, *, xlabel: str, ylabel: str = "count", bins=40, colors=None
) -> Axes:
    """One histogram for each entry, over shared bins; with a legend where there is more than one."""
    ax = ax or plt.subplots()[1]
    samples = [_array(sample) for sample in values.values()]
    edges = np.histogram_bin_edges(np.concatenate(samples), bins)
    for i, (name, sample) in enumerate(zip(values, samples, strict=True)):
        ax.hist(sample, edges, label=name, alpha=0.75, color=colors[i] if colors else None, hatch=HATCHES[i % 4])
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if len(values) > 1:
        ax.legend()
    return ax


def tint(mask, ax: Axes, *, size: int = 28) -> Axes:
    """Tint orange the tiles of a `mosaic` of `size` x `size` images where mask (rows, columns) is True."""
    tiles = np.kron(_array(mask), np.ones((size, size)))
    ax.imshow(np.ma.masked_equal(tiles, 0), cmap=ListedColormap([ERROR]), alpha=0.3, interpolation="nearest")
    return ax


def _array(values) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
