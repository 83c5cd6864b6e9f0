"""PCA: exact against scikit-learn and torch.linalg, the same by every method, and what it refuses."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.decomposition import PCA

from lecture_lib import data, latent_variables, pca

METHODS = ["svd", "scatter", "randomized"]


def correlated(n, dim, seed=0):
    """Rows with standard deviations that fall from 3 to 0.1 along random axes, off center."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(dim, dim, dtype=torch.float64, generator=generator)).Q
    codes = torch.randn(n, dim, dtype=torch.float64, generator=generator) * torch.logspace(0.5, -1, dim)
    return codes @ axes.T + 5


def images(n=300, dim=40):
    """uint8 rows with two strong directions and noise."""
    generator = torch.Generator().manual_seed(1)
    patterns = 60 * torch.randn(n, 2, generator=generator) @ torch.randn(2, dim, generator=generator)
    return (patterns + 30 * torch.randn(n, dim, generator=generator) + 90).clamp(0, 255).to(torch.uint8)


# --- fit ---


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize(("n", "dim", "J"), [(200, 12, 5), (200, 12, 12), (9, 30, 4), (9, 30, 8), (50, 1, 1)])
def test_axes_variances_and_mean_are_those_of_scikit_learn(n, dim, J, method):
    x = correlated(n, dim)
    ours, theirs = pca.fit(x, J, method=method), PCA(J, svd_solver="full").fit(x.numpy())
    torch.testing.assert_close(ours.axes, torch.tensor(theirs.components_.T), rtol=0, atol=1e-9)
    torch.testing.assert_close(ours.singular_values, torch.tensor(theirs.singular_values_), rtol=1e-10, atol=0)
    torch.testing.assert_close(ours.mean, torch.tensor(theirs.mean_))
    ratio = torch.tensor(theirs.explained_variance_ratio_)
    torch.testing.assert_close(ours.explained_variance_ratio, ratio, rtol=1e-10, atol=0)
    torch.testing.assert_close(ours.variance * n / (n - 1), torch.tensor(theirs.explained_variance_))
    torch.testing.assert_close(ours.project(x), torch.tensor(theirs.transform(x.numpy())), rtol=0, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_axes_are_singular_vectors_of_the_centered_data_up_to_sign(method):
    x = correlated(100, 8)
    model = pca.fit(x, 3, method=method)
    _, values, rows = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    torch.testing.assert_close((model.axes.T @ rows[:3].T).abs(), torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(model.singular_values, values[:3])
    assert model.discarded == pytest.approx(float((values[3:] ** 2).sum()), rel=1e-10)
    assert model.error == pytest.approx(model.discarded / 100)


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_the_entry_of_largest_size_of_each_axis_is_positive(method):
    x = correlated(60, 7)
    axes = pca.fit(x, 7, method=method).axes
    assert (axes.max(0).values >= -axes.min(0).values).all()
    torch.testing.assert_close(pca.fit(-x, 7, method=method).axes, axes, rtol=0, atol=1e-9)


def test_the_variances_are_those_of_the_linear_gaussian_model():
    x = correlated(80, 6)
    model, gaussian = pca.fit(x, 5), latent_variables.LinearGaussian.fit(x, 5)
    torch.testing.assert_close((gaussian.W**2).sum(0) + gaussian.noise_variance, model.variance)
    assert model.error == pytest.approx(gaussian.noise_variance)  # one direction is left


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_bytes_are_grey_values_over_255(method):
    x = images()
    model, expected = pca.fit(x, 4, method=method), pca.fit(x.double() / 255, 4, method="svd")
    for name in ("mean", "axes", "singular_values"):
        torch.testing.assert_close(getattr(model, name), getattr(expected, name), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(model.project(x), expected.project(x.double() / 255))


def test_the_scatter_matrix_of_bytes_is_exact():
    x = images(50, 6)
    x[0], x[1] = 0, 255
    mean, scatter = pca._integer_scatter(x)
    sums = x.long().sum(0)
    exact = (50 * x.long().T @ x.long() - sums.outer(sums)).double() / 50
    torch.testing.assert_close(scatter, exact / 255**2, rtol=1e-15, atol=0)
    torch.testing.assert_close(mean, sums.double() / 50 / 255, rtol=1e-15, atol=0)


def test_blocks_of_rows_add_up(monkeypatch):
    expected = pca._integer_scatter(images())
    monkeypatch.setattr(pca, "BLOCK", 7)
    assert all(map(torch.equal, pca._integer_scatter(images()), expected))


def test_bytes_with_a_small_component_go_by_the_svd():
    x = images(2000, 5)
    x[:, 3:] = x[:, 3:4].clamp(1)
    x[0, 4] -= 1  # the difference of two columns has a variance of 1 / 2000 or so, against thousands
    model, expected = pca.fit(x, 5), PCA(5, svd_solver="full").fit(x.double().numpy() / 255)
    assert model.variance[4] < pca.LEAST_RATIO * model.variance[0]
    theirs = torch.tensor(expected.singular_values_)
    torch.testing.assert_close(model.singular_values, theirs, rtol=1e-12, atol=0)


def test_float32_is_computed_in_float64():
    x = (correlated(300, 5) + 1000).float()
    model, expected = pca.fit(x, 3), pca.fit(x.double(), 3)
    assert model.axes.dtype == model.project(x).dtype == torch.float32
    torch.testing.assert_close(model.axes, expected.axes.float(), rtol=0, atol=1e-7)
    torch.testing.assert_close(model.variance.double(), expected.variance, rtol=1e-6, atol=0)


def test_numpy_arrays_are_welcome():
    x = correlated(30, 4)
    assert torch.equal(pca.fit(x.numpy(), 2).axes, pca.fit(x, 2).axes)
    assert torch.equal(pca.fit(x, 2).project(x.numpy()), pca.fit(x, 2).project(x))


def test_random_projections_find_the_digits_subspace_and_obey_their_generator():
    x = data.digits("train")[0]
    exact = pca.fit(x, 20)
    fits = [pca.fit(x, 20, method="randomized", generator=torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert torch.equal(fits[0].axes, fits[1].axes) and not torch.equal(fits[0].axes, fits[2].axes)
    for model in fits:
        assert pca.principal_angles(model.axes, exact.axes).max() < 1e-3
        torch.testing.assert_close(model.variance, exact.variance, rtol=1e-6, atol=0)
        assert model.discarded == pytest.approx(exact.discarded, rel=1e-6)


# --- the model ---


def test_the_error_of_reconstruction_is_what_was_discarded():
    x = correlated(150, 9)
    for J in (1, 4, 8):
        model = pca.fit(x, J)
        errors = ((x - model.reconstruct(model.project(x))) ** 2).sum(1)
        assert float(errors.mean()) == pytest.approx(model.error, rel=1e-9)
    assert pca.fit(x, 9).discarded == 0


def test_whitened_codes_have_the_identity_as_covariance():
    x = correlated(150, 9)
    z = pca.fit(x, 6).whiten(x)
    torch.testing.assert_close(torch.cov(z.T, correction=0), torch.eye(6, dtype=torch.float64))
    theirs = torch.tensor(PCA(6, whiten=True).fit_transform(x.numpy()))
    torch.testing.assert_close(z, theirs * math.sqrt(150 / 149), rtol=0, atol=1e-9)


def test_one_observation_or_many_axes_in_front():
    x = correlated(60, 5)
    model = pca.fit(x, 2)
    assert model.project(x[0]).shape == (2,)
    assert torch.allclose(model.project(x.view(3, 20, 5)).view(60, 2), model.project(x))
    assert model.reconstruct(torch.zeros(4, 3, 2)).shape == (4, 3, 5)
    with pytest.raises(ValueError, match=r"x has shape \(3,\); its last axis must hold 5 values"):
        model.project(torch.zeros(3))
    with pytest.raises(ValueError, match=r"z has shape \(5,\); its last axis must hold 2 values"):
        model.reconstruct(torch.zeros(5))


# --- what is refused ---


@pytest.mark.parametrize(
    ("x", "J", "message"),
    [
        (torch.zeros(5), 1, r"x has shape \(5,\)"),
        (torch.zeros(1, 5), 1, r"x has shape \(1, 5\); it must be \(N, D\), N at least 2"),
        (torch.zeros(5, 3, dtype=torch.int64), 1, "x holds torch.int64"),
        (torch.tensor([[0.0, 1.0], [2.0, 3.0], [math.nan, 1.0]]), 1, r"NaN or infinity \(first: row 2\)"),
        (torch.tensor([[0.0, 1.0], [math.inf, 3.0]]), 1, r"NaN or infinity \(first: row 1\)"),
        (correlated(5, 3), 0, r"n_components is 0; .* from 1 to min\(N - 1, D\) = 3"),
        (correlated(5, 3), 4, r"n_components is 4; .* from 1 to min\(N - 1, D\) = 3"),
        (correlated(5, 9), 5, r"n_components is 5; .* = 4: 5 rows less their mean have no greater rank"),
        (correlated(5, 3), 1.5, "n_components is 1.5"),
        (correlated(5, 3), True, "n_components is True"),
    ],
)
def test_bad_input_is_named(x, J, message):
    with pytest.raises(ValueError, match=message):
        pca.fit(x, J)


def test_an_unknown_method_names_those_there_are():
    with pytest.raises(ValueError, match="method is 'arpack'; it must be one of auto, svd, scatter, randomized"):
        pca.fit(correlated(5, 3), 1, method="arpack")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_axes_that_only_rounding_errors_determine_are_refused(method, dtype, offset):
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(40, 3, generator=generator, dtype=dtype) @ torch.randn(3, 8, generator=generator, dtype=dtype)
        x = x + offset
        assert pca.fit(x, 3, method=method).axes.shape == (8, 3)
        with pytest.raises(ValueError, match="n_components is 4, but up to rounding x less its mean has rank 3"):
            pca.fit(x, 4, method=method)


@pytest.mark.parametrize("x", [torch.full((9, 4), 0.1), torch.full((9, 4), 77, dtype=torch.uint8)])
def test_rows_that_are_all_equal_have_no_axes(x):
    with pytest.raises(ValueError, match="has rank 0"):
        pca.fit(x, 1)


def lauchli(small):
    """Six rows of mean zero with singular values sqrt(6 + 2 small^2), sqrt(2) small, sqrt(2) small."""
    half = torch.cat([torch.ones(1, 3, dtype=torch.float64), small * torch.eye(3, dtype=torch.float64)])
    return torch.cat([half, -half])


def test_the_svd_keeps_the_digits_that_the_scatter_matrix_loses():
    small = 1e-6
    values = pca.fit(lauchli(small), 3, method="svd").singular_values
    exact = torch.tensor([math.sqrt(6 + 2 * small**2), *2 * [math.sqrt(2) * small]], dtype=torch.float64)
    torch.testing.assert_close(values, exact, rtol=1e-9, atol=0)
    assert ((pca.fit(lauchli(small), 3, method="scatter").singular_values / exact)[1:] - 1).abs().max() > 1e-6
    assert pca.fit(lauchli(1e-9), 3).singular_values[1] == pytest.approx(math.sqrt(2) * 1e-9, rel=1e-6)
    with pytest.raises(ValueError, match='has rank 1; method="svd" would tell more'):
        pca.fit(lauchli(1e-9), 3, method="scatter")


# --- principal_angles ---


def random(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("J", "K"), [(1, 1), (2, 2), (4, 4), (2, 5), (5, 2), (7, 7)])
def test_principal_angles_are_those_of_scipy(J, K):
    a, b = random(9, J), random(9, K, seed=1)
    expected = np.sort(scipy.linalg.subspace_angles(a.numpy(), b.numpy()))
    np.testing.assert_allclose(pca.principal_angles(a, b), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("angle", [1e-12, 1e-6, 0.3, math.pi / 4, 1.2, math.pi / 2 - 1e-6, math.pi / 2])
def test_two_lines_in_a_plane_have_the_angle_that_they_were_given(angle):
    line, turned = torch.tensor([[1.0], [0.0], [math.cos(angle)], [math.sin(angle)]], dtype=torch.float64).view(2, 2, 1)
    assert float(pca.principal_angles(line, 3 * turned)) == pytest.approx(angle, rel=1e-12)


def test_the_angles_do_not_depend_on_the_axes_within_a_subspace():
    a = random(9, 3)
    assert pca.principal_angles(a, a @ random(3, 3, seed=1)).max() < 1e-14
    assert pca.principal_angles(a, a[:, [2, 0, 1]] * torch.tensor([1.0, 1e-9, 1e-18])).max() < 1e-14
    assert torch.allclose(pca.principal_angles(torch.eye(4)[:, :2], torch.eye(4)[:, 2:]), torch.tensor(math.pi / 2))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (torch.ones(4, 2), torch.eye(4), "the 2 columns of a span only 1 dimensions"),
        (torch.eye(4), torch.zeros(4, 1), "the 1 columns of b span only 0 dimensions"),
        (torch.eye(4), torch.eye(3), "D and type must be the same"),
        (torch.eye(4), torch.eye(4).double(), "D and type must be the same"),
        (torch.ones(2, 4), torch.eye(2), r"a has shape \(2, 4\); it must be \(D, J\), J at most D"),
        (torch.full((2, 1), math.nan), torch.eye(2), "of finite floats"),
        (torch.ones(3), torch.eye(3), r"a has shape \(3,\)"),
    ],
)
def test_what_spans_no_subspace_is_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        pca.principal_angles(a, b)
