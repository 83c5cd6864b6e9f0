"""The bounds against numbers made by hand and a model whose evidence is known."""

import math

import pytest
import torch
from torch.distributions import Normal

from lecture_lib import elbo


def test_elbo_by_hand():
    log_likelihood, kl = torch.tensor([-3.0, -1.0]), torch.tensor([1.0, 0.5])
    assert elbo.elbo(log_likelihood, kl).tolist() == [-4.0, -1.5]
    assert elbo.elbo(log_likelihood, kl, beta=4.0).tolist() == [-7.0, -3.0]
    with pytest.raises(ValueError, match=r"beta is -1"):
        elbo.elbo(log_likelihood, kl, beta=-1)


def test_sgvb_by_hand():
    log_joint, log_q = torch.tensor([[1.0, 2.0], [3.0, 6.0]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    assert elbo.sgvb_a(log_joint, log_q).tolist() == [1.5, 3.0]
    assert elbo.sgvb_b(log_joint, torch.tensor([0.5, 1.0])).tolist() == [1.5, 3.0]


def test_sgvb_refuses_shapes_that_would_broadcast_to_something_else():
    with pytest.raises(ValueError, match="shapes must agree"):
        elbo.sgvb_a(torch.zeros(4, 3), torch.zeros(4, 1))
    with pytest.raises(ValueError, match="samples in front"):
        elbo.sgvb_b(torch.zeros(4, 3), torch.zeros(4, 3))


def test_all_bounds_meet_the_evidence_when_q_is_the_posterior():
    """z ~ N(0, 1), x ~ N(z, 1): then x ~ N(0, 2) and z | x ~ N(x / 2, 1 / 2), all in closed form."""
    x = torch.tensor(1.3, dtype=torch.float64)
    posterior = Normal(x / 2, torch.tensor(0.5, dtype=torch.float64).sqrt())
    z = torch.linspace(-2, 2, 9, dtype=torch.float64)
    log_joint = Normal(z * 0, 1.0).log_prob(z) + Normal(z, 1.0).log_prob(x)
    evidence = -0.5 * math.log(2 * math.pi * 2) - 1.3**2 / 4
    assert float(elbo.sgvb_a(log_joint, posterior.log_prob(z))) == pytest.approx(evidence, rel=1e-12)
    log_weights = log_joint - posterior.log_prob(z)
    assert float(elbo.importance_weighted_bound(log_weights)) == pytest.approx(evidence, rel=1e-12)


def test_the_importance_weighted_bound_is_the_log_of_the_mean_weight():
    weights = torch.tensor([[1.0, 3.0, 0.0], [2.0, 2.0, 4.0]], dtype=torch.float64)
    expected = [math.log(4 / 3), math.log(8 / 3)]
    assert elbo.importance_weighted_bound(weights.log(), dim=1).tolist() == pytest.approx(expected)
    assert float(elbo.importance_weighted_bound(torch.tensor([-2000.0, -2000.0]))) == -2000.0
    assert float(elbo.importance_weighted_bound(torch.tensor([-torch.inf, -torch.inf]))) == -torch.inf
    with pytest.raises(ValueError, match="no samples"):
        elbo.importance_weighted_bound(torch.zeros(0, 3))


def test_more_samples_tighten_the_bound_on_average():
    log_weights = torch.randn(40, 20000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    bounds = []
    for k in (1, 5, 40):
        groups = log_weights.view(-1, k, 20000)
        bounds.append(float(elbo.importance_weighted_bound(groups, dim=1).mean()))
    assert bounds[0] < bounds[1] < bounds[2] < 0.5  # log E[exp(N(0, 1))] = 1/2 is the limit
    assert bounds[2] == pytest.approx(0.5, abs=0.03)
