"""Lecture 04, sections 3 and 4: any two Gaussians on the line, and factorized ones in many dimensions."""

from types import SimpleNamespace

import torch
from torch.distributions import Categorical, MultivariateNormal, Normal, kl_divergence

from lecture_lib.derivations import gaussian_kl_univariate as univariate
from lecture_lib.ledger import Line

DIM = 3


def tables(generator: torch.Generator) -> SimpleNamespace:
    """Two factorized distributions of three variables with four values each: probabilities q, p (3, 4)."""
    v = SimpleNamespace(q=univariate.uniform(generator, 0.1, 1, 3, 4), p=univariate.uniform(generator, 0.1, 1, 3, 4))
    v.q, v.p = v.q / v.q.sum(1, keepdim=True), v.p / v.p.sum(1, keepdim=True)
    v.log_ratio = (v.q / v.p).log()
    v.joint_q, v.joint_p = (torch.einsum("a,b,c->abc", *table) for table in (v.q, v.p))
    return v


def diagonal(generator: torch.Generator) -> SimpleNamespace:
    """Two diagonal Gaussians, by mean and standard deviation (D,)."""
    v = SimpleNamespace(
        mu_q=univariate.uniform(generator, 0.4, 1.4, DIM), sigma_q=univariate.uniform(generator, 1.2, 2, DIM)
    )
    v.mu_p, v.sigma_p = univariate.uniform(generator, -1.2, -0.3, DIM), univariate.uniform(generator, 0.5, 0.9, DIM)
    v.q = MultivariateNormal(v.mu_q, (v.sigma_q**2).diag())
    v.p = MultivariateNormal(v.mu_p, (v.sigma_p**2).diag())
    v.standard = MultivariateNormal(torch.zeros_like(v.mu_q), torch.eye(DIM, dtype=torch.float64))
    return v


def of_a_pair(v):
    """The right side of Eq. (4.15)."""
    return (v.sigma_p / v.sigma_q).log() + ((v.mu_q - v.mu_p) ** 2 + v.sigma_q**2) / (2 * v.sigma_p**2) - 1 / 2


def under_all(v):
    """The right side of Eq. (4.18)."""
    ratios = [v.log_ratio[0][:, None, None], v.log_ratio[1][:, None], v.log_ratio[2]]
    return (v.joint_q * (ratios[0] + ratios[1] + ratios[2])).sum()


def one_by_one(v):
    """The right side of Eq. (4.19)."""
    ratios = [v.log_ratio[0][:, None, None], v.log_ratio[1][:, None], v.log_ratio[2]]
    return sum((v.joint_q * ratio).sum() for ratio in ratios)


def under_its_own(v):
    """The right side of Eq. (4.20)."""
    return sum((v.q[j] * v.log_ratio[j]).sum() for j in range(3))


