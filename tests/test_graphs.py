"""Directed graphs: factorization against exact enumeration, sampling against the tables, independence by counting."""

import itertools
import math

import pytest
import torch

from lecture_lib import graphs

SIX = [("a", "b"), ("a", "c"), ("c", "d"), ("d", "e"), ("d", "f")]
COLLIDER = [("x", "s"), ("y", "s"), ("s", "t")]
SHAPES = {
    "six": SIX,
    "collider": COLLIDER,
    "diamond": [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")],
    "chain": [("c", "b"), ("b", "a")],
    "full": [("a", "b"), ("a", "c"), ("b", "c"), ("a", "d"), ("b", "d"), ("c", "d")],
    "two parts": [("a", "b"), ("u", "v"), ("w", "v")],
}


def tables(graph, seed=0):
    """P(node = 1 | parents) for every state of the parents, by random numbers: {node: (2, ..., 2)}."""
    generator = torch.Generator().manual_seed(seed)
    shape = {node: (2,) * len(graph.parents(node)) for node in graph.nodes}
    return {n: 0.1 + 0.8 * torch.rand(s, dtype=torch.float64, generator=generator) for n, s in shape.items()}


def one(table, parents):
    return table[tuple(parents.values())] if parents else table


def log_conditionals(table):
    def log_p(node):
        return lambda value, parents: torch.where(
            value == 1, one(table[node], parents), 1 - one(table[node], parents)
        ).log()

    return {node: log_p(node) for node in table}


def states(graph):
    """All states of binary nodes, {node: (2^n,)}."""
    columns = torch.tensor(list(itertools.product([0, 1], repeat=len(graph.nodes)))).T
    return dict(zip(graph.nodes, columns, strict=True))


def joint(graph, seed=0):
    """The joint table (2, ..., 2), one axis a node, built by explicit loops."""
    table = tables(graph, seed)
    p = torch.zeros((2,) * len(graph.nodes), dtype=torch.float64)
    for state in itertools.product([0, 1], repeat=len(graph.nodes)):
        value = dict(zip(graph.nodes, state, strict=True))
        p[state] = math.prod(
            float(q) if value[n] else 1 - float(q)
            for n in graph.nodes
            for q in [table[n][tuple(value[m] for m in graph.parents(n))]]
        )
    return p


# --- structure ---


def test_the_example_of_the_notes_factorizes():
    assert graphs.DirectedGraph(SIX).factorization() == "p(a) p(b|a) p(c|a) p(d|c) p(e|d) p(f|d)"


def test_several_parents_stand_behind_one_bar():
    graph = graphs.DirectedGraph([("y", "x"), ("z", "x")])
    assert graph.factorization() == "p(y) p(z) p(x|y,z)"
    assert graph.parents("x") == ["y", "z"] and graph.parents("y") == []


def test_nodes_without_edges_are_independent_factors():
    assert graphs.DirectedGraph([("a", "b")], nodes=["u"]).factorization() == "p(u) p(a) p(b|a)"
    assert graphs.DirectedGraph([], nodes="z").nodes == ["z"]
    assert graphs.DirectedGraph([]).factorization() == ""


def test_the_order_is_that_of_naming_with_parents_first():
    assert graphs.DirectedGraph([("c", "b"), ("b", "a")]).nodes == ["c", "b", "a"]
    assert graphs.DirectedGraph([("b", "c"), ("a", "b")]).nodes == ["a", "b", "c"]
    assert graphs.DirectedGraph(iter(SIX)).nodes == list("abcdef")


@pytest.mark.parametrize("shuffle", range(20))
def test_every_order_of_edges_gives_parents_before_children(shuffle):
    edges = [SHAPES["full"][i] for i in torch.randperm(6, generator=torch.Generator().manual_seed(shuffle))]
    assert graphs.DirectedGraph(edges).nodes == list("abcd")


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ([("a", "a")], "a -> a"),
        ([("a", "b"), ("b", "a")], "a -> b -> a|b -> a -> b"),
        ([("r", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "leaf")], "a -> b -> c -> a"),
        ([("leaf", "end"), ("b", "leaf"), ("a", "b"), ("b", "a")], "a -> b -> a|b -> a -> b"),
    ],
)
def test_a_cycle_is_refused_and_named(edges, cycle):
    with pytest.raises(ValueError, match=rf"edges hold the cycle ({cycle}); a directed model has none"):
        graphs.DirectedGraph(edges)


