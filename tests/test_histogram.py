"""Histograms against NumPy's, integrals, hostile data and the rules for the number of bins."""

import math

import numpy as np
import pytest
import torch
from clouds import HOSTILE, randn
from hypothesis import given, settings
from hypothesis import strategies as st

from lecture_lib import histogram


def numpys(x, bins, q, **options):
    """log p(q) by numpy.histogramdd; -inf beyond the edges."""
    density, edges = np.histogramdd(x.numpy(), bins, density=True, **options)
    at, inside = [], np.ones(len(q), dtype=bool)
    for column, e in zip(q.numpy().T, edges, strict=True):
        i = np.searchsorted(e, column, side="right") - 1
        i[column == e[-1]] -= 1
        inside &= (i >= 0) & (i < len(e) - 1)
        at.append(i.clip(0, len(e) - 2))
    with np.errstate(divide="ignore"):
        return np.where(inside, np.log(density[tuple(at)]), -np.inf)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("bins", [1, 2, 7, 50])
def test_it_is_numpys_histogram(bins, dim):
    x, q = randn(500, dim), torch.cat([2 * randn(300, dim, seed=1), randn(500, dim)[:20]])
    found = histogram.HistogramDensity(bins).fit(x).score_samples(q)
    np.testing.assert_allclose(found, numpys(x, bins, q), rtol=1e-12)


def test_edges_may_be_given_for_each_axis():
    x, q = randn(500, 2), 2 * randn(300, 2, seed=1)
    edges = [torch.tensor([-9.0, -1.0, 0.0, 0.5, 9.0]).double(), torch.linspace(-9, 9, 40).double()]
    found = histogram.HistogramDensity(edges).fit(x).score_samples(q)
    np.testing.assert_allclose(found, numpys(x, [e.numpy() for e in edges], q), rtol=1e-12)
    mixed = histogram.HistogramDensity([edges[0], 6]).fit(x)
    assert mixed.n_bins_.tolist() == [4, 6]


def test_observations_beyond_given_edges_count_in_the_total_alone():
    x = torch.tensor([[0.5], [0.6], [1.5], [7.0]]).double()
    model = histogram.HistogramDensity(torch.tensor([0.0, 1.0, 2.0])).fit(x)
    assert model.score_samples(torch.tensor([[0.1], [1.0], [2.0], [2.1], [-0.1]]).double()).exp().tolist() == (
        pytest.approx([0.5, 0.25, 0.25, 0, 0])
    )
    assert histogram.HistogramDensity(2, range=(0, 2)).fit(x).score_samples(x[:1]).exp().item() == pytest.approx(0.5)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(0, 10**6), st.sampled_from([1e-9, 1.0, 1e9]))
def test_numbers_on_the_edges_fall_where_numpy_puts_them(bins, seed, scale):
    low, high = sorted(np.random.default_rng(seed).normal(size=2) * scale)
    edges = np.linspace(low, high, bins + 1)
    x = torch.from_numpy(edges)[:, None]
    model = histogram.HistogramDensity(bins).fit(x)
    counts = np.histogramdd(x.numpy(), [edges])[0]
    found = torch.zeros(bins, dtype=torch.int64)
    found[model.cells_[:, 0]] = model.counts_
    assert found.tolist() == counts.astype(int).tolist()


@pytest.mark.parametrize("dim", [1, 2])
def test_it_integrates_to_one(dim):
    model = histogram.HistogramDensity("scott").fit(randn(300, dim))
    axes = [axis.edge(torch.arange(axis.n_bins + 1)) for axis in model.axes_]
    middles = torch.cartesian_prod(*[(e[1:] + e[:-1]) / 2 for e in axes]).reshape(-1, dim)
    volumes = torch.cartesian_prod(*[e.diff() for e in axes]).reshape(-1, dim).prod(1)
    assert float((model.score_samples(middles).exp() * volumes).sum()) == pytest.approx(1, abs=1e-12)


def test_the_counting_error_is_what_repeated_draws_show():
    """n_j is binomial, nearly Poisson: its spread over many draws is sqrt(n_j (1 - share))."""
    q = torch.tensor([[0.0], [1.0], [2.0]]).double()
    models = [histogram.HistogramDensity(20, range=(-4, 4)).fit(randn(1000, 1, seed=s)) for s in range(400)]
    p = torch.stack([model.score_samples(q).exp() for model in models])
    stated = torch.stack([model.relative_error(q) for model in models]).mean(0)
    share = p.mean(0) * 0.4
    assert (p.std(0) / p.mean(0) / (stated * (1 - share).sqrt()) - 1).abs().max() < 0.15


def test_relative_error_by_hand():
    model = histogram.HistogramDensity(2, range=(0, 2)).fit(torch.tensor([[0.5]] * 16))
    assert model.relative_error(torch.tensor([[0.1], [1.5], [3.0]])).tolist() == [0.25, math.inf, math.inf]