LINES = [
    Line(
        "4.13",
        r"\mathrm{KL}(q \,\|\, p) = \log \frac{\sigma_p}{\sigma_q} - \frac{\mathbb{E}_q[(z - \mu_q)^2]}{2\sigma_q^2}"
        r" + \frac{\mathbb{E}_q[(z - \mu_p)^2]}{2\sigma_p^2}",
        univariate.two,
        left=lambda v: kl_divergence(v.q, v.p),
        right=lambda v: (
            (v.sigma_p / v.sigma_q).log()
            - univariate.expect(v.q, lambda z: (z - v.mu_q) ** 2) / (2 * v.sigma_q**2)
            + univariate.expect(v.q, lambda z: (z - v.mu_p) ** 2) / (2 * v.sigma_p**2)
        ),
    ),
    Line(
        "4.14",
        r"\mathbb{E}_q[(z - \mu_p)^2] = (\mu_q - \mu_p)^2 + \sigma_q^2",
        univariate.two,
        left=lambda v: univariate.expect(v.q, lambda z: (z - v.mu_p) ** 2),
        right=lambda v: (v.mu_q - v.mu_p) ** 2 + v.sigma_q**2,
    ),
    Line(
        "4.15",
        r"\mathrm{KL}(q \,\|\, p) = \log \frac{\sigma_p}{\sigma_q}"
        r" + \frac{(\mu_q - \mu_p)^2 + \sigma_q^2}{2\sigma_p^2} - \tfrac12",
        univariate.two,
        left=lambda v: kl_divergence(v.q, v.p),
        right=of_a_pair,
    ),
    Line(
        "4.16",
        r"= \tfrac12 \Big[\frac{(\mu_q - \mu_p)^2}{\sigma_p^2}"
        r" + \varphi\Big(\log \frac{\sigma_q^2}{\sigma_p^2}\Big)\Big]",
        univariate.two,
        left=of_a_pair,
        right=lambda v: (
            ((v.mu_q - v.mu_p) ** 2 / v.sigma_p**2 + univariate.phi((v.sigma_q**2 / v.sigma_p**2).log())) / 2
        ),
    ),
    Line(
        "4.17",
        r"\mathrm{KL}(q \,\|\, p) = \mathrm{KL}\Big(\mathcal{N}\Big(\frac{\mu_q - \mu_p}{\sigma_p},"
        r" \frac{\sigma_q^2}{\sigma_p^2}\Big) \,\Big\|\, \mathcal{N}(0, 1)\Big)",
        univariate.two,
        left=lambda v: kl_divergence(v.q, v.p),
        right=lambda v: univariate.to_standard(
            Normal((v.mu_q - v.mu_p) / v.sigma_p, (v.sigma_q**2 / v.sigma_p**2).sqrt())
        ),
    ),
    Line(
        "4.18",
        r"\mathrm{KL}\Big(\prod_j q_j \,\Big\|\, \prod_j p_j\Big)"
        r" = \mathbb{E}_q\Big[\sum_j \log \frac{q_j(z_j)}{p_j(z_j)}\Big]",
        tables,
        left=lambda v: (v.joint_q * (v.joint_q / v.joint_p).log()).sum(),
        right=under_all,
    ),
    Line(
        "4.19",
        r"= \sum_j \mathbb{E}_q\Big[\log \frac{q_j(z_j)}{p_j(z_j)}\Big]",
        tables,
        left=under_all,
        right=one_by_one,
    ),
    Line(
        "4.20",
        r"= \sum_j \mathbb{E}_{q_j}\Big[\log \frac{q_j(z_j)}{p_j(z_j)}\Big]",
        tables,
        left=one_by_one,
        right=under_its_own,
    ),
    Line(
        "4.21",
        r"= \sum_j \mathrm{KL}(q_j \,\|\, p_j)",
        tables,
        left=under_its_own,
        right=lambda v: kl_divergence(Categorical(v.q), Categorical(v.p)).sum(),
    ),
    Line(
        "4.22",
        r"\mathrm{KL}\big(\mathcal{N}(\mu, \operatorname{diag} \sigma^2) \,\|\, \mathcal{N}(0, I)\big)"
        r" = \tfrac12 \sum_{j=1}^{J} \big(\mu_j^2 + \sigma_j^2 - \log \sigma_j^2 - 1\big)",
        diagonal,
        left=lambda v: kl_divergence(v.q, v.standard),
        right=lambda v: (v.mu_q**2 + v.sigma_q**2 - (v.sigma_q**2).log() - 1).sum() / 2,
    ),
    Line(
        "4.23",
        r"\mathrm{KL}(q \,\|\, p)"
        r" = \tfrac12 \sum_{j=1}^{J} \Big[\frac{(\mu_{q,j} - \mu_{p,j})^2}{\sigma_{p,j}^2}"
        r" + \varphi\Big(\log \frac{\sigma_{q,j}^2}{\sigma_{p,j}^2}\Big)\Big]",
        diagonal,
        left=lambda v: kl_divergence(v.q, v.p),
        right=lambda v: (
            ((v.mu_q - v.mu_p) ** 2 / v.sigma_p**2 + univariate.phi((v.sigma_q**2 / v.sigma_p**2).log())).sum() / 2
        ),
    ),
]
