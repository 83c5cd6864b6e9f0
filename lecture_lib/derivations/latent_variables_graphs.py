"""The ledger of lecture 02, first part: what a graph says of a joint distribution, by enumeration of all states."""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from lecture_lib import ledger

NODES = "abcdef"


def rand(generator: torch.Generator, *shape: int) -> Tensor:
    """Numbers between 0.2 and 1.2, none of them special."""
    return 0.2 + torch.rand(shape, dtype=torch.float64, generator=generator)


def any_joint(generator: torch.Generator) -> SimpleNamespace:
    """A distribution of three binary variables without any structure, (2, 2, 2)."""
    p = rand(generator, 2, 2, 2)
    return SimpleNamespace(p=p / p.sum())


def six_nodes(generator: torch.Generator) -> SimpleNamespace:
    """Random tables for the six-node example, and the joint distribution (2, 2, 2, 2, 2, 2) that they define."""
    tables = [rand(generator, 2)] + [rand(generator, 2, 2) for _ in range(5)]
    tables = [table / table.sum(-1, keepdim=True) for table in tables]
    return SimpleNamespace(tables=tables, p=torch.einsum("a,ab,ac,cd,de,df->abcdef", *tables))


def conditional(v: SimpleNamespace, nodes: str, given: str = "") -> Tensor:
    """p(nodes | given), by summing the joint distribution over all other variables; axes kept, of size 1."""
    others, rest = ([i for i in range(v.p.ndim) if NODES[i] not in keep] for keep in (nodes + given, given))
    joint = v.p.sum(others, keepdim=True) if others else v.p
    return joint / v.p.sum(rest, keepdim=True)


def one_pair(generator: torch.Generator) -> SimpleNamespace:
    """A code z, an observation x = w z + m + noise, and a class y with its own m."""
    return SimpleNamespace(
        x=rand(generator),
        z=rand(generator),
        w=2 * rand(generator),
        m=rand(generator, 3),
        sigma=rand(generator),
        p_y=0.3,
    )


def log_joint(v: SimpleNamespace, m: Tensor) -> Tensor:
    """log N of the pair (x, z) as one Gaussian in two dimensions."""
    one = torch.ones_like(v.w)
    cov = torch.stack([torch.stack([v.w**2 + v.sigma**2, v.w]), torch.stack([v.w, one])])
    return MultivariateNormal(torch.stack([m, 0 * m]), cov).log_prob(torch.stack([v.x, v.z]))


LINES = [
    ledger.Line(
        "2.1",
        r"p(x_1, \dots, x_n) = \prod_{i=1}^{n} p(x_i \mid x_1, \dots, x_{i-1})",
        any_joint,
        lambda v: v.p,
        lambda v: conditional(v, "a") * conditional(v, "b", "a") * conditional(v, "c", "ab"),
    ),
    ledger.Line(
        "2.3",
        r"p(a, b, c, d, e, f) = p(a)\, p(b \mid a)\, p(c \mid a)\, p(d \mid c)\, p(e \mid d)\, p(f \mid d)",
        six_nodes,
        lambda v: v.p,
        lambda v: (
            conditional(v, "a")
            * conditional(v, "b", "a")
            * conditional(v, "c", "a")
            * conditional(v, "d", "c")
            * conditional(v, "e", "d")
            * conditional(v, "f", "d")
        ),
    ),
    ledger.Line(
        "2.4",
        r"p(a, b, c, d, e) = p(a)\, p(b \mid a)\, p(c \mid a)\, p(d \mid c)\, p(e \mid d)",
        six_nodes,
        lambda v: v.p.sum(5),
        lambda v: (
            conditional(v, "a")
            * conditional(v, "b", "a")
            * conditional(v, "c", "a")
            * conditional(v, "d", "c")
            * conditional(v, "e", "d")
        ).squeeze(5),
    ),
    ledger.Line(
        "2.5",
        r"p(e, f \mid d) = p(e \mid d)\, p(f \mid d)",
        six_nodes,
        lambda v: conditional(v, "ef", "d"),
        lambda v: conditional(v, "e", "d") * conditional(v, "f", "d"),
    ),
    ledger.Line(
        "2.8",
        r"\sum_{x_1, \dots, x_n} \prod_{i=1}^{n} p\big(x_i \mid \mathrm{pa}(x_i)\big) = 1",
        six_nodes,
        lambda v: torch.einsum("a,ab,ac,cd,de,df->", *v.tables),
        lambda v: torch.ones((), dtype=torch.float64),
    ),
    ledger.Line(
        "2.10",
        r"p(x, z) = p(x \mid z)\, p(z)",
        one_pair,
        lambda v: log_joint(v, v.m[0]).exp(),
        lambda v: (
            Normal(v.w * v.z + v.m[0], v.sigma).log_prob(v.x).exp()
            * Normal(torch.zeros_like(v.z), 1.0).log_prob(v.z).exp()
        ),
    ),
    ledger.Line(
        "2.11",
        r"p(x, y, z) = p(x \mid y, z)\, p(y)\, p(z)",
        one_pair,
        lambda v: torch.stack([v.p_y * log_joint(v, m).exp() for m in v.m]),
        lambda v: (
            Normal(v.w * v.z + v.m, v.sigma).log_prob(v.x).exp()
            * v.p_y
            * Normal(torch.zeros_like(v.z), 1.0).log_prob(v.z).exp()
        ),
    ),
]
