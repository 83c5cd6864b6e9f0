"""Estimates of grad_phi E_q[f(z)] from random draws: by the score function, and by reparameterization.

Parameters phi are a tuple of tensors, and a distribution is given by functions of them: `g(*phi, eps)` draws, as
`gaussians.reparameterize(mu, log_var, eps)` does, and `log_q(z, *phi)` is the log-density, as `gaussians.log_density`.
Draws come first: z and eps are (S, ...). Every estimator returns one gradient for each draw, so that their variance can
be seen: a tuple like phi, each entry (S, *shape); the caller averages.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Gradients = tuple[Tensor, ...]


def score(log_q: Callable, phi: Gradients, z: Tensor) -> Gradients:
    """grad_phi log q_phi(z_s), one for each draw: z (S, ...) -> a tuple like phi, each (S, *shape). Eq. (5.5).

    Its mean is zero, whatever q is, Eq. (5.12). log_q(z, *phi) gives one value for each draw, (S, ...).
    """
    return _for_each_draw(lambda *copies: log_q(z, *copies), phi, z)


def score_function(values: Tensor, scores: Gradients, baseline: Tensor | float = 0.0) -> Gradients:
    """(f(z_s) - b) grad_phi log q_phi(z_s), values f(z_s) (S, ...) and scores from `score`. Eqs. (5.7) and (5.13).

    Asks nothing of f but its values (REINFORCE, Williams 1992). The mean is grad_phi E_q[f(z)] for every baseline
    that does not depend on z_s itself: a number, or one for each draw from the other draws, `leave_one_out`.
    """
    weights = values.detach() - baseline
    if weights.shape != values.shape:
        raise ValueError(
            f"baseline has shape {tuple(baseline.shape)}, values {tuple(values.shape)}; it may not widen them"
        )
    short = [tuple(part.shape) for part in scores if part.shape[: values.ndim] != values.shape]
    if short:
        raise ValueError(f"values has shape {tuple(values.shape)}, a score {short[0]}; that must begin like values")
    return tuple(weights.reshape(*weights.shape, *[1] * (part.ndim - weights.ndim)) * part for part in scores)


def leave_one_out(values: Tensor) -> Tensor:
    """b_s = 1/(S-1) sum_{t != s} f(z_t), for each draw the mean of the others, (S, ...) -> (S, ...). Eq. (5.14)."""
    if values.ndim == 0 or len(values) < 2:
        raise ValueError(f"values has shape {tuple(values.shape)}; leaving one out needs two draws or more in front")
    return (values.sum(0) - values) / (len(values) - 1)


def pathwise(f: Callable, g: Callable, phi: Gradients, eps: Tensor) -> Gradients:
    """grad_phi f(g_phi(eps_s)), one for each draw: eps (S, ...) -> a tuple like phi, each (S, *shape). Eq. (5.22).

    The reparameterized gradient (Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014). f gives one value for each
    draw, (S, ...), and must be differentiable; what f itself holds of phi is taken as constant.
    """
    return _for_each_draw(lambda *copies: f(g(*copies, eps)), phi, eps)


def bound_gradient(log_joint: Callable, log_q: Callable, g: Callable, phi: Gradients, eps: Tensor) -> Gradients:
    """G(eps_s) = grad_phi [log p(x, g_phi(eps_s)) - log q_phi(g_phi(eps_s))], a tuple, each (S, *shape). Eq. (5.31).

    log_joint(z) gives log p(x, z), one value for each draw. The mean of G is the gradient of the bound.
    """

    def integrand(*copies: Tensor) -> Tensor:
        z = g(*copies, eps)
        return log_joint(z) - log_q(z, *copies)

    return _for_each_draw(integrand, phi, eps)


def path_derivative(log_joint: Callable, log_q: Callable, g: Callable, phi: Gradients, eps: Tensor) -> Gradients:
    """G_path(eps_s): G without the score, a tuple like phi, each (S, *shape). Eqs. (5.40) and (5.41).

    phi is held fixed in log q_phi and moves z alone. Same mean as G, and no variance at all where q is the posterior
    (Roeder, Wu & Duvenaud 2017, "Sticking the landing").
    """
    fixed = [part.detach() for part in phi]
    return pathwise(lambda z: log_joint(z) - log_q(z, *fixed), g, phi, eps)


def logistic(loc: Tensor, scale: Tensor, u: Tensor) -> Tensor:
    """z = loc + scale log(u / (1 - u)), logistic when u ~ Uniform(0, 1), shapes that broadcast. Eq. (5.50)."""
    _positive("scale", scale)
    return loc + scale * torch.logit(_open_interval(u))


def exponential(rate: Tensor, u: Tensor) -> Tensor:
    """z = -log(1 - u) / rate, exponential with mean 1/rate for u ~ Uniform(0, 1), shapes that broadcast. Eq. (5.51)."""
    _positive("rate", rate)
    return -torch.log1p(-_open_interval(u)) / rate


def gumbel(u: Tensor) -> Tensor:
    """-log(-log u), standard Gumbel when u ~ Uniform(0, 1), (...) -> (...). Eq. (5.52)."""
    return -(-_open_interval(u).log()).log()


def gumbel_max(logits: Tensor, noise: Tensor) -> Tensor:
    """argmax_k (logits_k + noise_k), one of K with softmax(logits) for Gumbel noise, (..., K) -> (...). Eq. (5.53)."""
    return (logits + noise).argmax(-1)


def gumbel_softmax(logits: Tensor, temperature: float, noise: Tensor) -> Tensor:
    """softmax((logits + noise) / temperature), the relaxed one-hot vector, (..., K) -> (..., K). Eq. (5.58).

    Differentiable, but a gradient through it is biased at every temperature above zero (Jang, Gu & Poole 2017;
    Maddison, Mnih & Teh 2017).
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be positive")
    return ((logits + noise) / temperature).softmax(-1)


