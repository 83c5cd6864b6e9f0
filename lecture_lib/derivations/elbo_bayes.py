"""Lecture 03, sections 4 to 6: the bound by two ways through Bayes' rule, and its three forms, on the oracle."""

from torch import Tensor
from torch.distributions import kl_divergence

from lecture_lib.derivations.elbo_routes import expect, joint, likelihood, oracle
from lecture_lib.ledger import Line


def evidence(v) -> Tensor:
    """log p(x), in closed form."""
    return v.model.log_evidence(v.x)


def log_ratio(v) -> Tensor:
    """The right side of Eq. (3.16)."""
    return expect(v, lambda z: v.q.log_prob(z) - v.posterior.log_prob(z))


def four_logs(v) -> Tensor:
    """The right side of Eq. (3.17)."""
    prior = v.prior.log_prob
    return expect(v, lambda z: v.q.log_prob(z) - likelihood(v, z) - prior(z) + v.model.log_evidence(v.x))


def averaged(v) -> Tensor:
    """The right side of Eq. (3.20)."""
    return expect(v, lambda z: joint(v, z)) - expect(v, v.posterior.log_prob)


def second_form(v) -> Tensor:
    """The right side of Eq. (3.22)."""
    return expect(v, lambda z: likelihood(v, z)) - kl_divergence(v.q, v.prior)


LINES = [
    Line(
        "3.16",
        r"\mathrm{KL}\big(q(z) \,\|\, p(z \mid x)\big) = \mathbb E_q\big[\log q(z) - \log p(z \mid x)\big]",
        oracle,
        left=lambda v: kl_divergence(v.q, v.posterior),
        right=log_ratio,
    ),
    Line(
        "3.17",
        r"= \mathbb E_q\big[\log q(z) - \log p(x \mid z) - \log p(z) + \log p(x)\big]",
        oracle,
        left=log_ratio,
        right=four_logs,
    ),
    Line(
        "3.18",
        r"= \log p(x) - \Big\{\mathbb E_q\big[\log p(x \mid z)\big] - \mathrm{KL}\big(q(z) \,\|\, p(z)\big)\Big\}",
        oracle,
        left=four_logs,
        right=lambda v: (
            v.model.log_evidence(v.x) - (expect(v, lambda z: likelihood(v, z)) - kl_divergence(v.q, v.prior))
        ),
    ),
    Line(
        "3.19",
        r"\log p(x) = \log p(x, z) - \log p(z \mid x) \quad \text{for every } z",
        oracle,
        left=lambda v: v.model.log_evidence(v.x).expand_as(v.z),
        right=lambda v: joint(v, v.z) - v.posterior.log_prob(v.z),
    ),
    Line(
        "3.20",
        r"\log p(x) = \mathbb E_q\big[\log p(x, z)\big] - \mathbb E_q\big[\log p(z \mid x)\big]",
        oracle,
        left=evidence,
        right=averaged,
    ),
    Line(
        "3.21",
        r"= \mathbb E_q\Big[\log \frac{p(x, z)}{q(z)}\Big] - \mathbb E_q\Big[\log \frac{p(z \mid x)}{q(z)}\Big]",
        oracle,
        left=averaged,
        right=lambda v: (
            expect(v, lambda z: joint(v, z) - v.q.log_prob(z))
            - expect(v, lambda z: v.posterior.log_prob(z) - v.q.log_prob(z))
        ),
    ),
    Line(
        "3.22",
        r"\mathcal L(q;\, x) = \mathbb E_q\big[\log p(x \mid z)\big] - \mathrm{KL}\big(q(z) \,\|\, p(z)\big)",
        oracle,
        left=lambda v: expect(v, lambda z: joint(v, z) - v.q.log_prob(z)),
        right=second_form,
    ),
    Line(
        "3.23",
        r"= \mathbb E_q\big[\log p(x, z)\big] + \mathrm{H}(q)",
        oracle,
        left=second_form,
        right=lambda v: expect(v, lambda z: joint(v, z)) + v.q.entropy(),
    ),
    Line(
        "3.24",
        r"\mathrm{H}(q) = -\mathbb E_q\big[\log q(z)\big]",
        oracle,
        left=lambda v: v.q.entropy(),
        right=lambda v: -expect(v, v.q.log_prob),
    ),
]
