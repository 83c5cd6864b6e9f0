"""Directed graphical models: a graph without cycles that factorizes, samples and says what is independent of what."""

import itertools
from collections.abc import Callable, Iterable

import torch
from torch import Tensor


class DirectedGraph:
    """A directed acyclic graph. `edges` are pairs (parent, child) of names, `nodes` names that may have no edge.

    A name is a Python identifier ("z", "z_1", "θ"). The attribute `nodes` lists all names, parents first, otherwise in
    the order in which they were given. Raises ValueError for a cycle, naming it, and for an edge given twice.
    """

    def __init__(self, edges: Iterable[tuple[str, str]], *, nodes: Iterable[str] = ()):
        self.edges = [_pair(edge) for edge in edges]
        names = list(dict.fromkeys([*map(_name, _listed(nodes)), *itertools.chain(*self.edges)]))
        if twice := [edge for i, edge in enumerate(self.edges) if edge in self.edges[:i]]:
            raise ValueError(f"edges holds {twice[0]} twice; once is enough")
        self._parents = {name: [parent for parent, child in self.edges if child == name] for name in names}
        self.nodes = self._sorted(names)

    def parents(self, node: str) -> list[str]:
        """The names of the nodes from which an edge leads to `node`, in the order of the edges."""
        self._known(node)
        return list(self._parents[node])

    def factorization(self) -> str:
        """The joint distribution as a product, "p(a) p(b|a) p(c|a,b)": one factor a node, parents first. Eq. (2.2)."""
        given = {node: "|" * bool(parents) + ",".join(parents) for node, parents in self._parents.items()}
        return " ".join(f"p({node}{given[node]})" for node in self.nodes)

    def ancestral_sample(
        self,
        conditionals: dict[str, Callable[[dict[str, Tensor], int, torch.Generator | None], Tensor]],
        n: int,
        *,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """n draws from the joint distribution, {node: (n, ...)}: every node after its parents. Eq. (2.9).

        conditionals[node](parents, n, generator) draws (n, ...) given {parent: (n, ...)}. Raises ValueError where a
        node has no function, a function no node, or a result not n rows.
        """
        self._one_for_each(conditionals, "conditionals")
        drawn: dict[str, Tensor] = {}
        for node in self.nodes:
            value = conditionals[node]({parent: drawn[parent] for parent in self._parents[node]}, n, generator)
            if not isinstance(value, Tensor) or value.shape[:1] != (n,):
                what = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"{type(value).__name__}"
                raise ValueError(f"conditionals[{node!r}] gave {what}; it must give a tensor (n, ...) with n = {n}")
            drawn[node] = value
        return {node: drawn[node] for node in self.nodes}

    def log_prob(
        self, values: dict[str, Tensor], log_conditionals: dict[str, Callable[[Tensor, dict[str, Tensor]], Tensor]]
    ) -> Tensor:
        """log p(all nodes) = sum of log p(node | its parents), {node: (n, ...)} -> (n,). Eq. (2.2).

        log_conditionals[node](value, parents) gives (n,) from (n, ...) and {parent: (n, ...)}. Raises ValueError where
        a node has no value or no function, or there is one for no node.
        """
        self._one_for_each(values, "values")
        self._one_for_each(log_conditionals, "log_conditionals")
        terms = [
            log_conditionals[node](values[node], {parent: values[parent] for parent in self._parents[node]})
            for node in self.nodes
        ]
        if len({term.shape for term in terms}) > 1:
            shapes = ", ".join(f"{node} {tuple(term.shape)}" for node, term in zip(self.nodes, terms, strict=True))
            raise ValueError(f"log_conditionals gave different shapes: {shapes}; each must give one value a draw, (n,)")
        return sum(terms[1:], terms[0])

    def ancestors(self, nodes: Iterable[str]) -> set[str]:
        """`nodes`, their parents, the parents of those, and so on."""
        found, waiting = set(), _listed(nodes)
        while waiting:
            node = waiting.pop()
            waiting += [parent for parent in self.parents(node) if parent not in found]
            found.add(node)
        return found

    def moral_edges(self, nodes: Iterable[str] | None = None) -> list[tuple[str, str]]:
        """The undirected graph of the factors: each node joined with its parents, and its parents with each other.

        With `nodes`, the graph of these alone, which must hold the parents of each of its nodes.
        """
        keep = set(self.nodes if nodes is None else nodes)
        families = [[*self._parents[node], node] for node in self.nodes if node in keep]
        pairs = [tuple(sorted(pair, key=self.nodes.index)) for f in families for pair in itertools.combinations(f, 2)]
        return list(dict.fromkeys(pairs))

    def independent(self, a: str, b: str, given: Iterable[str] = ()) -> bool:
        """Whether the graph alone makes a and b independent given the nodes `given` (d-separation).

        They are, if `given` separates them in the moral graph of all three and their ancestors (Lauritzen, Dawid,
        Larsen & Leimer 1990). Raises ValueError where a and b are not two nodes, both outside `given`.
        """
        given = _listed(given)
        if len({a, b, *given}) != 2 + len(set(given)):
            raise ValueError(f"a is {a!r}, b {b!r} and given {given}; a and b must be two nodes, both outside given")
        edges = self.moral_edges(self.ancestors([a, b, *given]))
        reached, waiting = {*given}, [a]
        while waiting:
            node = waiting.pop()
            reached.add(node)
            waiting += [other for pair in edges if node in pair for other in pair if other not in reached]
        return b not in reached

    def _sorted(self, names: list[str]) -> list[str]:
        """Parents before children; ValueError names a cycle."""
        done: list[str] = []
        while len(done) < len(names):
            ready = (name for name in names if name not in done and set(self._parents[name]) <= set(done))
            if (node := next(ready, None)) is None:
                cycle = " -> ".join(self._cycle([name for name in names if name not in done]))
                raise ValueError(f"edges hold the cycle {cycle}; a directed model has none")
            done.append(node)
        return done

    def _cycle(self, names: list[str]) -> list[str]:
        """A cycle among `names`, each of which has a parent among them: walk backward until a name returns."""
        path = [names[0]]
        while path[0] not in path[1:]:
            path.insert(0, next(parent for parent in self._parents[path[0]] if parent in names))
        return path[: path.index(path[0], 1) + 1]

    def _known(self, node: str) -> None:
        if node not in self._parents:
            raise ValueError(f"{node!r} is no node of this graph; it has {', '.join(self.nodes)}")

    def _one_for_each(self, given: dict, name: str) -> None:
        """Whether a dictionary has an entry for every node and for nothing else."""
        if missing := [node for node in self.nodes if node not in given]:
            raise ValueError(f"{name} has nothing for {', '.join(missing)}; it needs an entry for every node")
        if unknown := [str(node) for node in given if node not in self._parents]:
            raise ValueError(f"{name} has an entry for {', '.join(unknown)}; the nodes are {', '.join(self.nodes)}")


def _listed(nodes: Iterable[str]) -> list[str]:
    """Names as a list; one string alone is one name, not its letters."""
    return [nodes] if isinstance(nodes, str) else list(nodes)


def _name(name: str) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"{name!r} is no name for a node; take letters, digits and _, such as 'z' or 'z_1'")
    return name


def _pair(edge: tuple[str, str]) -> tuple[str, str]:
    if isinstance(edge, str) or not isinstance(edge, Iterable) or len(pair := tuple(edge)) != 2:
        raise ValueError(f"edges holds {edge!r}; an edge is a pair (parent, child) of names")
    return _name(pair[0]), _name(pair[1])
