"""Pictures of graphs: every node and edge is drawn, where the graph says, and nothing lies on anything else."""

import itertools
import math

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from lecture_lib import graph_plots, graphs, plots

SIX = graphs.DirectedGraph([("a", "b"), ("a", "c"), ("c", "d"), ("d", "e"), ("d", "f")])
GIVEN_A_CLASS = graphs.DirectedGraph([("y", "x"), ("z", "x")])
SKIPPING = graphs.DirectedGraph([("a", "b"), ("b", "c"), ("a", "c")])
WIDE = graphs.DirectedGraph([(f"x_{i}", f"y_{j}") for i in range(3) for j in range(5)] + [("r", "x_0"), ("r", "y_4")])
GRAPHS = {"six": SIX, "class": GIVEN_A_CLASS, "skipping": SKIPPING, "wide": WIDE}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def patches(ax, kind):
    return [patch for patch in ax.patches if type(patch) is kind]


def names(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("name", GRAPHS)
def test_every_node_and_edge_is_drawn_once(name):
    ax = graph_plots.directed_graph(GRAPHS[name])
    assert len(patches(ax, Circle)) == len(GRAPHS[name].nodes) == len(names(ax))
    assert len(patches(ax, FancyArrowPatch)) == len(GRAPHS[name].edges)
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", GRAPHS)
def test_arrows_lead_down_and_circles_do_not_touch(name):
    places = graph_plots.layout(GRAPHS[name])
    assert all(places[child][1] < places[parent][1] for parent, child in GRAPHS[name].edges)
    assert min(math.dist(a, b) for a, b in itertools.combinations(places.values(), 2)) > 0.99


def test_an_edge_that_would_cross_a_node_is_bent():
    bends = [
        patch.get_connectionstyle().rad for patch in patches(graph_plots.directed_graph(SKIPPING), FancyArrowPatch)
    ]
    assert [bend != 0 for bend in bends] == [False, False, True]


def test_observed_nodes_are_shaded_and_highlighted_ones_blue():
    ax = graph_plots.directed_graph(GIVEN_A_CLASS, observed=["x"], highlight=["z"])
    faces = {name: to_hex(c.get_facecolor()) for name, c in zip(GIVEN_A_CLASS.nodes, patches(ax, Circle), strict=True)}
    edges = {name: to_hex(c.get_edgecolor()) for name, c in zip(GIVEN_A_CLASS.nodes, patches(ax, Circle), strict=True)}
    assert faces == {"y": "#ffffff", "z": "#ffffff", "x": graph_plots.SHADE}
    assert edges["z"] == plots.MODEL != edges["x"]


def test_an_iterator_of_names_serves_as_well():
    ax = graph_plots.directed_graph(GIVEN_A_CLASS, observed=iter(["x", "y"]))
    assert [to_hex(c.get_facecolor()) for c in patches(ax, Circle)].count(graph_plots.SHADE) == 2


def test_indices_are_set_below_the_line():
    ax = graph_plots.directed_graph(graphs.DirectedGraph([("z_10", "x"), ("θ", "x")]))
    assert names(ax) == ["$z_{10}$", "$θ$", "$x$"]


def test_a_plate_holds_its_nodes_and_its_label():
    ax = graph_plots.directed_graph(GIVEN_A_CLASS, plates={"N": ["x", "z"]})
    (box,) = patches(ax, FancyBboxPatch)
    places = graph_plots.layout(GIVEN_A_CLASS)
    for name, inside in (("x", True), ("z", True)):
        x, y = places[name]
        across, up = x - box.get_x(), y - box.get_y()
        assert inside and 0.3 < across < box.get_width() - 0.3 and 0.3 < up < box.get_height() - 0.3
    assert "$N$" in names(ax)
    assert box.get_x() > ax.get_xlim()[0] and box.get_y() > ax.get_ylim()[0]


def test_an_undirected_graph_has_lines_without_heads():
    ax = graph_plots.undirected_graph(GIVEN_A_CLASS.moral_edges(), graph_plots.layout(GIVEN_A_CLASS), observed="x")
    lines = patches(ax, FancyArrowPatch)
    assert len(lines) == 3 and all(type(line.get_arrowstyle()).__name__ == "Curve" for line in lines)
    assert to_hex(patches(ax, Circle)[-1].get_facecolor()) == graph_plots.SHADE


def test_a_given_axis_is_used():
    _, ax = plt.subplots()
    assert graph_plots.directed_graph(SIX, ax) is ax
    assert graph_plots.undirected_graph([], graph_plots.layout(SIX), ax) is ax


@pytest.mark.parametrize("group", ["observed", "highlight"])
def test_a_name_that_is_no_node_is_refused(group):
    with pytest.raises(ValueError, match=f"{group} holds 'g', which is no node; there are a, b"):
        graph_plots.directed_graph(SIX, **{group: ["g"]})


def test_names_in_plates_and_edges_are_checked_too():
    with pytest.raises(ValueError, match=r"plates\['N'\] holds 'g'"):
        graph_plots.directed_graph(SIX, plates={"N": ["g"]})
    with pytest.raises(ValueError, match="edges holds 'g'"):
        graph_plots.undirected_graph([("a", "g")], graph_plots.layout(SIX))
    with pytest.raises(ValueError, match="no node to draw"):
        graph_plots.directed_graph(graphs.DirectedGraph([]))