def _for_each_draw(f: Callable, phi: Gradients, draws: Tensor) -> Gradients:
    """Each draw gets its own copy of phi; as no copy touches another draw, one backward pass gives all gradients."""
    if isinstance(phi, Tensor) or not all(isinstance(part, Tensor) and part.is_floating_point() for part in phi):
        raise ValueError("phi must be a tuple of floating-point tensors, like (mu, log_var)")
    flat = [i for i, part in enumerate(phi) if part.ndim < draws.ndim - 1]
    if flat:
        shapes = f"{tuple(phi[flat[0]].shape)}, a draw {tuple(draws.shape[1:])}"
        raise ValueError(f"phi[{flat[0]}] has shape {shapes}; a parameter needs all axes of a draw (use expand)")
    with torch.enable_grad():
        copies = [part.detach().expand(len(draws), *part.shape).clone().requires_grad_() for part in phi]
        values = f(*copies)
        if values.shape[:1] != draws.shape[:1] or values.ndim > draws.ndim:
            raise ValueError(
                f"f gave shape {tuple(values.shape)}, not one value for each of {len(draws)} draws: (S, ...)"
            )
        if not values.requires_grad:
            raise ValueError("no gradient reaches phi: an argmax, a rounding, .detach() or .sample() stands in between")
        return torch.autograd.grad(values.sum(), copies, materialize_grads=True)


def _positive(name: str, value: Tensor) -> None:
    if not bool((torch.as_tensor(value) > 0).all()):
        raise ValueError(f"{name} holds {float(torch.as_tensor(value).min()):g}; it must be positive")


def _open_interval(u: Tensor) -> Tensor:
    u = torch.as_tensor(u)
    if not (u.is_floating_point() and bool(((u > 0) & (u < 1)).all())):
        raise ValueError(
            "u must hold numbers above 0 and below 1 (torch.rand may give 0: clamp it to the smallest float)"
        )
    return u