def test_draws_have_the_density_of_the_histogram():
    x = torch.cat([randn(300, 2), 4 + randn(100, 2, seed=1)])
    model = histogram.HistogramDensity(6).fit(x)
    draws = model.sample(40_000, generator=torch.Generator().manual_seed(0))
    again = histogram.HistogramDensity(6, range=[(float(c.min()), float(c.max())) for c in x.T]).fit(draws)
    found = dict(zip(map(tuple, again.cells_.tolist()), (again.counts_ / 40_000).tolist(), strict=True))
    for cell, count in zip(model.cells_.tolist(), model.counts_.tolist(), strict=True):
        share = count / 400
        assert found[tuple(cell)] == pytest.approx(share, abs=5 * (share / 40_000) ** 0.5)
    assert set(found) == set(map(tuple, model.cells_.tolist()))


def test_the_rules_are_those_of_numpy_and_of_scott():
    x = randn(700, 1)[:, 0]
    numpys = {
        rule: len(np.histogram_bin_edges(x.numpy(), name)) - 1
        for rule, name in (("sturges", "sturges"), ("freedman-diaconis", "fd"))
    }
    assert {rule: histogram.n_bins(x, rule) for rule in numpys} == numpys
    width = 3.49 * float(x.std()) * 700 ** (-1 / 3)
    assert histogram.n_bins(x, "scott") == math.ceil(float(x.max() - x.min()) / width)


def test_the_leave_one_out_risk_is_that_of_leaving_one_out():
    x, span = randn(60, 1)[:, 0], (-4.0, 4.0)
    for bins in (1, 3, 10):
        width, whole = 8 / bins, histogram.HistogramDensity(bins, range=span).fit(x[:, None])
        squared = float((whole.counts_.double() / 60 / width).square().sum() * width)
        others = [
            float(
                histogram.HistogramDensity(bins, range=span)
                .fit(x[torch.arange(60) != i, None])
                .score_samples(x[i : i + 1, None])
                .exp()
            )
            for i in range(60)
        ]
        expected = squared - 2 * sum(others) / 60
        assert histogram.leave_one_out_risk(x, bins, span) == pytest.approx(expected, rel=1e-10)


def test_the_leave_one_out_rule_finds_the_width_of_least_risk():
    """A uniform density with a step at 1/4: four bins (or 8, 12 ...) have no bias, and four have the least variance."""
    u = torch.rand(2000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = torch.where(u < 0.7, u / 0.7 / 4, 0.25 + (u - 0.7) / 0.3 * 0.75)
    x = torch.cat([x, torch.tensor([0.0, 1.0]).double()])
    assert histogram.n_bins(x, "leave-one-out") == 4


@pytest.mark.parametrize("bins", [*histogram.RULES, 5])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_data(name, bins):
    x = HOSTILE[name]
    model = histogram.HistogramDensity(bins).fit(x)
    scores = model.score_samples(torch.cat([x, x + 100]))
    assert not scores.isnan().any() and not (scores == math.inf).any() and scores[: len(x)].isfinite().all()
    assert scores.dtype == (torch.float32 if x.dtype == torch.float32 else torch.float64)
    assert model.sample(7).shape == (7, x.shape[1]) and model.sample(0).shape == (0, x.shape[1])
    assert model.score_samples(x[:0]).shape == (0,) and model.relative_error(x[:0]).shape == (0,)
    assert model.score_samples(model.sample(9)).isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "x", "message"),
    [
        (("scott",), [[math.nan]], r"x holds NaN or infinity \(first: row 0\); remove or fill them"),
        (("scott",), [1.0, 2.0], r"x has shape \(2,\).* for one dimension give x\[:, None\]"),
        (("doane",), [[1.0]], "bins is 'doane'; it must be one of 'sturges', 'scott'"),
        ((0,), [[1.0]], "bins is 0; it must be a whole number from 1"),
        (([2, 3],), [[1.0]], "bins has 2 entries; x has 1 columns"),
        ((torch.tensor([0.0, 2.0, 1.0]),), [[1.0]], "edges of shape .* must be .* ascending"),
    ],
)
def test_mistakes_are_explained(arguments, x, message):
    with pytest.raises(ValueError, match=message):
        histogram.HistogramDensity(*arguments).fit(torch.tensor(x))


def test_what_must_come_first_and_what_must_fit():
    with pytest.raises(ValueError, match="has seen no data yet; call fit"):
        histogram.HistogramDensity().score_samples(torch.zeros(1, 1))
    model = histogram.HistogramDensity().fit(randn(9, 2))
    with pytest.raises(ValueError, match=r"x has shape \(3, 1\); it must be \(M, 2\)"):
        model.score_samples(torch.zeros(3, 1))
    with pytest.raises(ValueError, match=r"range is .*; it must be finite, low below high"):
        histogram.HistogramDensity(range=(2, 1)).fit(randn(9, 2))
    with pytest.raises(ValueError, match="all observations lie beyond the edges"):
        histogram.HistogramDensity(3, range=(50, 60)).fit(randn(9, 1)).sample(3)
