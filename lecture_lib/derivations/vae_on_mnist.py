"""The ledger of lecture 06: the VAE's bound, its likelihoods and their units, on models that can be integrated."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence

from lecture_lib import elbo, latent_variables, ledger, quadrature


def rand(generator: torch.Generator, *shape: int) -> Tensor:
    """Numbers between 0.2 and 1.2, none of them special."""
    return 0.2 + torch.rand(shape, dtype=torch.float64, generator=generator)


def oracle(generator: torch.Generator) -> SimpleNamespace:
    """A linear-Gaussian model with J = 1, an observation, and a Gaussian q."""
    model = latent_variables.LinearGaussian(rand(generator, 3, 1), rand(generator, 3), 0.7)
    return SimpleNamespace(model=model, x=2 * rand(generator, 3), mu=rand(generator), sigma=rand(generator))


def at_the_posterior(generator: torch.Generator) -> SimpleNamespace:
    """The same with q equal to the posterior."""
    v = oracle(generator)
    mean, cov = v.model.posterior(v.x)
    v.mu, v.sigma = mean[0], cov[0, 0].sqrt()
    return v


def code(generator: torch.Generator) -> SimpleNamespace:
    """Means and standard deviations of a code with J = 4."""
    return SimpleNamespace(mu=rand(generator, 4) - 0.7, sigma=rand(generator, 4))


def pixels(generator: torch.Generator) -> SimpleNamespace:
    """Six binary and six real pixels; means, deviations and logits for them; six of five grey values with logits."""
    return SimpleNamespace(
        bits=torch.bernoulli(rand(generator, 6) / 1.2, generator=generator),
        pi=rand(generator, 6) / 1.3,
        x=rand(generator, 6),
        mu=rand(generator, 6),
        sigma=rand(generator, 6),
        logits=3 * rand(generator, 6, 5),
        level=torch.randint(5, (6,), generator=generator),
    )


def log_weight(v: SimpleNamespace, z: Tensor) -> Tensor:
    """log p(x|z) + log p(z) - log q(z|x), for z (...)."""
    log_joint = v.model.log_joint(v.x, z.unsqueeze(-1))
    return log_joint - Normal(v.mu, v.sigma).log_prob(z)


def bound(v: SimpleNamespace, k: int) -> Tensor:
    """L_k for k = 1 or 2, by quadrature over all k draws."""
    mu, cov = v.mu.expand(k), v.sigma**2 * torch.eye(k, dtype=torch.float64)
    return quadrature.gaussian_expectation(
        lambda z: elbo.importance_weighted_bound(log_weight(v, z), dim=-1), mu, cov, n_nodes=60
    )


def grey(generator: torch.Generator) -> SimpleNamespace:
    """A Gaussian density of one pixel, and the grey value (of 256) whose probability is asked for."""
    value = torch.randint(256, (), generator=generator)
    return SimpleNamespace(value=value, mu=(value + rand(generator)) / 256, sigma=rand(generator) / 100)


def over_the_noise(v: SimpleNamespace, f) -> Tensor:
    """E[f(u)] with u = (value + noise) / 256."""
    return quadrature.integral(lambda noise: f((v.value + noise) / 256), 0, 1)


def nearly_flat(generator: torch.Generator) -> SimpleNamespace:
    """The same with a density that is all but constant within one grey value."""
    v = grey(generator)
    v.sigma = v.sigma * 1e8
    return v


LINES = [
    ledger.Line(
        "6.4",
        r"\mathcal L(\theta, \phi; x) = \underbrace{\mathbb E_{q_\phi(z \mid x)}\big[\log p_\theta(x \mid z)\big]}"
        r"_{\text{reconstruction}} - \underbrace{\mathrm{KL}\big(q_\phi(z \mid x)\,\|\,p(z)\big)}"
        r"_{\text{price of the code}} \ \le\ \log p_\theta(x)",
        oracle,
        lambda v: (
            quadrature.normal_expectation(lambda z: v.model.log_likelihood(v.x, z.unsqueeze(-1)), v.mu, v.sigma)
            - kl_divergence(Normal(v.mu, v.sigma), Normal(torch.zeros_like(v.mu), 1.0))
        ),
        lambda v: v.model.log_evidence(v.x),
        "<=",
        tight=at_the_posterior,
    ),
    ledger.Line(
        "6.5",
        r"\mathrm{KL} = \tfrac12 \sum_{j=1}^{J} \big(\mu_j^2 + \sigma_j^2 - \log \sigma_j^2 - 1\big)",
        code,
        lambda v: quadrature.normal_expectation(
            lambda z: Normal(v.mu, v.sigma).log_prob(z) - Normal(torch.zeros_like(z), 1.0).log_prob(z), v.mu, v.sigma
        ).sum(),
        lambda v: 1 / 2 * (v.mu**2 + v.sigma**2 - (v.sigma**2).log() - 1).sum(),
    ),
    ledger.Line(
        "6.6",
        r"\log p_\theta(x \mid z) = \sum_{i=1}^{D} \big[x_i \log \pi_i + (1 - x_i) \log (1 - \pi_i)\big]",
        pixels,
        lambda v: Bernoulli(v.pi).log_prob(v.bits).sum(),
        lambda v: (v.bits * v.pi.log() + (1 - v.bits) * (1 - v.pi).log()).sum(),
    ),
    ledger.Line(
        "6.11",
        r"\mathcal L_k = \mathbb E\Big[\log \frac1k \sum_{i=1}^{k} w_i\Big], \qquad \mathcal L_1 \le \mathcal L_k \le"
        r"\log p_\theta(x), \qquad \mathcal L_k \to \log p_\theta(x)",
        oracle,
        lambda v: torch.stack([bound(v, 1), bound(v, 2)]),
        lambda v: torch.stack([bound(v, 2), v.model.log_evidence(v.x)]),
        "<=",
        tight=at_the_posterior,
    ),
    ledger.Line(
        "6.12",
        r"\log p(x \mid z) = -\frac{\|x - f(z)\|^2}{2c} - \frac D2 \log 2\pi c",
        pixels,
        lambda v: Normal(v.mu, v.sigma[0]).log_prob(v.x).sum(),
        lambda v: -(((v.x - v.mu) ** 2).sum() / (2 * v.sigma[0] ** 2)) - 6 / 2 * (2 * math.pi * v.sigma[0] ** 2).log(),
    ),
    ledger.Line(
        "6.13",
        r"\log p(x \mid z) = -\sum_{i=1}^{D} \Big[\tfrac12 \log 2\pi\sigma_i^2(z) +"
        r"\frac{(x_i - \mu_i(z))^2}{2\sigma_i^2(z)}\Big]",
        pixels,
        lambda v: Normal(v.mu, v.sigma).log_prob(v.x).sum(),
        lambda v: -(1 / 2 * (2 * math.pi * v.sigma**2).log() + (v.x - v.mu) ** 2 / (2 * v.sigma**2)).sum(),
    ),
    ledger.Line(
        "6.14",
        r"\log p(x \mid z) = \sum_{i=1}^{D} \log \operatorname{softmax}\big(\ell_i(z)\big)_{x_i}",
        pixels,
        lambda v: Categorical(logits=v.logits).log_prob(v.level).sum(),
        lambda v: (v.logits.exp() / v.logits.exp().sum(-1, keepdim=True))[range(6), v.level].log().sum(),
    ),
    ledger.Line(
        "6.15",
        r"\log P(v) \ \ge\ \mathbb E_{\text{noise}}\big[\log p(u)\big] - D \log 256",
        grey,
        lambda v: over_the_noise(v, lambda u: Normal(v.mu, v.sigma).log_prob(u).exp() / 256).log(),
        lambda v: over_the_noise(v, Normal(v.mu, v.sigma).log_prob) - math.log(256),
        ">=",
        tight=nearly_flat,
    ),
]
