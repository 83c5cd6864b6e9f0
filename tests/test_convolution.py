"""Sizes, parameters and receptive fields against torch.nn on random stacks; encoders and decoders inside a VAE."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lecture_lib import autoencoder, convolution, data, likelihoods, training, vae
from lecture_lib.convolution import Layer

MANY = settings(max_examples=1000, deadline=None, database=None, derandomize=True)
FEW = settings(max_examples=150, deadline=None, database=None, derandomize=True)


@st.composite
def layers(draw, kinds=("conv", "pool", "transposed"), max_stride=3, max_padding=2):
    kind, kernel = draw(st.sampled_from(kinds)), draw(st.integers(1, 5))
    stride, dilation = draw(st.integers(1, max_stride)), draw(st.integers(1, 2))
    padding = draw(st.integers(0, min(max_padding, kernel // 2) if kind == "pool" else max_padding))
    filters = None if kind == "pool" else draw(st.integers(1, 4))
    more = draw(st.integers(0, max(stride, dilation) - 1)) if kind == "transposed" else 0
    return Layer(kernel, stride, padding, filters, kind, dilation, more)


def stacks(**options):
    return st.lists(layers(**options), min_size=1, max_size=4)


@MANY
@given(stacks(), st.integers(1, 40), st.integers(1, 3))
def test_shapes_and_parameters_are_those_of_torch(stack, width, channels):
    with torch.device("meta"):  # shapes without numbers
        modules, x = convolution.network(stack, channels), torch.empty(1, channels, width, width)
    modules, found = [module for module in modules if not isinstance(module, nn.ReLU)], [(channels, width)]
    try:
        for module in modules:
            x = module(x)
            if not x.numel():  # of a kernel larger than its input older PyTorch makes an empty image here
                raise RuntimeError("no pixel is left")
            found.append(tuple(x.shape[1:3]))
    except RuntimeError:  # a kernel larger than its input, or nothing left
        with pytest.raises(ValueError, match=rf"layers\[{len(found) - 1}\]: (kernel|padding) is"):
            convolution.shapes(stack, width, channels, floor=True)
    else:
        assert convolution.shapes(stack, width, channels, floor=True) == found
    counts = [sum(parameter.numel() for parameter in module.parameters()) for module in modules]
    assert convolution.parameter_count(stack, channels) == counts


@FEW
@given(stacks(), st.integers(1, 40), st.integers(1, 3))
def test_a_size_that_is_not_whole_is_refused_and_only_then(stack, width, channels):
    whole = True
    for layer, (_, before) in zip(stack, all_shapes(stack, width, channels), strict=False):
        if layer.kind != "transposed":
            whole &= (
                (before - layer.dilation * (layer.kernel - 1) - 1 + 2 * layer.padding) / layer.stride
            ).is_integer()
    fits = len(all_shapes(stack, width, channels)) == len(stack) + 1
    if whole and fits:
        assert convolution.shapes(stack, width, channels) == convolution.shapes(stack, width, channels, floor=True)
    else:
        with pytest.raises(ValueError, match=r"not whole|fit|has only|or less" if not whole else "has only|or less"):
            convolution.shapes(stack, width, channels)


def all_shapes(stack, width, channels):
    """Shapes as far as the stack can be followed."""
    found = [(channels, width)]
    for i in range(len(stack)):
        try:
            found = convolution.shapes(stack[: i + 1], width, channels, floor=True)
        except ValueError:
            break
    return found


@settings(MANY, max_examples=600)
@given(stacks(kinds=("conv", "pool"), max_padding=0))
def test_the_receptive_field_is_where_a_positive_stack_has_gradients(stack):
    """Two outputs of a one-dimensional stack; its pooling takes means, which pass a gradient to the whole window."""
    size, step = convolution.receptive_field(stack), convolution.jump(stack)
    x = torch.ones(1, 1, size + step, dtype=torch.float64, requires_grad=True)
    out = x
    for layer in stack:
        weight = torch.full((1, 1, layer.kernel), 1 / layer.kernel, dtype=torch.float64)  # a mean, pooled or not
        out = nn.functional.conv1d(out, weight, stride=layer.stride, dilation=layer.dilation)
    assert out.shape == (1, 1, 2)
    for i in range(2):
        (gradient,) = torch.autograd.grad(out[0, 0, i], x, retain_graph=True)
        touched = gradient[0, 0].nonzero()
        assert (int(touched.min()), int(touched.max())) == (i * step, i * step + size - 1)


@FEW
@given(stacks(kinds=("conv", "pool")), st.integers(1, 40), st.integers(1, 3))
def test_a_mirrored_stack_leads_back_and_torch_agrees(stack, width, channels):
    there = all_shapes(stack, width, channels)
    stack = stack[: len(there) - 1]
    back = convolution.mirrored(stack, width, channels)
    assert convolution.shapes(back, there[-1][1], there[-1][0]) == there[::-1]
    with torch.device("meta"):
        module, x = convolution.network(back, there[-1][0]), torch.empty(2, there[-1][0], there[-1][1], there[-1][1])
    assert module(x).shape == (2, channels, width, width)


def test_the_network_of_a_stack_is_activated_after_each_layer_with_filters():
    stack = [Layer(3, 2, 1, 4), Layer(2, 2, kind="pool"), Layer(3, 2, 1, 2, "transposed", output_padding=1)]
    parts = convolution.network(stack, 3, nn.Tanh)
    assert [type(part) for part in parts] == [nn.Conv2d, nn.Tanh, nn.MaxPool2d, nn.ConvTranspose2d, nn.Tanh]
    x = torch.randn(2, 3, 12, 12)
    out = parts(x)
    assert out.shape == (2, 2, 6, 6) and out.abs().max() < 1


@FEW
@given(st.integers(1, 60), st.integers(1, 7), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3))
def test_a_transposed_convolution_undoes_the_size_of_a_convolution(width, kernel, stride, padding, dilation):
    room = width + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0:
        return
    small = convolution.output_size(width, kernel, stride, padding, dilation=dilation, floor=True)
    lost = room % stride
    sizes = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    assert convolution.transposed_output_size(small, **sizes, output_padding=lost) == width


def test_sizes_by_hand():
    assert convolution.output_size(28, 4, 2, 1) == 14
    assert convolution.output_size(227, 11, 4) == 55  # the first layer of AlexNet
    assert convolution.output_size(7, 7) == 1
    assert convolution.output_size(28, 5, 2, floor=True) == 12
    assert convolution.output_size(7, 3, dilation=3) == 1
    assert convolution.transposed_output_size(7, 4, 2, 1) == 14
    assert convolution.transposed_output_size(np.int64(1), 7) == 7


def test_lenet_by_hand():
    """LeCun et al. 1998 in today's form: 61,706 parameters."""
    pool = Layer(2, 2, kind="pool")
    stack = [Layer(5, filters=6), pool, Layer(5, filters=16), pool, *(Layer(5, filters=120), Layer(1, filters=84))]
    stack.append(Layer(1, filters=10))
    assert convolution.shapes(stack, 32)[1:5] == [(6, 28), (6, 14), (16, 10), (16, 5)]
    assert convolution.parameter_count(stack) == [156, 0, 2416, 0, 48_120, 10_164, 850]
    assert [convolution.receptive_field(stack[:n]) for n in range(6)] == [1, 5, 6, 14, 16, 32]
    assert [convolution.jump(stack[:n]) for n in range(6)] == [1, 1, 2, 2, 4, 4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"width": 28, "kernel": 5, "stride": 2},
            r"stride is 2, but .* \(28 - 5 \+ 2\*0\)/2 \+ 1 is not whole, 1 of 28",
        ),
        (
            {"width": 4, "kernel": 7, "padding": 1},
            "kernel is 7 and spans 7 pixels; with its padding the input has only 6",
        ),
        ({"width": 4, "kernel": 3, "dilation": 2}, "kernel is 3 and spans 5 pixels; .* only 4"),
        ({"width": 0, "kernel": 1}, "width is 0; it must be a whole number, 1 or more"),
        ({"width": 28.0, "kernel": 3}, "width is 28.0; it must be a whole number"),
        ({"width": 28, "kernel": -3}, "kernel is -3"),
        ({"width": 28, "kernel": 3, "stride": 0}, "stride is 0; it must be a whole number, 1 or more"),
        ({"width": 28, "kernel": 3, "padding": -1}, "padding is -1; it must be a whole number, 0 or more"),
        ({"width": 28, "kernel": True}, "kernel is True"),
        ({"width": "28", "kernel": 3}, "width is '28'"),
        ({"width": float("nan"), "kernel": 3}, "width is nan"),
        ({"width": 28, "kernel": 3, "dilation": None}, "dilation is None"),
    ],
)
def test_sizes_that_cannot_be_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        convolution.output_size(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 1, "kernel": 2, "padding": 1}, "padding is 1; it must be 0 or less to leave any of 2 pixels"),
        ({"width": 7, "kernel": 4, "stride": 2, "output_padding": 2}, "output_padding is 2; it must be less than"),
        ({"width": 7, "kernel": 4, "stride": 2.5}, "stride is 2.5; it must be a whole number"),
        ({"width": 7, "kernel": 4, "output_padding": -1}, "output_padding is -1"),
    ],
)
def test_transposed_sizes_that_cannot_be_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        convolution.transposed_output_size(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel": 3}, "filters is None; it must be a whole number, 1 or more"),
        ({"kernel": 3, "kind": "linear"}, 'kind is \'linear\'; it must be "conv", "pool" or "transposed"'),
        ({"kernel": 2, "kind": "pool", "filters": 3}, "filters is 3, padding 0; pooling has no filters"),
        ({"kernel": 3, "kind": "pool", "padding": 2}, "padding 2; pooling .* at most half its kernel 3"),
        ({"kernel": 0, "filters": 1}, "kernel is 0"),
    ],
)
def test_a_layer_that_cannot_be_is_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        Layer(**arguments)


