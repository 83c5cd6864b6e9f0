"""The ledger of lecture 07, second part: the bound given a label, reading the label, and what the KL pays for."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from lecture_lib import latent_variables, ledger, quadrature
from lecture_lib.derivations.latent_variables_graphs import rand


def oracle(generator: torch.Generator) -> SimpleNamespace:
    """x = W z + m_y + noise with J = 1 and three labels of unequal p(y); an x of label 1, and a Gaussian q."""
    w, means, prior = rand(generator, 3, 1), rand(generator, 3, 3), rand(generator, 3)
    v = SimpleNamespace(models=[latent_variables.LinearGaussian(w, mean, 0.7) for mean in means])
    v.prior, v.model, v.w, v.means = prior / prior.sum(), v.models[1], w, means
    v.x, v.mu, v.sigma = 2 * rand(generator, 3), rand(generator), rand(generator)
    return v


def at_the_posterior(generator: torch.Generator) -> SimpleNamespace:
    """The same with q equal to p(z|x, y)."""
    v = oracle(generator)
    mean, cov = v.model.posterior(v.x)
    v.mu, v.sigma = mean[0], cov[0, 0].sqrt()
    return v


def tables(generator: torch.Generator) -> SimpleNamespace:
    """Twenty images x, ten labels y, three codes z: joint p(x, y), q(z|x, y), the prior p(z), and what follows.

    q (20, 10, 3) is p(x, y) q(z|x, y), a joint distribution of all three.
    """
    joint, encoder, prior = rand(generator, 20, 10), rand(generator, 20, 10, 3) ** 2, rand(generator, 3)
    return following(joint / joint.sum(), encoder / encoder.sum(-1, keepdim=True), prior / prior.sum())


def a_code_that_says_the_label(generator: torch.Generator) -> SimpleNamespace:
    """Ten codes, one for each label, and labels equally often."""
    joint = rand(generator, 20, 10)
    encoder = torch.eye(10, dtype=torch.float64).expand(20, 10, 10)
    return following(joint / joint.sum(0) / 10, encoder, torch.full((10,), 0.1, dtype=torch.float64))


def with_a_reader(generator: torch.Generator) -> SimpleNamespace:
    """The tables, and any r(y|z), (10, 3)."""
    v = tables(generator)
    v.reader = rand(generator, 10, 3)
    v.reader = v.reader / v.reader.sum(0)
    return v


def with_the_best_reader(generator: torch.Generator) -> SimpleNamespace:
    """The tables, and r(y|z) = q(y|z)."""
    v = tables(generator)
    v.reader = v.y_and_z / v.z
    return v


def following(joint: Tensor, encoder: Tensor, prior: Tensor) -> SimpleNamespace:
    """All conditional distributions that the lines name."""
    q = joint.unsqueeze(-1) * encoder
    v = SimpleNamespace(q=q, encoder=encoder, prior=prior, y=joint.sum(0))
    v.z_given_y, v.z, v.y_and_z = q.sum(0) / v.y.unsqueeze(-1), q.sum((0, 1)), q.sum(0)
    return v


def mean_log(p: Tensor, ratio: Tensor) -> Tensor:
    """The sum of p log ratio, where p is not zero."""
    return torch.where(p > 0, p * ratio.log(), 0).sum()


def by_densities(v: SimpleNamespace) -> Tensor:
    """p(x|y) of each label, the integral of p(x|y, z) p(z) by quadrature, (3,)."""

    def density(z):  # (n, 3), one column for each label
        return Normal(z.unsqueeze(-1) * v.w[:, 0] + v.means, 0.7**0.5).log_prob(v.x).sum(-1).exp()

    zero = torch.zeros(3, dtype=torch.float64)
    return quadrature.normal_expectation(density, zero, zero + 1, n_nodes=100)


def given_the_label(v: SimpleNamespace) -> Tensor:
    """I(z; x|y) + E[KL(q(z|y) || p(z))]."""
    return mean_log(v.q, v.encoder / v.z_given_y) + mean_log(v.y_and_z, v.z_given_y / v.prior)


LINES = [
    ledger.Line(
        "7.11",
        r"\log p_\theta(x \mid y)\ \ge\ \mathbb E_{q_\phi(z \mid x, y)}\big[\log p_\theta(x \mid y, z)\big]"
        r"- \mathrm{KL}\big(q_\phi(z \mid x, y)\,\|\,p(z)\big)",
        oracle,
        lambda v: MultivariateNormal(v.means[1], v.w @ v.w.T + 0.7 * torch.eye(3).double()).log_prob(v.x),
        lambda v: (
            quadrature.normal_expectation(lambda z: v.model.log_likelihood(v.x, z.unsqueeze(-1)), v.mu, v.sigma)
            - kl_divergence(Normal(v.mu, v.sigma), Normal(torch.zeros_like(v.mu), 1.0))
        ),
        ">=",
        tight=at_the_posterior,
    ),
    ledger.Line(
        "7.12",
        r"p(y \mid x) = \frac{p(x \mid y)\, p(y)}{\sum_{y'} p(x \mid y')\, p(y')}",
        oracle,
        lambda v: torch.stack([m.log_evidence(v.x) + p.log() for m, p in zip(v.models, v.prior, strict=True)]).softmax(
            0
        ),
        lambda v: by_densities(v) * v.prior / (by_densities(v) * v.prior).sum(),
    ),
    ledger.Line(
        "7.13",
        r"\mathbb E_{p(x, y)}\Big[\mathrm{KL}\big(q(z \mid x, y)\,\|\,p(z)\big)\Big] = I(z; x \mid y)"
        r"+ \mathbb E_{p(y)}\Big[\mathrm{KL}\big(q(z \mid y)\,\|\,p(z)\big)\Big]",
        tables,
        lambda v: mean_log(v.q, v.encoder / v.prior),
        given_the_label,
    ),
    ledger.Line(
        "7.14",
        r"= I(z; x \mid y) + I(z; y) + \mathrm{KL}\big(q(z)\,\|\,p(z)\big)",
        tables,
        given_the_label,
        lambda v: (
            mean_log(v.q, v.encoder / v.z_given_y)
            + mean_log(v.y_and_z, v.y_and_z / (v.y.unsqueeze(-1) * v.z))
            + mean_log(v.z, v.z / v.prior)
        ),
    ),
    ledger.Line(
        "7.15",
        r"I(z; y) \le \log 10",
        tables,
        lambda v: mean_log(v.y_and_z, v.y_and_z / (v.y.unsqueeze(-1) * v.z)),
        lambda v: torch.tensor(math.log(10), dtype=torch.float64),
        "<=",
        tight=a_code_that_says_the_label,
    ),
    ledger.Line(
        "7.16",
        r"I(z; y)\ \ge\ \mathbb E_{q(z, y)}\big[\log r(y \mid z)\big] - \sum_y p(y) \log p(y)",
        with_a_reader,
        lambda v: mean_log(v.y_and_z, v.y_and_z / (v.y.unsqueeze(-1) * v.z)),
        lambda v: mean_log(v.y_and_z, v.reader) - mean_log(v.y, v.y),
        ">=",
        tight=with_the_best_reader,
    ),
]
