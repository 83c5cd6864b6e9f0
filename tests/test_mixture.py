"""Gaussian mixtures: formulas as zeros of gradients, laws of EM, scikit-learn, and hostile data."""

import math
import warnings

import numpy as np
import pytest
import torch
from clouds import randn
from scipy import stats
from sklearn import mixture as theirs
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from lecture_lib import clustering, device, elbo, mixture, mixture_steps, quadratic_features

KINDS = ("full", "diagonal", "spherical")
SKLEARN = {"full": "full", "diagonal": "diag", "spherical": "spherical"}


def parameters(k, dim, kind, seed=0):
    """Random weights, means and covariances."""
    weights = (randn(k, seed=seed) / 2).softmax(0)
    root = randn(k, dim, dim + 3, seed=seed + 1)
    full = root @ root.mT / dim
    covariances = {"full": full, "diagonal": full.diagonal(dim1=1, dim2=2), "spherical": full[:, 0, 0]}[kind]
    return weights, 3 * randn(k, dim, seed=seed + 2), covariances


def as_full(covariances, dim):
    if covariances.ndim == 3:
        return covariances
    rows = covariances if covariances.ndim == 2 else covariances[:, None].expand(-1, dim)
    return torch.diag_embed(rows)


def clusters(n, dim=2, k=3, seed=0):
    """n points in k overlapping groups."""
    g = torch.Generator().manual_seed(seed)
    centers = 3 * torch.randn(k, dim, generator=g, dtype=torch.float64)
    return centers[torch.randint(k, (n,), generator=g)] + torch.randn(n, dim, generator=g, dtype=torch.float64)


# --- the formulas ---