def test_a_cycle_among_many_nodes_is_found_quickly():
    edges = [(f"x_{i}", f"x_{i + 1}") for i in range(300)]
    assert graphs.DirectedGraph(edges).nodes[-1] == "x_300"
    with pytest.raises(ValueError, match=r"x_0 -> x_1 -> .* -> x_0|x_300 -> x_0 -> "):
        graphs.DirectedGraph([*edges, ("x_300", "x_0")])


@pytest.mark.parametrize(
    ("edges", "nodes", "message"),
    [
        (["ab"], (), "edges holds 'ab'; an edge is a pair"),
        ([("a", "b", "c")], (), r"edges holds \('a', 'b', 'c'\); an edge is a pair"),
        ([3], (), "edges holds 3; an edge is a pair"),
        ([("a", 3)], (), "3 is no name for a node"),
        ([("a", "")], (), "'' is no name for a node"),
        ([("a", "b|c")], (), r"'b\|c' is no name for a node"),
        ([("a", "b"), ("a", "b")], (), r"edges holds \('a', 'b'\) twice"),
        ([], ["x y"], "'x y' is no name for a node"),
    ],
)
def test_what_is_no_graph_is_refused(edges, nodes, message):
    with pytest.raises(ValueError, match=message):
        graphs.DirectedGraph(edges, nodes=nodes)


def test_unknown_nodes_are_named():
    graph = graphs.DirectedGraph(SIX)
    for call in (graph.parents, lambda node: graph.ancestors([node]), lambda node: graph.independent("a", node)):
        with pytest.raises(ValueError, match="'g' is no node of this graph; it has a, b, c, d, e, f"):
            call("g")


# --- probability ---


@pytest.mark.parametrize("name", SHAPES)
def test_the_product_of_conditionals_is_the_joint_and_sums_to_one(name):
    graph = graphs.DirectedGraph(SHAPES[name])
    log_p = graph.log_prob(states(graph), log_conditionals(tables(graph)))
    assert torch.allclose(log_p.exp(), joint(graph).flatten(), rtol=1e-12)
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", SHAPES)
def test_ancestral_samples_have_the_joint_frequencies(name):
    graph, n = graphs.DirectedGraph(SHAPES[name]), 40_000
    table = tables(graph)

    def conditional(node):
        def draw(parents, n, generator):
            p = one(table[node], parents)
            return (torch.rand(n, dtype=torch.float64, generator=generator) < p).long()

        return draw

    drawn = graph.ancestral_sample({node: conditional(node) for node in table}, n, generator=torch.manual_seed(0))
    assert list(drawn) == graph.nodes
    index = torch.stack([drawn[node] for node in graph.nodes]).T
    counts = torch.zeros_like(joint(graph)).index_put(tuple(index.T), torch.ones(n, dtype=torch.float64), True)
    expected = n * joint(graph)
    chi2, freedom = float(((counts - expected) ** 2 / expected).sum()), counts.numel() - 1
    assert chi2 < freedom + 5 * math.sqrt(2 * freedom)


def gaussian_chain():
    """z ~ N(0, I), x = 2 z + 1 + noise / 2, in two dimensions."""

    def z(parents, n, generator):
        return torch.randn(n, 2, generator=generator)

    def x(parents, n, generator):
        return 2 * parents["z"] + 1 + 0.5 * torch.randn(n, 2, generator=generator)

    return {"z": z, "x": x}


def test_continuous_nodes_are_drawn_given_their_parents():
    graph = graphs.DirectedGraph([("z", "x")])
    drawn = graph.ancestral_sample(gaussian_chain(), 50_000, generator=torch.Generator().manual_seed(0))
    assert drawn["x"].shape == (50_000, 2)
    assert torch.allclose(torch.cov(drawn["x"].T), 4.25 * torch.eye(2), atol=5 * 4.25 * math.sqrt(2 / 50_000))
    again = graph.ancestral_sample(gaussian_chain(), 50_000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn["x"], again["x"])
    assert graph.ancestral_sample(gaussian_chain(), 0)["x"].shape == (0, 2)


def test_a_sampler_sees_its_parents_only():
    seen = {}

    def sampler(node):
        def draw(parents, n, generator):
            seen[node] = list(parents)
            return torch.zeros(n)

        return draw

    graphs.DirectedGraph(COLLIDER).ancestral_sample({node: sampler(node) for node in "xyst"}, 2)
    assert seen == {"x": [], "y": [], "s": ["x", "y"], "t": ["s"]}


