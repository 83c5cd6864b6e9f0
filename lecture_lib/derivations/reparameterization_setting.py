"""The ledger of lecture 05, first part: which gradient passes the expectation. Also the inputs of the other parts."""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Normal

from lecture_lib import latent_variables, ledger, quadrature


def rand(generator: torch.Generator, *shape: int) -> Tensor:
    """Numbers between 0.3 and 1.3, none of them special."""
    return 0.3 + torch.rand(shape, dtype=torch.float64, generator=generator)


def gaussian(generator: torch.Generator) -> SimpleNamespace:
    """q = N(mu, sigma^2), the function a z^4 + b z, and a baseline."""
    mu, a, b, baseline, sigma = (rand(generator) for _ in range(5))
    return SimpleNamespace(mu=mu, log_var=2 * sigma.log(), sigma=sigma, a=a, b=b - 1.7, baseline=baseline)


def oracle(generator: torch.Generator) -> SimpleNamespace:
    """A linear-Gaussian model with J = 1, an observation, and q = N(mu, sigma^2)."""
    W, bias, noise = rand(generator, 3, 1), rand(generator, 3), rand(generator)
    v = SimpleNamespace(W=W, bias=bias, noise=noise, x=2 * rand(generator, 3), **vars(gaussian(generator)))
    v.model = latent_variables.LinearGaussian(W, bias, float(noise))
    return v


def f(v: SimpleNamespace, z: Tensor) -> Tensor:
    """a z^4 + b z."""
    return v.a * z**4 + v.b * z


def log_q(mu: Tensor, log_var: Tensor, z: Tensor) -> Tensor:
    """log N(z; mu, exp(log_var)), elementwise."""
    return Normal(mu, (0.5 * log_var).exp()).log_prob(z)


def q(mu: Tensor, log_var: Tensor, z: Tensor) -> Tensor:
    """N(z; mu, exp(log_var)), elementwise."""
    return log_q(mu, log_var, z).exp()


def by_phi(function, v: SimpleNamespace, z: Tensor) -> Tensor:
    """The gradient of function(mu, log_var, z_i) by (mu, log_var) at each of the points z (n,): (n, 2)."""
    copies = [part.expand_as(z).clone().requires_grad_() for part in (v.mu, v.log_var)]
    return torch.stack(torch.autograd.grad(function(*copies, z).sum(), copies, materialize_grads=True), -1)


def score(v: SimpleNamespace, z: Tensor) -> Tensor:
    """The gradient of log q by (mu, log_var) at the points z (n,): (n, 2)."""
    return by_phi(log_q, v, z)


def mean(v: SimpleNamespace, function) -> Tensor:
    """E_q of a function from (n,) to (n, ...)."""
    return quadrature.gaussian_expectation(
        lambda z: function(z[:, 0]), v.mu[None], v.sigma[None, None] ** 2, n_nodes=40
    )


def variance(v: SimpleNamespace, function) -> Tensor:
    """The variance under q of a function from (n,) to (n, ...)."""
    return mean(v, lambda z: (function(z) - mean(v, function)) ** 2)


def area(v: SimpleNamespace, function) -> Tensor:
    """The integral over z of a function from (n,) to (n, ...)."""
    return quadrature.integral(function, float(v.mu - 12 * v.sigma), float(v.mu + 12 * v.sigma))


def exact_gradient(v: SimpleNamespace) -> Tensor:
    """Of E_q[f(z)] = a (mu^4 + 6 mu^2 sigma^2 + 3 sigma^4) + b mu, by mu and by log sigma^2."""
    by_mu = 4 * v.a * (v.mu**3 + 3 * v.mu * v.sigma**2) + v.b
    return torch.stack([by_mu, 6 * v.a * (v.mu**2 * v.sigma**2 + v.sigma**4)])


def f_phi(v: SimpleNamespace):
    """A function that holds the parameters itself: a mu z^2 + b log(sigma^2) z."""
    return lambda mu, log_var, z: v.a * mu * z**2 + v.b * log_var * z


def product_inside(v: SimpleNamespace) -> Tensor:
    """The integral of grad_phi [q f_phi]."""
    return area(v, lambda z: by_phi(lambda mu, t, z: q(mu, t, z) * f_phi(v)(mu, t, z), v, z))


def slope_by_theta(v: SimpleNamespace) -> Tensor:
    """The gradient by W of the bound in closed form."""
    W = v.W.clone().requires_grad_()
    model = latent_variables.LinearGaussian(W, v.bias, float(v.noise))
    return torch.autograd.grad(model.elbo(v.x, v.mu[None], v.sigma[None, None] ** 2), W)[0][:, 0]


LINES = [
    ledger.Line(
        "5.1",
        r"\mathcal L(\theta, \phi; x) = \mathbb E_{q_\phi(z \mid x)}"
        r"\big[\log p_\theta(x, z) - \log q_\phi(z \mid x)\big]",
        oracle,
        lambda v: v.model.elbo(v.x, v.mu[None], v.sigma[None, None] ** 2),
        lambda v: mean(v, lambda z: v.model.log_joint(v.x, z[:, None]) - log_q(v.mu, v.log_var, z)),
    ),
    ledger.Line(
        "5.2",
        r"\nabla_\theta \mathcal L = \mathbb E_{q_\phi(z \mid x)}\big[\nabla_\theta \log p_\theta(x, z)\big]",
        oracle,
        slope_by_theta,
        lambda v: mean(v, lambda z: (v.x - v.bias - v.W[:, 0] * z[:, None]) * z[:, None] / v.noise),
    ),
    ledger.Line(
        "5.3",
        r"\nabla_\phi\, \mathbb E_{q_\phi}[f_\phi(z)] = \int \nabla_\phi \big[q_\phi(z)\, f_\phi(z)\big]\, dz",
        gaussian,
        lambda v: torch.stack(
            [
                v.a * (3 * v.mu**2 + v.sigma**2) + v.b * v.log_var,
                v.a * v.mu * v.sigma**2 + v.b * v.mu,
            ]
        ),
        product_inside,
    ),
    ledger.Line(
        "5.4",
        r"= \mathbb E_{q_\phi}\big[\nabla_\phi f_\phi(z)\big] + \int f_\phi(z)\, \nabla_\phi q_\phi(z)\, dz",
        gaussian,
        product_inside,
        lambda v: (
            mean(v, lambda z: by_phi(f_phi(v), v, z))
            + area(v, lambda z: f_phi(v)(v.mu, v.log_var, z)[:, None] * by_phi(q, v, z))
        ),
    ),
]
