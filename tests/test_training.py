"""The loop: what it computes, what it records, how it stops, and how it goes on."""

import json
import math
import pickle
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

from lecture_lib import autoencoder, likelihoods, meters, records, training, vae


def images(n=40, dim=6, seed=0):
    return torch.randint(0, 256, (n, dim), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def small_vae(seed=0):
    torch.manual_seed(seed)
    return vae.VAE(autoencoder.mlp([6, 8, 4]), autoencoder.mlp([2, 8, 6]), likelihoods.Bernoulli())


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


class Line(nn.Module):
    """y = a, one number to learn."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.a.expand(x.shape)


def test_one_epoch_is_what_a_loop_written_by_hand_does():
    model, twin = small_vae(), small_vae()
    optimizer = torch.optim.Adam(twin.parameters(), lr=1e-2)
    x = images()
    torch.manual_seed(5)
    history = training.train(model, vae.negative_elbo, x, epochs=2, batch_size=16, lr=1e-2)
    torch.manual_seed(5)
    means = []
    for _ in range(2):
        total = 0.0
        for rows in torch.randperm(40).split(16):
            losses = vae.negative_elbo(twin, x[rows].float() / 255)
            optimizer.zero_grad()
            losses["loss"].backward()
            optimizer.step()
            total += losses["loss"].item() * len(rows)
        means.append(total / 40)
    torch.testing.assert_close(weights(model), weights(twin), rtol=1e-5, atol=1e-6)
    assert history.train["loss"] == pytest.approx(means, rel=1e-5)


def test_the_minimum_of_a_squared_error_is_the_mean():
    x = torch.tensor([[1.0], [2.0], [6.0]], dtype=torch.float32)
    model = Line()
    options = {"batch_size": 3, "lr": 0.05, "schedule": lambda fraction: 1 - fraction}
    training.train(model, autoencoder.reconstruction_loss, x, epochs=400, **options)
    assert float(model.a.detach()) == pytest.approx(3, abs=1e-3)


def test_every_loss_component_is_recorded_for_training_and_validation():
    history = training.train(small_vae(), vae.negative_elbo, images(), epochs=3, batch_size=7, x_val=images(10, seed=1))
    assert set(history.train) == set(history.validation) == {"loss", "elbo", "log_likelihood", "kl"}
    assert all(len(values) == 3 for record in (history.train, history.validation) for values in record.values())
    assert history.epochs == len(history.seconds) == 3
    assert "3 epochs" in repr(history) and "validation elbo" in repr(history)


def test_the_same_seed_gives_the_same_numbers_bit_for_bit():
    runs = []
    for _ in range(2):
        generator = training.seed_everything(3)
        model = small_vae(seed=3)
        history = training.train(model, vae.negative_elbo, images(), epochs=3, batch_size=16, generator=generator)
        runs.append((history.train, weights(model)))
    assert runs[0][0] == runs[1][0]
    assert torch.equal(runs[0][1], runs[1][1])


def test_looking_at_validation_data_does_not_change_the_training():
    models = [small_vae(), small_vae()]
    for model, x_val in zip(models, (None, images(10, seed=1)), strict=True):
        torch.manual_seed(0)
        training.train(model, vae.negative_elbo, images(), epochs=2, batch_size=16, x_val=x_val)
    assert torch.equal(*map(weights, models))


def test_the_transform_sees_every_scaled_batch_in_training_and_validation():
    seen = []

    def transform(batch):
        seen.append(batch)
        return batch.round()

    def loss_fn(model, x):
        assert ((x == 0) | (x == 1)).all()
        return vae.negative_elbo(model, x)

    x = images()
    training.train(small_vae(), loss_fn, x, epochs=1, batch_size=16, x_val=images(5, seed=1), transform=transform)
    assert [len(batch) for batch in seen] == [16, 16, 8, 5]
    together = torch.cat(seen[:3])
    assert together.dtype == torch.float32 and float(together.min()) >= 0 and float(together.max()) <= 1
    assert torch.equal(together.sum(1).sort().values, (x.float() / 255).sum(1).sort().values)  # every row once


def test_numpy_arrays_and_scaled_floats_are_taken_as_they_are():
    x = images().numpy()
    a, b = small_vae(), small_vae()
    for model, data in ((a, x), (b, (x / np.float32(255)))):
        torch.manual_seed(0)
        training.train(model, vae.negative_elbo, data, epochs=1)
    torch.testing.assert_close(weights(a), weights(b))


def test_the_schedule_multiplies_the_learning_rate():
    rates, seen = [], []

    def schedule(fraction):
        rates.append(fraction)
        return 0.0

    model = small_vae()
    before = weights(model)
    training.train(model, lambda m, x: seen.append(1) or vae.negative_elbo(m, x), images(), epochs=2, schedule=schedule)
    assert torch.equal(before, weights(model))
    assert rates == [0.0, 0.5] and len(seen) == 2


def test_bfloat16_trains_to_nearly_the_same_loss_and_records_full_precision():
    losses = []
    for precision in ("float32", "bfloat16"):
        model = small_vae()
        torch.manual_seed(0)
        history = training.train(model, vae.negative_elbo, images(400), epochs=5, batch_size=16, precision=precision)
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
        losses.append(history.train["loss"][-1])
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] != losses[1]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(bad):
    model, steps, before = small_vae(), [], []

    def loss_fn(model, x):
        steps.append(1)
        losses = vae.negative_elbo(model, x)
        if len(steps) == 5:
            before.append(weights(model))
            losses["kl"] = losses["kl"] * bad
        return losses

    with pytest.raises(FloatingPointError, match=r"not finite at step 2 of 3 in epoch 2: .*kl = (nan|inf)"):
        training.train(model, loss_fn, images(), epochs=4, batch_size=16)
    assert torch.equal(weights(model), before[0])


def interrupt_at(step):
    count = []

    def loss_fn(model, x):
        count.append(1)
        if len(count) == step:
            raise KeyboardInterrupt
        return vae.negative_elbo(model, x)

    return loss_fn


def test_an_interrupt_keeps_the_model_and_the_history_so_far(capsys):
    model = small_vae()
    history = training.train(model, interrupt_at(6), images(), epochs=9, batch_size=16, x_val=None)
    assert history.epochs == 2 and len(history.train["loss"]) == 2
    assert history.interrupted == "in epoch 2 of 9, after 2 of 3 steps"
    assert capsys.readouterr().out.startswith("Interrupted in epoch 2 of 9, after 2 of 3 steps")
    twin = small_vae()
    torch.manual_seed(0)
    assert not torch.equal(weights(model), weights(twin))


def test_an_interrupt_in_the_first_step_gives_an_empty_history():
    history = training.train(small_vae(), interrupt_at(1), images(), epochs=9)
    assert history.train == {} and history.interrupted


@pytest.mark.parametrize("schedule", [None, lambda fraction: 1 - fraction])
@pytest.mark.parametrize("stop_at", [6, 8, 12])
def test_a_resumed_run_ends_as_one_that_never_stopped(tmp_path, stop_at, schedule):
    def run(loss_fn, seed, **options):
        model, generator = small_vae(), torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        settings = {
            "epochs": 4,
            "batch_size": 16,
            "generator": generator,
            "x_val": images(9, seed=2),
            "schedule": schedule,
        }
        return model, training.train(model, loss_fn, images(), **settings, **options)

    straight, history = run(vae.negative_elbo, 7)
    path = tmp_path / "run.pt"
    run(interrupt_at(stop_at), 7, checkpoint=path)
    resumed, resumed_history = run(vae.negative_elbo, 99, checkpoint=path, resume=True)
    assert torch.equal(weights(straight), weights(resumed))
    assert resumed_history.train == history.train and resumed_history.validation == history.validation
    assert not resumed_history.interrupted


def test_a_checkpoint_is_never_written_over_unasked_nor_used_by_another_run(tmp_path):
    path = tmp_path / "run.pt"
    training.train(small_vae(), vae.negative_elbo, images(), epochs=1, checkpoint=path)
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match="pass resume=True"):
        training.train(small_vae(), vae.negative_elbo, images(), epochs=1, checkpoint=path)
    with pytest.raises(ValueError, match=r"batch_size=128, not 64; rows=40, not 39"):
        training.train(
            small_vae(), vae.negative_elbo, images(39), epochs=2, batch_size=64, checkpoint=path, resume=True
        )
    wider = autoencoder.Autoencoder(autoencoder.mlp([6, 2]), autoencoder.mlp([2, 6]))
    with pytest.raises(ValueError, match="does not fit this model"):
        training.train(wider, autoencoder.reconstruction_loss, images(), epochs=2, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="generator"):
        generator = torch.Generator()
        training.train(small_vae(), vae.negative_elbo, images(), checkpoint=path, resume=True, generator=generator)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 broken zip"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "run.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no checkpoint"):
        training.train(small_vae(), vae.negative_elbo, images(), checkpoint=path, resume=True)
    assert path.read_bytes() == content


def test_a_checkpoint_can_not_run_code(tmp_path):
    path = tmp_path / "run.pt"
    path.write_bytes(pickle.dumps(Evil(str(tmp_path / "harm")), protocol=2))
    with pytest.raises(ValueError, match="is no checkpoint"):
        training.train(small_vae(), vae.negative_elbo, images(), checkpoint=path, resume=True)
    assert not (tmp_path / "harm").exists()


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_write_that_fails_leaves_the_old_file_and_no_debris(tmp_path):
    path = tmp_path / "history.json"
    path.write_text("old")

    def fail(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        records.write_atomically(path, fail)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_history_survives_being_saved_and_is_not_overwritten(tmp_path):
    history = training.train(small_vae(), vae.negative_elbo, images(), epochs=2, x_val=images(5))
    path = tmp_path / "history.json"
    history.save(path)
    assert training.History.load(path) == history
    assert json.loads(path.read_text())["train"]["loss"] == history.train["loss"]
    with pytest.raises(FileExistsError, match="overwrite=True"):
        history.save(path)
    history.save(path, overwrite=True)
    path.write_text("{}x")
    with pytest.raises(ValueError, match="no saved history"):
        training.History.load(path)


def test_evaluate_weighs_every_row_equally_and_repeats_itself():
    model, x = small_vae(), images(25)
    assert training.evaluate(model, vae.negative_elbo, x) == training.evaluate(model, vae.negative_elbo, x)
    state = torch.get_rng_state()
    auto = autoencoder.Autoencoder(autoencoder.mlp([6, 2]), autoencoder.mlp([2, 6]))
    blocks = training.evaluate(auto, autoencoder.reconstruction_loss, x, batch_size=7)
    expected = autoencoder.squared_error(x.float() / 255, auto(x.float() / 255)).mean().item()
    assert blocks["loss"] == pytest.approx(expected, rel=1e-5)
    assert not torch.equal(state, torch.get_rng_state()), "building the network drew weights"
    state = torch.get_rng_state()
    training.evaluate(model, vae.negative_elbo, x)
    assert torch.equal(state, torch.get_rng_state())


def test_evaluate_uses_eval_mode_and_puts_the_mode_back():
    model = autoencoder.Autoencoder(nn.Sequential(nn.Linear(6, 2), nn.Dropout(0.9)), nn.Linear(2, 6))
    values = {
        training.evaluate(model, autoencoder.reconstruction_loss, images(), seed=seed)["loss"] for seed in range(5)
    }
    assert len(values) == 1 and model.training


BAD = [
    ({"epochs": -1}, "epochs is -1"),
    ({"epochs": 1.5}, "epochs is 1.5"),
    ({"batch_size": 0}, "batch_size is 0"),
    ({"lr": 0.0}, "lr is 0.0"),
    ({"lr": math.nan}, "lr is nan"),
    ({"precision": "float16"}, "precision is 'float16'"),
    ({"x_val": torch.zeros(0, 6)}, r"x_val has shape \(0, 6\)"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        training.train(small_vae(), vae.negative_elbo, images(), **options)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(0, 6), r"x has shape \(0, 6\)"),
        (torch.zeros(6), r"x has shape \(6,\)"),
        (torch.zeros(3, 6, dtype=torch.int64), r"x holds torch.int64"),
        (torch.tensor([[1.0] * 6, [math.nan] * 6]), "x holds NaN or infinity, first in row 1"),
    ],
    ids=["empty", "one row", "integers", "NaN"],
)
def test_bad_data_is_named(x, message):
    with pytest.raises(ValueError, match=message):
        training.train(small_vae(), vae.negative_elbo, x)


def test_a_loss_function_that_returns_something_else_is_explained():
    with pytest.raises(TypeError, match=r"loss_fn returned Tensor"):
        training.train(small_vae(), lambda model, x: model(x).sum(), images())
    with pytest.raises(TypeError, match=r"loss_fn returned a dict with \['kl'\]"):
        training.train(small_vae(), lambda model, x: {"kl": model(x).sum()}, images())
    with pytest.raises(TypeError, match=r'"loss" of shape \(40, 6\)'):
        training.train(small_vae(), lambda model, x: {"loss": model(x)}, images())
    with pytest.raises(ValueError, match="model has no parameters"):
        training.train(nn.Identity(), vae.negative_elbo, images())


def test_no_epochs_leave_the_model_alone():
    model = small_vae()
    before = weights(model)
    assert training.train(model, vae.negative_elbo, images(), epochs=0).epochs == 0
    assert torch.equal(before, weights(model))


def test_the_bar_shows_the_running_bound_on_stderr_and_leaves_nothing_on_stdout(capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr(meters, "LOOK_EVERY", 0.0)
    slow = lambda model, x: time.sleep(0.02) or vae.negative_elbo(model, x)  # noqa: E731
    training.train(small_vae(), slow, images(200), epochs=1, batch_size=10)
    out, err = capsys.readouterr()
    assert out == "" and "epoch 1, elbo -" in err
    training.train(small_vae(), vae.negative_elbo, images(), epochs=1, progress=False)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    training.train(small_vae(), vae.negative_elbo, images(), epochs=1)
    assert capsys.readouterr() == ("", "")


def test_training_starts_no_workers():
    before = threading.active_count()
    counts = []

    def loss_fn(model, x):
        counts.append(threading.active_count())
        return vae.negative_elbo(model, x)

    training.train(small_vae(), loss_fn, images(), progress=False)
    assert max(counts) == before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator here")
def test_the_same_call_trains_on_an_accelerator_and_resumes_there(tmp_path):
    where = torch.accelerator.current_accelerator()
    histories = []
    for loss_fn, options in (
        (vae.negative_elbo, {}),
        (interrupt_at(4), {"checkpoint": tmp_path / "run.pt"}),
        (vae.negative_elbo, {"checkpoint": tmp_path / "run.pt", "resume": True}),
    ):
        torch.manual_seed(1)
        model = small_vae().to(where)
        torch.manual_seed(2)
        histories.append(
            training.train(model, loss_fn, images(400), epochs=3, batch_size=200, x_val=images(9), **options)
        )
        assert next(model.parameters()).device.type == where.type
    assert histories[2].train["loss"] == pytest.approx(histories[0].train["loss"], rel=1e-6)
    with pytest.raises(FloatingPointError, match="at step 1 of 2 in epoch 1"):
        training.train(model, lambda m, x: {"loss": m(x).sum() * math.nan}, images(400), batch_size=200)