def test_stacks_that_cannot_be_are_explained():
    up = Layer(4, 2, 1, 3, "transposed")
    with pytest.raises(ValueError, match=r"layers\[1\] is \(3, 1\); it must be a Layer"):
        convolution.shapes([Layer(3, filters=1), (3, 1)], 28)
    with pytest.raises(ValueError, match=r"layers\[1\]: kernel is 5 and spans 5 pixels; .* only 4"):
        convolution.shapes([Layer(5, filters=1), Layer(5, filters=1)], 8)
    for function in (convolution.receptive_field, convolution.jump, lambda x: convolution.mirrored(x, 7)):
        with pytest.raises(ValueError, match=r"layers\[0\] is .*transposed.* it must be a Layer of kind conv or pool"):
            function([up])
    assert convolution.receptive_field([]) == convolution.jump([]) == 1
    assert convolution.shapes([], 28) == [(1, 28)] and convolution.parameter_count([]) == []


def conv_vae(likelihood=None, latent_dim=3, seed=0, **options):
    torch.manual_seed(seed)
    likelihood = likelihood or likelihoods.Bernoulli()
    decoder = convolution.conv_decoder(
        latent_dim, n_params=likelihood.n_params, by_pixel=isinstance(likelihood, likelihoods.Categorical), **options
    )
    return vae.VAE(convolution.conv_encoder(latent_dim, **options), decoder, likelihood)