@pytest.mark.parametrize("dim", [1, 2, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_log_joint_is_that_of_torchs_distributions(kind, dim):
    weights, means, cov = parameters(4, dim, kind)
    x = randn(30, dim, seed=9)
    expected = MultivariateNormal(means, as_full(cov, dim)).log_prob(x[:, None]) + weights.log()
    found = mixture.log_joint(x, weights, means, cov)
    assert torch.allclose(found, expected, rtol=1e-12)
    by_features = (
        quadratic_features.coefficients(mixture.Mixture(weights, means, cov))
        @ quadratic_features.features(x, kind == "full")
    ).mT
    assert torch.allclose(by_features, expected, rtol=1e-11, atol=1e-11)


def test_the_e_step_is_bayes_rule_and_attains_the_bound():
    joint = mixture.log_joint(randn(20, 2), *parameters(3, 2, "full"))
    log_p, r = mixture.e_step(joint)
    assert torch.allclose(r, joint.exp() / joint.exp().sum(1, keepdim=True), rtol=1e-12)
    bound = lambda q: elbo.entropy_form((q * joint).sum(1), -torch.xlogy(q, q).sum(1))  # noqa: E731
    assert torch.allclose(bound(r), log_p, rtol=1e-12)
    for seed in range(50):
        other = (3 * randn(20, 3, seed=seed)).softmax(1)
        assert bool((bound(other) <= log_p + 1e-12).all())
        assert torch.allclose(log_p - bound(other), elbo.kl_categorical(other, r), rtol=1e-9, atol=1e-12)


def test_the_e_step_of_what_is_far_from_everything_has_equal_shares():
    log_p, r = mixture.e_step(torch.tensor([[-math.inf, -math.inf], [0.0, -math.inf]]).double())
    assert log_p.tolist() == [-math.inf, 0.0] and r.tolist() == [[0.5, 0.5], [1.0, 0.0]]


@pytest.mark.parametrize("kind", KINDS)
def test_the_m_step_is_a_zero_of_the_gradient_of_the_bound(kind):
    x, r = randn(40, 3), randn(40, 4, seed=1).softmax(1)
    weights, means, cov = (p.requires_grad_() for p in mixture.m_step(x, r, kind))
    bound = (r * mixture.log_joint(x, weights, means, cov)).sum()
    by_weights, by_means, by_cov = torch.autograd.grad(bound, (weights, means, cov))
    assert (by_weights - by_weights.mean()).abs().max() < 1e-11 * by_weights.abs().max()  # along sum = 1
    assert by_means.abs().max() < 1e-11 and by_cov.abs().max() < 1e-10


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_parameters_have_a_higher_bound(kind):
    x, r = randn(40, 3), randn(40, 4, seed=1).softmax(1)
    best = mixture.m_step(x, r, kind)
    bound = lambda p: float((r * mixture.log_joint(x, *p)).sum())  # noqa: E731
    for seed in range(30):
        moved = (
            (best[0].log() + 0.05 * randn(4, seed=seed)).softmax(0),
            best[1] + 0.05 * randn(4, 3, seed=seed),
            best[2] * (1 + 0.05 * randn(1, seed=seed)),
        )
        assert bound(moved) < bound(best)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_by_features_and_steps_by_differences_are_the_same(kind, monkeypatch):
    x, (weights, _, cov) = clusters(300, 3), parameters(4, 3, kind, seed=4)
    start = mixture.Mixture(weights, x[:4], cov)
    quick = mixture_steps.maximize(quadratic_features.sweep(x, start), start, 1e-9)[0]
    monkeypatch.setattr(quadratic_features, "LARGEST", 0.0)
    monkeypatch.setattr(mixture_steps, "BLOCK", 500)
    slow = mixture_steps.maximize(mixture_steps.sweep(x, start), start, 1e-9)[0]
    _, r = mixture.e_step(mixture.log_joint(x, *start))
    for a, b, c in zip(quick, slow, mixture.m_step(x, r, kind), strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12) and torch.allclose(a, c, rtol=1e-10, atol=1e-12)


def test_raising_eigenvalues_to_the_floor_is_best_among_those_allowed():
    scatter = torch.diag(torch.tensor([2.0, 0.5, 1e-9]).double())
    turn = torch.linalg.qr(randn(3, 3)).Q
    scatter = turn @ scatter @ turn.mT
    found, low = mixture_steps.floored(scatter[None], 0.01)
    gain = lambda s: float(-0.5 * (torch.logdet(s) + torch.trace(torch.linalg.solve(s, scatter))))  # noqa: E731
    assert low.tolist() == [True]
    assert torch.linalg.eigvalsh(found[0]).tolist() == pytest.approx([0.01, 0.5, 2.0], rel=1e-9)
    for seed in range(200):
        root = 0.1 * randn(3, 3, seed=seed)
        values, vectors = torch.linalg.eigh(found[0] + (root + root.mT) / 2 * 10.0 ** -(seed % 4))
        other = vectors @ torch.diag(values.clamp(min=0.01)) @ vectors.mT
        assert gain(other) <= gain(found[0]) + 1e-12


# --- the whole algorithm ---


@pytest.mark.parametrize("kind", KINDS)
def test_the_likelihood_never_falls_from_200_random_starts(kind):
    x = torch.cat([clusters(60, 2, seed=1), clusters(60, 2, seed=1)[:5]])
    g = torch.Generator().manual_seed(0)
    for i in range(200):
        k = 1 + i % 6
        model = mixture.GaussianMixture(k, covariance=kind, max_iter=30, tol=0, floor=(1e-6, 1e-2)[i % 2])
        shares = torch.rand(k, generator=g, dtype=torch.float64)
        start = (shares / shares.sum(), x[torch.randperm(len(x), generator=g)[:k]], parameters(k, 2, kind, seed=i)[2])
        gains = np.diff(model.fit(x, start=start).log_likelihoods_)
        assert len(gains) and gains[1:].min(initial=0) > -1e-12 and (gains[0] > -1e-12 or i % 2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_and_scores_agree_with_scikit_learn(kind, dtype):
    x = clusters(500, 3).to(dtype)
    weights, _, cov = parameters(3, 3, kind, seed=2)
    means = x[:3].double()
    precision = {"full": lambda c: torch.linalg.inv(c), "diagonal": lambda c: 1 / c, "spherical": lambda c: 1 / c}
    other = theirs.GaussianMixture(
        3,
        covariance_type=SKLEARN[kind],
        max_iter=8,
        tol=0,
        reg_covar=0,
        weights_init=weights.numpy(),
        means_init=means.numpy(),
        precisions_init=precision[kind](cov).numpy(),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it has not converged
        other.fit(x.double().numpy())
    model = mixture.GaussianMixture(3, covariance=kind, max_iter=8, tol=0).fit(x, start=(weights, means, cov))
    tolerance = 1e-9 if dtype == torch.float64 else 1e-6
    assert model.log_likelihoods_[-1] == pytest.approx(other.score(x.double().numpy()), rel=tolerance)
    for ours, name in ((model.weights_, "weights_"), (model.means_, "means_"), (model.covariances_, "covariances_")):
        np.testing.assert_allclose(ours, getattr(other, name), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(
        model.score_samples(x), other.score_samples(x.double().numpy()), rtol=tolerance, atol=tolerance
    )
    np.testing.assert_allclose(model.responsibilities(x), other.predict_proba(x.double().numpy()), rtol=1e-5, atol=1e-6)
    assert model.score_samples(x).dtype == dtype
    assert model.bic(x) == pytest.approx(other.bic(x.double().numpy()), rel=1e-6)
    assert model.aic(x) == pytest.approx(other.aic(x.double().numpy()), rel=1e-6)
    assert model.n_parameters() == other._n_parameters()


def test_one_gaussian_is_mean_and_covariance():
    x = randn(50, 3)
    model = mixture.GaussianMixture(1).fit(x)
    assert torch.allclose(model.means_[0], x.mean(0)) and torch.allclose(model.covariances_[0], x.T.cov(correction=0))
    assert model.converged_ and model.weights_.tolist() == [1.0] and model.floored_.tolist() == [False]


def test_it_finds_the_mixture_that_made_the_data():
    weights, means = torch.tensor([0.2, 0.3, 0.5]).double(), torch.tensor([[-6.0, 0], [6, 0], [0, 8]]).double()
    cov = parameters(3, 2, "full")[2]
    made = MixtureSameFamily(Categorical(weights), MultivariateNormal(means, cov))
    torch.manual_seed(0)
    x = made.sample((6000,))
    model = mixture.GaussianMixture(3, n_restarts=2).fit(x, generator=torch.Generator().manual_seed(0))
    order = model.means_[:, 0].argsort()[torch.tensor([0, 2, 1])]
    assert (model.weights_[order] - weights).abs().max() < 0.03
    assert (model.means_[order] - means).abs().max() < 0.15
    assert model.log_likelihoods_[-1] == pytest.approx(float(made.log_prob(x).mean()), abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_units_and_offsets_of_columns_change_nothing_but_units(kind):
    x, scale = clusters(300, 2), torch.tensor([1e4, 1e-3]).double()
    scale = scale[:1] if kind == "spherical" else scale
    one, other = (
        mixture.GaussianMixture(3, covariance=kind, max_iter=20).fit(y, generator=torch.Generator().manual_seed(0))
        for y in (x, x * scale + 100 * scale)
    )
    logs = (scale * torch.ones(2)).log().sum()
    assert torch.allclose(one.score_samples(x) - logs, other.score_samples(x * scale + 100 * scale), rtol=1e-6)


@pytest.mark.parametrize("dim", [1, 2])
def test_it_integrates_to_one(dim):
    model = mixture.GaussianMixture(3).fit(clusters(200, dim), generator=torch.Generator().manual_seed(0))
    axis = torch.linspace(-20, 20, 2001 if dim == 1 else 801, dtype=torch.float64)
    points = torch.cartesian_prod(*[axis] * dim).reshape(-1, dim)
    step = float(axis[1] - axis[0])
    assert float(model.score_samples(points).exp().sum()) * step**dim == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_follow_the_mixture(kind):
    model = mixture.GaussianMixture(3, covariance=kind).fit(
        3 * clusters(300, 2), generator=torch.Generator().manual_seed(0)
    )
    draws = model.sample(20_000, generator=torch.Generator().manual_seed(1))
    mean = model.weights_ @ model.means_
    full = as_full(model.covariances_, 2)
    cov = (
        model.weights_[:, None, None] * (full + (model.means_ - mean)[:, :, None] * (model.means_ - mean)[:, None])
    ).sum(0)
    assert ((draws.mean(0) - mean).abs() < 5 * (cov.diagonal() / 20_000).sqrt()).all()
    assert torch.allclose(draws.T.cov(), cov, rtol=0.06, atol=1.5)
    direction = torch.tensor([0.6, 0.8]).double()
    cdf = lambda t: sum(  # noqa: E731
        float(w) * stats.norm.cdf(t, float(m @ direction), float(direction @ c @ direction) ** 0.5)
        for w, m, c in zip(model.weights_, model.means_, full, strict=True)
    )
    assert stats.kstest((draws[:4000] @ direction).numpy(), cdf).pvalue > 1e-4


def test_bic_names_the_number_of_groups():
    x = torch.cat([randn(150, 2, seed=i) + 8 * torch.tensor([i % 2, i // 2]) for i in range(4)]).double()
    g = torch.Generator().manual_seed(0)
    models = {k: mixture.GaussianMixture(k, n_restarts=3).fit(x, generator=g) for k in range(1, 8)}
    assert min(models, key=lambda k: models[k].bic(x)) == 4
    assert models[4].n_parameters() == 3 + 8 + 12


def test_a_component_that_would_collapse_onto_a_point_stops_at_the_floor_and_says_so():
    x = torch.cat([randn(100, 2), torch.tensor([[50.0, 50.0]]).double()])
    start = (torch.tensor([0.5, 0.5]).double(), torch.stack([x[0], x[-1]]), torch.eye(2).double().expand(2, 2, 2))
    model = mixture.GaussianMixture(2, floor=1e-4, max_iter=100).fit(x, start=start)
    assert model.floored_.tolist() == [False, True] and model.converged_
    spread = min(
        float(x[:, 0].var(correction=0)), float((x[:, 0].quantile(0.75) - x[:, 0].quantile(0.25)) / 1.349) ** 2
    )
    assert float(model.covariances_[1, 0, 0]) == pytest.approx(1e-4 * spread, rel=1e-6)
    assert np.diff(model.log_likelihoods_)[1:].min() > -1e-12


HOSTILE = {
    "one point": torch.tensor([[0.3, 5.0]]),
    "equal points": torch.full((20, 2), 3.5),
    "a constant column": torch.cat([randn(50, 1), torch.ones(50, 1)], 1),
    "outliers": torch.cat([randn(100, 2), torch.full((1, 2), 1e8).double()]),
    "outliers on both sides": torch.cat([randn(100, 2), torch.tensor([[1e8, 0], [0, -1e8]]).double()]),
    "more dimensions than points": randn(5, 60),
    "float32": randn(50, 2, dtype=torch.float32),
    "whole numbers": torch.randint(0, 9, (50, 2), generator=torch.Generator().manual_seed(0)),
    "two places": torch.tensor([[0.0], [1.0]]).repeat(20, 1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_data(name, kind):
    x = HOSTILE[name]
    for k in {1, min(3, len(x))}:
        model = mixture.GaussianMixture(k, covariance=kind, n_restarts=2).fit(
            x, generator=torch.Generator().manual_seed(0)
        )
        scores = model.score_samples(torch.cat([x, x + 100]))
        assert not scores.isnan().any() and not (scores == math.inf).any() and scores[: len(x)].isfinite().all()
        assert np.isfinite(model.log_likelihoods_).all() and np.diff(model.log_likelihoods_).min(initial=0) > -1e-9
        assert float(model.weights_.sum()) == pytest.approx(1)
        assert model.sample(7).shape == (7, x.shape[1]) and model.sample(7).isfinite().all()
        assert model.score_samples(x[:0]).shape == (0,) and model.sample(0).shape == (0, x.shape[1])


def test_an_outlier_does_not_spoil_the_component_of_all_others():
    x = torch.cat([randn(500, 1), torch.tensor([[1e8]]).double()])
    model = mixture.GaussianMixture(2).fit(x, generator=torch.Generator().manual_seed(0))
    big = int(model.weights_.argmax())
    assert float(model.covariances_[big]) == pytest.approx(float(x[:500].var(correction=0)), rel=1e-6)
    assert model.floored_[1 - big]


def test_k_means_plus_plus_takes_each_far_group_and_k_means_improves():
    x = torch.cat([randn(50, 2, seed=i) * 0.1 + 100 * torch.tensor([i, i**2]) for i in range(5)]).double()
    for seed in range(20):
        found = clustering.centers(x, 5, generator=torch.Generator().manual_seed(seed))
        assert clustering.nearest_center(x, found).view(5, 50).float().std(1).max() == 0  # a group, a center
        assert clustering.nearest_center(x, found).unique().numel() == 5
    cost = lambda c: float(torch.cdist(x, c).amin(1).square().sum())  # noqa: E731
    g = lambda: torch.Generator().manual_seed(3)  # noqa: E731
    y = clusters(400, 2, seed=8)
    x = y
    assert cost(clustering.centers(y, 6, generator=g())) < cost(clustering.centers(y, 6, steps=0, generator=g()))


@pytest.mark.parametrize(
    ("model", "x", "message"),
    [
        (mixture.GaussianMixture(0), randn(9, 2), "n_components is 0; it must be a whole number from 1 to 9"),
        (mixture.GaussianMixture(10), randn(9, 2), "n_components is 10; it must be a whole number from 1 to 9"),
        (
            mixture.GaussianMixture(1, covariance="tied"),
            randn(9, 2),
            "covariance is 'tied'; it must be one of 'full', 'dia",
        ),
        (mixture.GaussianMixture(1, floor=0), randn(9, 2), "floor is 0; it must be a share of the variance"),
        (mixture.GaussianMixture(1, tol=-1), randn(9, 2), "tol is -1; it must be zero or positive"),
        (mixture.GaussianMixture(1, max_iter=0), randn(9, 2), "max_iter is 0; it must be a whole number"),
        (mixture.GaussianMixture(1), torch.tensor([[math.nan]]), r"x holds NaN or infinity \(first: row 0\)"),
        (mixture.GaussianMixture(1), 1e200 * randn(9, 2), r"x spreads by .*e.200, whose square float64 does not hold"),
        (mixture.GaussianMixture(1), torch.zeros(0, 2), r"x has shape \(0, 2\); it must be \(N, D\)"),
    ],
)
def test_mistakes_are_explained(model, x, message):
    with pytest.raises(ValueError, match=message):
        model.fit(x)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (
            (torch.ones(2) / 2, torch.zeros(2, 3), torch.eye(2).expand(2, 2, 2)),
            r"means has shape \(2, 3\); it must be \(2, 2\)",
        ),
        (
            (torch.ones(2), torch.zeros(2, 2), torch.eye(2).expand(2, 2, 2)),
            "weights must be zero or positive, and their sum 1",
        ),
        (
            (torch.ones(2) / 2, torch.zeros(2, 2), -torch.eye(2).expand(2, 2, 2)),
            "covariances holds one that is not positive",
        ),
    ],
)
def test_a_start_that_cannot_be_one_is_explained(start, message):
    with pytest.raises(ValueError, match=message):
        mixture.GaussianMixture(2).fit(randn(9, 2), start=start)


def test_scores_before_fit_are_refused():
    with pytest.raises(ValueError, match="this GaussianMixture has seen no data yet; call fit"):
        mixture.GaussianMixture(1).score_samples(randn(3, 1))


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_an_accelerator(kind):
    where, x = device.pick(), clusters(2000, 3)
    weights, _, cov = parameters(3, 3, kind, seed=2)
    start = weights, x[:3], cov
    expected = mixture.GaussianMixture(3, covariance=kind, max_iter=20, tol=0).fit(x, start=start)
    there = [part.to(where) for part in start]
    model = mixture.GaussianMixture(3, covariance=kind, max_iter=20, tol=0).fit(x.to(where), start=there)
    assert model.means_.device.type == where.type
    assert torch.allclose(model.score_samples(x.to(where)).cpu(), expected.score_samples(x), rtol=1e-8)
    generator = torch.Generator(where).manual_seed(0)
    drawn = mixture.GaussianMixture(2, covariance=kind).fit(x.to(where), generator=generator)
    assert drawn.sample(5, generator=generator).device.type == where.type