def test_missing_and_unknown_entries_are_named():
    graph = graphs.DirectedGraph([("z", "x")])
    with pytest.raises(ValueError, match="conditionals has nothing for x; it needs an entry for every node"):
        graph.ancestral_sample({"z": gaussian_chain()["z"]}, 3)
    with pytest.raises(ValueError, match="conditionals has an entry for y; the nodes are z, x"):
        graph.ancestral_sample(gaussian_chain() | {"y": None}, 3)
    with pytest.raises(ValueError, match="values has nothing for z"):
        graph.log_prob({"x": torch.zeros(2)}, {})
    with pytest.raises(ValueError, match="log_conditionals has nothing for z, x"):
        graph.log_prob({"x": torch.zeros(2), "z": torch.zeros(2)}, {})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(4), r"conditionals\['x'\] gave shape \(4,\); it must give a tensor \(n, \.\.\.\) with n = 3"),
        (torch.tensor(0.0), r"gave shape \(\)"),
        (7, "gave int"),
    ],
)
def test_a_draw_of_another_size_is_refused(value, message):
    graph = graphs.DirectedGraph([("z", "x")])
    with pytest.raises(ValueError, match=message):
        graph.ancestral_sample(gaussian_chain() | {"x": lambda parents, n, generator: value}, 3)


def test_log_densities_that_are_not_one_number_a_draw_are_refused():
    graph = graphs.DirectedGraph([("z", "x")])
    densities = {"z": lambda value, parents: value, "x": lambda value, parents: value.sum(-1)}
    with pytest.raises(ValueError, match=r"different shapes: z \(3, 2\), x \(3,\)"):
        graph.log_prob({"z": torch.zeros(3, 2), "x": torch.zeros(3, 2)}, densities)


# --- independence ---


def dependence(p, a, b, given):
    """The largest |p(a, b | given) - p(a | given) p(b | given)| in a joint table, by summing it out."""
    keep = [a, b, *given]
    summed = p.sum([i for i in range(p.ndim) if i not in keep]) if p.ndim > len(keep) else p
    summed = summed.permute([sorted(keep).index(i) for i in keep])
    conditional = summed / summed.sum((0, 1), keepdim=True)
    product = conditional.sum(1, keepdim=True) * conditional.sum(0, keepdim=True)
    return float((conditional - product).abs().max())


@pytest.mark.parametrize("name", SHAPES)
def test_separation_in_the_graph_is_independence_in_the_tables(name):
    graph = graphs.DirectedGraph(SHAPES[name])
    p, nodes = joint(graph, seed=3), graph.nodes
    for a, b in itertools.combinations(nodes, 2):
        others = [node for node in nodes if node not in (a, b)]
        for size in range(len(others) + 1):
            for given in itertools.combinations(others, size):
                largest = dependence(p, *(nodes.index(node) for node in (a, b)), [nodes.index(g) for g in given])
                assert graph.independent(a, b, given) == graph.independent(b, a, given)
                assert (largest < 1e-12) == graph.independent(a, b, given), (a, b, given, largest)


def test_two_causes_are_independent_until_their_effect_is_seen():
    graph = graphs.DirectedGraph(COLLIDER)
    assert graph.independent("x", "y")
    assert not graph.independent("x", "y", ["s"])
    assert not graph.independent("x", "y", "t")


@pytest.mark.parametrize(("a", "b", "given"), [("a", "a", ()), ("a", "b", ["b"]), ("a", "b", "a")])
def test_independence_of_a_node_with_itself_is_no_question(a, b, given):
    with pytest.raises(ValueError, match="a and b must be two nodes, both outside given"):
        graphs.DirectedGraph(SIX).independent(a, b, given)


def test_the_moral_graph_marries_parents():
    assert graphs.DirectedGraph(COLLIDER).moral_edges() == [("x", "y"), ("x", "s"), ("y", "s"), ("s", "t")]
    assert graphs.DirectedGraph(SIX).moral_edges() == SIX


def test_ancestors_include_the_nodes_themselves():
    graph = graphs.DirectedGraph(SIX)
    assert graph.ancestors(["e"]) == {"a", "c", "d", "e"} and graph.ancestors("b") == {"a", "b"}
    assert graph.ancestors([]) == set()