@pytest.mark.parametrize(
    "likelihood",
    [
        likelihoods.Bernoulli(),
        likelihoods.GaussianFixed(0.1),
        likelihoods.GaussianLearned(),
        likelihoods.Categorical(3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_convolutional_vae_is_a_vae_whatever_the_likelihood(likelihood):
    model, x = conv_vae(likelihood), torch.randint(0, 2, (4, 784)).float()
    mu, log_var = model.encode(x)
    assert mu.shape == log_var.shape == (4, 3)
    assert model.decode(torch.zeros(5, 2, 3)).shape == (5, 2, 784 * likelihood.n_params)
    assert model(x).shape == model.sample(4).shape == (4, 784)
    assert model.sample(0).shape == (0, 784)
    assert model.encode(x[0])[0].shape == (3,) and model.decode(mu[0]).shape == (784 * likelihood.n_params,)
    vae.negative_elbo(model, x, n_samples=2)["loss"].backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())
    assert vae.log_evidence(model, x, 3).shape == (4,)


def test_rows_are_independent_of_the_shape_they_come_in():
    model, z = conv_vae(), torch.randn(2, 3, 3)
    torch.testing.assert_close(model.decode(z).flatten(0, 1), model.decode(z.flatten(0, 1)), rtol=0, atol=1e-5)
    x = torch.rand(2, 3, 784)
    torch.testing.assert_close(model.encode(x)[0][1, 2], model.encode(x[1, 2])[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("by_pixel", [False, True])
def test_the_numbers_of_a_pixel_stand_where_the_likelihood_looks_for_them(by_pixel):
    decoder = convolution.conv_decoder(2, [Layer(2, 2, filters=2)], width=4, channels=3, n_params=5, by_pixel=by_pixel)
    last = decoder[-1].network[-1]
    assert last.out_channels == 15
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.arange(15.0))  # number p of image channel c is 3 p + c at every pixel
    params = decoder(torch.zeros(2)).view(*((3, 16, 5) if by_pixel else (5, 3, 16)))
    expected = torch.arange(15.0).view(5, 3)
    assert (params[:, 0] == expected.T).all() if by_pixel else (params[..., 0] == expected).all()


def test_the_default_has_as_many_parameters_as_the_fully_connected_one():
    plain = [autoencoder.mlp([784, 200, 40]), autoencoder.mlp([20, 200, 784])]
    networks = [convolution.conv_encoder(20), convolution.conv_decoder(20)]
    counts = [sum(p.numel() for part in parts for p in part.parameters()) for parts in (plain, networks)]
    assert counts == [326_824, 331_209]
    head = [Layer(7, filters=200), Layer(1, filters=40)]  # fully connected: kernels as wide as their input
    encoder = sum(parameter.numel() for parameter in networks[0].parameters())
    assert encoder == sum(convolution.parameter_count([*convolution.LAYERS, *head]))


def test_signals_do_not_fade_before_the_first_step():
    """PyTorch's own start loses two thirds of the variance in every layer: less than 0.01 would be left."""
    torch.manual_seed(0)
    code = convolution.conv_encoder(20)(torch.randn(200, 784))
    image = convolution.conv_decoder(20)(torch.randn(200, 20))
    assert 0.5 < code.var() < 4 and 0.5 < image.var() < 4


def test_without_layers_only_the_fully_connected_ones_are_left():
    assert convolution.conv_encoder(2, [], hidden=())(torch.zeros(3, 784)).shape == (3, 4)
    assert convolution.conv_decoder(2, [], hidden=(), n_params=2)(torch.zeros(3, 2)).shape == (3, 2 * 784)


@pytest.mark.parametrize("hidden", [(), (5, 4)])
def test_other_stacks_widths_and_labels_fit_together(hidden):
    stack = [Layer(3, 1, 1, 2), Layer(2, 2, kind="pool"), Layer(3, 2, 0, 4, dilation=2)]
    options = {"hidden": hidden, "width": 15, "channels": 3, "n_labels": 2}
    encoder = convolution.conv_encoder(2, stack, floor=True, **options)
    decoder = convolution.conv_decoder(2, stack, **options)
    assert encoder(torch.zeros(4, 3 * 15**2 + 2)).shape == (4, 4)
    assert decoder(torch.zeros(4, 2 + 2)).shape == (4, 3 * 15**2)
    with pytest.raises(ValueError, match=r"layers\[1\]: stride is 2, but .* not whole"):
        convolution.conv_encoder(2, stack, **options)


def test_labels_reach_the_code_and_the_image():
    encoder, decoder = convolution.conv_encoder(2, n_labels=3), convolution.conv_decoder(2, n_labels=3)
    x, z = torch.rand(784), torch.randn(2)
    labels = torch.eye(3)
    for network, rows in (
        (encoder, torch.cat([x.expand(3, 784), labels], 1)),
        (decoder, torch.cat([z.expand(3, 2), labels], 1)),
    ):
        out = network(rows)
        assert all((out[i] - out[j]).abs().max() > 1e-4 for i, j in ((0, 1), (0, 2), (1, 2)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: convolution.conv_encoder(0), "latent_dim is 0; it must be a whole number, 1 or more"),
        (lambda: convolution.conv_decoder(2.5), "latent_dim is 2.5"),
        (lambda: convolution.conv_decoder(2, n_params=0), "n_params is 0"),
        (lambda: convolution.conv_encoder(2, n_labels=-1), "n_labels is -1; it must be a whole number, 0 or more"),
        (lambda: convolution.conv_decoder(2, n_labels=True), "n_labels is True"),
        (lambda: convolution.conv_encoder(2, hidden=(0,)), "sizes is"),
        (lambda: convolution.conv_encoder(2, width=27), r"layers\[0\]: stride is 2, but .* not whole"),
        (lambda: convolution.conv_encoder(2)(torch.zeros(3, 100)), "x has 100 columns; images of shape .* need 784"),
    ],
)
def test_networks_that_cannot_be_are_explained(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_short_training_improves_the_bound(precision):
    x = data.digits()[0][:256]
    model = conv_vae(latent_dim=4)
    before = training.evaluate(model, vae.negative_elbo, x, transform=data.binarize)["elbo"]
    options = {"epochs": 3, "batch_size": 32, "lr": 3e-3, "transform": data.binarize, "precision": precision}
    training.train(model, vae.negative_elbo, x, progress=False, **options)
    after = training.evaluate(model, vae.negative_elbo, x, transform=data.binarize)["elbo"]
    assert before < -500 and after > -320  # 784 fair coins: -543
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        evidence = vae.log_evidence(model, data.binarize(x[:8]), 20)
    assert evidence.dtype == torch.float32 and evidence.isfinite().all()


def test_the_same_seed_builds_and_trains_the_same_network():
    x, runs = data.digits()[0][:64], []
    for _ in range(2):
        model = conv_vae(seed=3)
        training.train(model, vae.negative_elbo, x, epochs=1, transform=data.binarize, progress=False)
        runs.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    assert math.isclose(float((runs[0] - runs[1]).abs().max()), 0, abs_tol=1e-7)
