"""Pictures of graphical models: circles, arrows and plates, laid out in layers from the graph itself."""

from collections.abc import Iterable

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from lecture_lib import graphs, plots

RADIUS = 0.3
LINE = "#333333"
SHADE = "#d9d9d9"


def directed_graph(
    graph: graphs.DirectedGraph,
    ax: Axes | None = None,
    *,
    observed: Iterable[str] = (),
    plates: dict[str, Iterable[str]] | None = None,
    highlight: Iterable[str] = (),
) -> Axes:
    """The graph in layers, every arrow downward; observed nodes are shaded, highlighted ones blue.

    plates: {label: nodes}, a box around nodes that are repeated together, the label ("N") in its corner. Raises
    ValueError for names that are no nodes.
    """
    positions, observed, highlight = layout(graph), list(observed), list(highlight)
    plates = {label: list(nodes) for label, nodes in (plates or {}).items()}
    _all_known(positions, observed=observed, highlight=highlight, **{f"plates[{k!r}]": v for k, v in plates.items()})
    ax = _canvas(positions, ax)
    for parent, child in graph.edges:
        bend = 0.35 if _passes_a_node(parent, child, positions) else 0.0
        _line(positions[parent], positions[child], ax, "-|>", bend)
    for label, nodes in plates.items():
        _plate(label, [positions[node] for node in nodes], ax)
    _circles(positions, ax, observed, highlight)
    return ax


def undirected_graph(
    edges: Iterable[tuple[str, str]],
    positions: dict[str, tuple[float, float]],
    ax: Axes | None = None,
    *,
    observed: Iterable[str] = (),
    highlight: Iterable[str] = (),
) -> Axes:
    """Nodes at `positions` (such as `layout` gives for a directed graph), joined by lines; shading as there."""
    observed, highlight, edges = list(observed), list(highlight), list(edges)
    _all_known(positions, observed=observed, highlight=highlight, edges=[name for edge in edges for name in edge])
    ax = _canvas(positions, ax)
    for a, b in edges:
        _line(positions[a], positions[b], ax, "-", 0.35 if _passes_a_node(a, b, positions) else 0.0)
    _circles(positions, ax, observed, highlight)
    return ax


def layout(graph: graphs.DirectedGraph) -> dict[str, tuple[float, float]]:
    """{node: (x, y)}: y is minus the length of the longest path to the node; x follows the parents, 1 or more apart."""
    depth: dict[str, int] = {}
    for node in graph.nodes:
        depth[node] = 1 + max((depth[parent] for parent in graph.parents(node)), default=-1)
    x: dict[str, float] = {}
    for level in range(max(depth.values(), default=-1) + 1):
        layer = [node for node in graph.nodes if depth[node] == level]
        wanted = {node: _mean([x[parent] for parent in graph.parents(node)]) for node in layer}
        layer.sort(key=wanted.get)
        middle = _mean([wanted[node] for node in layer])
        spread = max(1.0, (wanted[layer[-1]] - wanted[layer[0]]) / max(1, len(layer) - 1))
        x |= {node: middle + spread * (i - (len(layer) - 1) / 2) for i, node in enumerate(layer)}
    return {node: (x[node], -float(depth[node])) for node in graph.nodes}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _passes_a_node(a: str, b: str, positions: dict[str, tuple[float, float]]) -> bool:
    """Whether the straight line from a to b would touch another node."""
    (x0, y0), (x1, y1) = positions[a], positions[b]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    for node, (x, y) in positions.items():
        along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length**2
        across = abs((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length
        if node not in (a, b) and 0 < along < 1 and across < 1.2 * RADIUS:
            return True
    return False


def _all_known(positions: dict, **groups: Iterable[str]) -> None:
    for name, nodes in groups.items():
        if unknown := [node for node in nodes if node not in positions]:
            raise ValueError(f"{name} holds {unknown[0]!r}, which is no node; there are {', '.join(positions)}")


def _canvas(positions: dict[str, tuple[float, float]], ax: Axes | None) -> Axes:
    """An axis without frame in which all nodes, and plates around them, have room."""
    if not positions:
        raise ValueError("there is no node to draw")
    xs, ys = zip(*positions.values(), strict=True)
    low, high = (min(xs) - 0.75, min(ys) - 0.75), (max(xs) + 0.75, max(ys) + 0.75)
    if ax is None:
        _, ax = plt.subplots(figsize=(0.85 * (high[0] - low[0]), 0.85 * (high[1] - low[1])))
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    ax.set_axis_off()
    return ax


def _circles(positions: dict, ax: Axes, observed: Iterable[str], highlight: Iterable[str]) -> None:
    for node, place in positions.items():
        color = plots.MODEL if node in highlight else LINE
        face = SHADE if node in observed else "white"
        ax.add_patch(Circle(place, RADIUS, facecolor=face, edgecolor=color, linewidth=2, zorder=3))
        stem, _, index = node.partition("_")
        ax.text(*place, f"${stem}_{{{index}}}$" if index else f"${stem}$", ha="center", va="center", size=13, zorder=4)


def _line(start: tuple, end: tuple, ax: Axes, style: str, bend: float) -> None:
    """A line or arrow from circle to circle."""
    shape = {"arrowstyle": style, "mutation_scale": 15, "connectionstyle": f"arc3,rad={bend}"}
    ends = [Circle(place, RADIUS, transform=ax.transData) for place in (start, end)]
    line = FancyArrowPatch(start, end, patchA=ends[0], patchB=ends[1], shrinkA=0, shrinkB=1, **shape)
    line.set(color=LINE, linewidth=1.5, zorder=2)
    ax.add_patch(line)


def _plate(label: str, places: list[tuple[float, float]], ax: Axes) -> None:
    xs, ys = zip(*places, strict=True)
    corner, width, height = (min(xs) - 0.5, min(ys) - 0.6), max(xs) - min(xs) + 1.0, max(ys) - min(ys) + 1.05
    style = "round,pad=0,rounding_size=0.12"
    ax.add_patch(FancyBboxPatch(corner, width, height, style, facecolor="none", edgecolor=plots.DATA, linewidth=1.5))
    ax.text(max(xs) + 0.44, min(ys) - 0.54, f"${label}$", ha="right", va="bottom", size=11)
