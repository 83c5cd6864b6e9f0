"""The variational autoencoder: two networks and a likelihood, its loss, and log p(x) by importance sampling."""

import math

import torch
from torch import Tensor, nn

from lecture_lib import autoencoder, elbo, gaussians

MAX_ELEMENTS = 2**21  # numbers that log_evidence lets the decoder return at once: 8 MB in float32


class VAE(nn.Module):
    """p(z) = N(0, I), p(x|z) = likelihood(decoder(z)), q(z|x) = N(mu(x), diag(exp(log_var(x)))). Eqs. (6.1), (6.2).

    `encoder` returns (B, 2 J), `decoder` takes (B, J) and returns (B, D * likelihood.n_params). `latent_dim` J is read
    off the decoder's first linear layer; name it where there is none.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, likelihood, *, latent_dim: int | None = None):
        super().__init__()
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        linear = (layer.in_features for layer in decoder.modules() if isinstance(layer, nn.Linear))
        self.latent_dim = next(linear, None) if latent_dim is None else latent_dim
        if self.latent_dim is None:
            raise ValueError("latent_dim is not given and the decoder has no linear layer to read it from; give it")

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """mu, log_var of q(z|x), shapes (..., D) -> (..., J), (..., J). Eq. (6.2)."""
        out = autoencoder.at_least_float32(self.encoder(x))
        if out.shape[-1] != 2 * self.latent_dim:
            raise ValueError(
                f"the encoder returns {out.shape[-1]} numbers, but J = {self.latent_dim} needs {2 * self.latent_dim}: "
                "a mean and a log-variance for each latent dimension"
            )
        return out.chunk(2, -1)

    def decode(self, z: Tensor) -> Tensor:
        """The likelihood's parameters, shapes (..., J) -> (..., D * n_params); see `likelihood.mean`."""
        return autoencoder.at_least_float32(self.decoder(z))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction E[x | z = mu(x)], shapes (..., D) -> (..., D)."""
        return self.likelihood.mean(self.decode(self.encode(x)[0]))

    def sample_codes(self, n: int, *, prior=None, generator: torch.Generator | None = None) -> Tensor:
        """n codes z ~ p(z), shape (n, J), of the type of the weights and on their device.

        prior: a fitted density over z with `sample`, such as `mixture.GaussianMixture`; None: N(0, I).
        """
        if n < 0:
            raise ValueError(f"n is {n}; it must be zero or positive")
        weight = next(self.parameters())
        if prior is not None:
            return prior.sample(n, generator=generator).to(weight)
        return torch.randn(n, self.latent_dim, dtype=weight.dtype, device=weight.device, generator=generator)

    @torch.no_grad()
    def sample(self, n: int, *, prior=None, generator: torch.Generator | None = None) -> Tensor:
        """n new images x ~ p(x|z), z ~ p(z), shape (n, D): ancestral sampling. Eq. (6.1). prior: see `sample_codes`."""
        z = self.sample_codes(n, prior=prior, generator=generator)
        return self.likelihood.sample(self.decode(z), generator=generator)


def negative_elbo(model: VAE, x: Tensor, beta: float = 1.0, n_samples: int = 1) -> dict[str, Tensor]:
    """{"loss": -(E_q[log p(x|z)] - beta KL), "elbo", "log_likelihood", "kl"}, means over the batch. Eqs. (6.7), (6.9).

    The notes' algorithm: encode, reparameterize, decode, bound; the expectation by `n_samples` draws, the KL in closed
    form. "elbo" has beta = 1 always.
    """
    if n_samples < 1:
        raise ValueError(f"n_samples is {n_samples}; it must be at least 1")
    mu, log_var = model.encode(x)
    eps = torch.randn((n_samples, *mu.shape), dtype=mu.dtype, device=mu.device)
    z = gaussians.reparameterize(mu, log_var, eps)  # (S, B, J)
    log_likelihood = model.likelihood.log_prob(x.expand(n_samples, *x.shape), model.decode(z)).mean(0)
    kl = gaussians.kl_to_standard_normal(mu, log_var)
    return {
        "loss": -elbo.elbo(log_likelihood, kl, beta).mean(),
        "elbo": elbo.elbo(log_likelihood, kl).mean(),
        "log_likelihood": log_likelihood.mean(),
        "kl": kl.mean(),
    }


@torch.no_grad()
def log_weights(
    model: VAE, x: Tensor, n_samples: int, *, prior=None, generator: torch.Generator | None = None
) -> Tensor:
    """log w_s = log p(x|z_s) + log p(z_s) - log q(z_s|x), z_s ~ q(z|x), shapes (B, D) -> (S, B). Eq. (6.10).

    prior: a fitted density over z with `score_samples`, (M, J) -> (M,), in the place of N(0, I). Eq. (11.9). Memory
    grows with S * B; `log_evidence` works in blocks.
    """
    mu, log_var = model.encode(x)
    eps = torch.randn((n_samples, *mu.shape), dtype=mu.dtype, device=mu.device, generator=generator)
    z = gaussians.reparameterize(mu, log_var, eps)
    if prior is None:
        log_prior = gaussians.log_density(z, torch.zeros_like(mu), torch.zeros_like(mu))
    else:
        log_prior = prior.score_samples(z.flatten(0, -2)).view(z.shape[:-1])
    return model.likelihood.log_prob(x, model.decode(z)) + log_prior - gaussians.log_density(z, mu, log_var)


@torch.no_grad()
def log_evidence(
    model: VAE, x: Tensor, n_samples: int = 5000, *, prior=None, generator: torch.Generator | None = None
) -> Tensor:
    """log p(x) by importance sampling from q(z|x), shapes (N, D) -> (N,), in nats. Eq. (6.11).

    A lower bound in expectation, tight as `n_samples` grows (Burda, Grosse & Salakhutdinov 2016 use 5,000). Memory
    stays bounded for any N and `n_samples`: blocks of samples are added up in log space. x is scaled as in training.
    prior: as in `log_weights`.
    """
    if x.ndim != 2:
        raise ValueError(f"x has shape {tuple(x.shape)}; it must be (N, D)")
    if n_samples < 1:
        raise ValueError(f"n_samples is {n_samples}; it must be at least 1")
    per_row = max(1, MAX_ELEMENTS // (x.shape[-1] * model.likelihood.n_params))  # decoded images at once
    n_rows, n_block = max(1, per_row // n_samples), min(per_row, n_samples)
    results = [x.new_empty(0)]
    for rows in x.split(n_rows):
        total = rows.new_full((len(rows),), -torch.inf)
        for start in range(0, n_samples, n_block):
            count = min(n_block, n_samples - start)
            block = log_weights(model, rows, count, prior=prior, generator=generator)
            total = torch.logaddexp(total, torch.logsumexp(block, 0))
        results.append(total - math.log(n_samples))
    return torch.cat(results)


@torch.no_grad()
def latent_activity(model: VAE, x: Tensor) -> Tensor:
    """A_j = Var_x(E_q[z_j | x]) for each latent dimension, shapes (N, D) -> (J,); active above 0.01. Eq. (6.8).

    Burda, Grosse & Salakhutdinov 2016, section 5.1: a collapsed dimension has the same mean for every x.
    """
    if len(x) < 2:
        raise ValueError(f"x has {len(x)} rows; a variance needs at least 2")
    return model.encode(x)[0].var(0)
