"""The ledger of lecture 02, second part: the evidence by random draws, checked by quadrature."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from lecture_lib import latent_variables, ledger, monte_carlo, quadrature
from lecture_lib.derivations.latent_variables_graphs import rand


def oracle(generator: torch.Generator, scale: float = 1.0) -> SimpleNamespace:
    """A linear-Gaussian model with D = 3 and J = 1, an observation, a code, a Gaussian q wide enough."""
    model = latent_variables.LinearGaussian(scale * rand(generator, 3, 1), rand(generator, 3), 1.7)
    x = model.mean + 2 * rand(generator, 3) - 0.9
    mean, cov = model.posterior(x)
    sigma = cov[0, 0].sqrt() * (0.9 + rand(generator) / 2)
    return SimpleNamespace(model=model, x=x, z=rand(generator), mu=mean[0] + rand(generator) / 3, sigma=sigma)


def likelihood(v: SimpleNamespace, z: Tensor) -> Tensor:
    """p(x|z) for z (...)."""
    mean = v.model.mean + z.unsqueeze(-1) * v.model.W[:, 0]
    return Normal(mean, math.sqrt(v.model.noise_variance)).log_prob(v.x).sum(-1).exp()


def prior(z: Tensor) -> Tensor:
    """p(z) for z (...)."""
    return Normal(torch.zeros_like(z), 1.0).log_prob(z).exp()


def proposal(v: SimpleNamespace, z: Tensor) -> Tensor:
    """q(z) for z (...)."""
    return Normal(v.mu, v.sigma).log_prob(z).exp()


def posterior(v: SimpleNamespace, z: Tensor) -> Tensor:
    """p(z|x) for z (...), from the joint Gaussian of x and z."""
    slope = torch.linalg.solve(v.model.covariance, v.model.W[:, 0])
    return Normal(slope @ (v.x - v.model.mean), (1 - slope @ v.model.W[:, 0]).sqrt()).log_prob(z).exp()


def evidence(v: SimpleNamespace) -> Tensor:
    """p(x), from the covariance of x."""
    return MultivariateNormal(v.model.mean, v.model.covariance).log_prob(v.x).exp()


def over_prior(f) -> Tensor:
    """E[f(z)], z from the prior."""
    return quadrature.normal_expectation(f, 0.0, 1.0, n_nodes=150)


def over_proposal(v: SimpleNamespace, f) -> Tensor:
    """E[f(z)], z from q."""
    return quadrature.normal_expectation(f, v.mu, v.sigma, n_nodes=150)


def over_two(v: SimpleNamespace, f) -> Tensor:
    """E[f(p_hat)] for the estimate p_hat of S = 2 draws from the prior, by quadrature over both."""
    eye = torch.eye(2, dtype=torch.float64)
    return quadrature.gaussian_expectation(
        lambda z: f((likelihood(v, z[:, 0]) + likelihood(v, z[:, 1])) / 2), torch.zeros_like(eye[0]), eye, n_nodes=150
    )


def by_integral(v: SimpleNamespace) -> Tensor:
    """The integral of p(x|z) p(z)."""
    return quadrature.integral(lambda z: likelihood(v, z) * prior(z), -12.0, 12.0)


def two_codes(generator: torch.Generator) -> SimpleNamespace:
    """J = 2, and a proposal by its variances b relative to the posterior and its shifts d in posterior deviations."""
    model = latent_variables.LinearGaussian(rand(generator, 3, 2), rand(generator, 3), 1.7)
    x, b, d = 2 * rand(generator, 3), 0.7 + rand(generator, 2), rand(generator, 2)
    mean, cov = model.posterior(x)
    axes, _ = torch.linalg.qr(rand(generator, 2, 2))
    root = torch.linalg.cholesky(cov) @ axes
    return SimpleNamespace(model=model, x=x, b=b, d=d, mu=mean + root @ d, cov=root * b @ root.T)


def second_moment(v: SimpleNamespace) -> Tensor:
    """E_q[w^2] / p(x)^2 in two dimensions."""
    q = MultivariateNormal(v.mu, v.cov)
    return quadrature.gaussian_expectation(
        lambda z: (2 * (v.model.log_joint(v.x, z) - q.log_prob(z) - evidence(v).log())).exp(), v.mu, v.cov, n_nodes=90
    )


def weights(generator: torch.Generator) -> SimpleNamespace:
    """Seven positive weights."""
    return SimpleNamespace(w=rand(generator, 7))


def equal_weights(generator: torch.Generator) -> SimpleNamespace:
    """Seven weights that are all the same."""
    return SimpleNamespace(w=rand(generator).expand(7))


LINES = [
    ledger.Line(
        "2.12",
        r"p(x) = \int p(x \mid z)\, p(z)\, dz",
        oracle,
        evidence,
        by_integral,
    ),
    ledger.Line(
        "2.13",
        r"= \mathbb E_{p(z)}\big[p(x \mid z)\big]",
        oracle,
        by_integral,
        lambda v: over_prior(lambda z: likelihood(v, z)),
    ),
    ledger.Line(
        "2.15",
        r"\mathbb E\big[\hat p(x)\big] = p(x)",
        oracle,
        lambda v: over_two(v, lambda p_hat: p_hat),
        lambda v: evidence(v),
    ),
    ledger.Line(
        "2.16",
        r"\mathrm{Var}\big[\hat p(x)\big] = \frac1S\, \mathrm{Var}_{p(z)}\big[p(x \mid z)\big]",
        oracle,
        lambda v: over_two(v, lambda p_hat: p_hat**2) - over_two(v, lambda p_hat: p_hat) ** 2,
        lambda v: 1 / 2 * (over_prior(lambda z: likelihood(v, z) ** 2) - over_prior(lambda z: likelihood(v, z)) ** 2),
    ),
    ledger.Line(
        "2.17",
        r"\rho = \frac{\mathrm{Var}_{p(z)}[p(x \mid z)]}{p(x)^2}",
        oracle,
        lambda v: v.model.log_second_moment(v.x, torch.zeros_like(v.x[:1]), torch.eye(1).double()).expm1(),
        lambda v: (
            (over_prior(lambda z: likelihood(v, z) ** 2) - over_prior(lambda z: likelihood(v, z)) ** 2)
            / evidence(v) ** 2
        ),
    ),
    ledger.Line(
        "2.18",
        r"\mathbb E_{p(z)}\big[p(x \mid z)^2\big]"
        r"= (4\pi\sigma^2)^{-D/2}\; \mathcal N\big(x;\, m,\, W W^\top + \tfrac12 \sigma^2 I\big)",
        oracle,
        lambda v: over_prior(lambda z: likelihood(v, z) ** 2),
        lambda v: (
            (4 * math.pi * v.model.noise_variance) ** (-3 / 2)
            * MultivariateNormal(
                v.model.mean, v.model.W @ v.model.W.T + 1 / 2 * v.model.noise_variance * torch.eye(3).double()
            )
            .log_prob(v.x)
            .exp()
        ),
    ),
    ledger.Line(
        "2.19",
        r"p(x) = \mathbb E_{q(z)}\big[w(z)\big], \qquad w(z) = \frac{p(x \mid z)\, p(z)}{q(z)}",
        oracle,
        lambda v: evidence(v),
        lambda v: over_proposal(v, lambda z: likelihood(v, z) * prior(z) / proposal(v, z)),
    ),
    ledger.Line(
        "2.21",
        r"1 + \rho_q = \int \frac{p(z \mid x)^2}{q(z)}\, dz",
        oracle,
        lambda v: over_proposal(v, lambda z: (likelihood(v, z) * prior(z) / proposal(v, z)) ** 2) / evidence(v) ** 2,
        lambda v: quadrature.integral(lambda z: posterior(v, z) ** 2 / proposal(v, z), -12.0, 12.0),
    ),
    ledger.Line(
        "2.22",
        r"1 + \rho_q = \prod_{j=1}^{J} \frac{b_j}{\sqrt{2 b_j - 1}}\, \exp\Big(\frac{d_j^2}{2 b_j - 1}\Big)",
        two_codes,
        lambda v: second_moment(v),
        lambda v: (v.b / (2 * v.b - 1).sqrt() * (v.d**2 / (2 * v.b - 1)).exp()).prod(),
    ),
    ledger.Line(
        "2.23",
        r"S_{\text{eff}} = \frac{\big(\sum_{s=1}^{S} w_s\big)^2}{\sum_{s=1}^{S} w_s^2}",
        weights,
        lambda v: monte_carlo.effective_sample_size(v.w.log()),
        lambda v: v.w.sum() ** 2 / (v.w**2).sum(),
    ),
    ledger.Line(
        "2.24",
        r"S_{\text{eff}} \le S",
        weights,
        lambda v: v.w.sum() ** 2 / (v.w**2).sum(),
        lambda v: torch.tensor(7.0, dtype=torch.float64),
        "<=",
        tight=equal_weights,
    ),
    ledger.Line(
        "2.25",
        r"\frac{p(x \mid z)\, p(z)}{p(z \mid x)} = p(x)",
        oracle,
        lambda v: likelihood(v, v.z) * prior(v.z) / posterior(v, v.z),
        lambda v: evidence(v),
    ),
]
