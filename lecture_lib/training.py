"""One training loop for every model of the course: the loss that is passed in makes the difference.

`loss_fn(model, x) -> dict` returns scalars, "loss" among them: the loop minimizes "loss" and records them all. The
data set lies in memory on the model's device; batches are picked by index and scaled on the fly.
"""

import dataclasses
import os
import random
import time

import numpy as np
import torch
from torch import Tensor, nn

from lecture_lib import meters, records
from lecture_lib.records import History


def seed_everything(seed: int) -> torch.Generator:
    """Seed the global generators of Python, NumPy and PyTorch; returns a fresh CPU generator with the same seed."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - other people's code uses the global one
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def train(
    model: nn.Module,
    loss_fn,
    x: Tensor,
    *,
    epochs: int = 10,
    batch_size: int = 128,
    lr: float = 1e-3,
    x_val: Tensor | None = None,
    transform=None,
    schedule=None,
    precision: str = "float32",
    generator: torch.Generator | None = None,
    checkpoint: str | None = None,
    resume: bool = False,
    progress: bool = True,
) -> History:
    """Minimize loss_fn(model, batch)["loss"] over the rows of x (N, ...) with Adam (Kingma & Ba 2015).

    transform(batch) is applied to scaled batches, in training and validation (`data.binarize`). schedule(fraction
    done) multiplies `lr`. precision="bfloat16" halves the bits of matrix products. `generator` orders the batches;
    noise comes from the global one. Every epoch `checkpoint` is written; `resume` goes on from it, with the numbers of
    a run never stopped. Ctrl-C ends early and keeps model and history; a non-finite loss raises FloatingPointError.
    """
    settings = {"batch_size": batch_size, "lr": lr, "precision": precision}
    _check_settings(epochs, **settings)
    run = _Run(model, loss_fn, x, x_val, settings, transform, generator)
    if checkpoint is not None:
        run.open(checkpoint, resume, epochs)
    with meters.progress_bar(
        epochs * run.steps, progress=progress, unit="batch", initial=run.history.epochs * run.steps
    ) as bar:
        run.go(epochs, schedule or (lambda fraction: 1.0), checkpoint, bar)
    return run.history


def evaluate(
    model: nn.Module, loss_fn, x: Tensor, *, batch_size: int = 1000, transform=None, precision="float32", seed: int = 0
) -> dict[str, float]:
    """Every entry of loss_fn(model, x) as a mean over the rows of x (N, ...), without gradients, in eval mode.

    Noise is drawn from `seed`: two calls agree, and the global generators are left as they were.
    """
    device, dtype = _where(model)
    x = _on_device(x, "x", device)
    meter = meters.Meter(meters.progress_bar(0, progress=False), 0, -(-len(x) // batch_size))
    was_training = model.training
    model.eval()
    with torch.no_grad(), records.own_seed(device, seed):
        for batch in x.split(batch_size):
            meter.add(_losses(model, loss_fn, _prepare(batch, dtype, transform), precision), len(batch))
    model.train(was_training)
    return meter.means()


class _Run:
    """All that a run must remember to go on after a stop: model, optimizer, history and random states."""

    def __init__(self, model, loss_fn, x, x_val, settings, transform, generator):
        self.model, self.loss_fn, self.settings = model, loss_fn, settings
        self.transform, self.generator = transform, generator
        self.device, self.dtype = _where(model)
        self.x = _on_device(x, "x", self.device)
        self.x_val = None if x_val is None else _on_device(x_val, "x_val", self.device)
        self.steps = -(-len(self.x) // settings["batch_size"])
        fused = self.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.Adam(model.parameters(), lr=settings["lr"], fused=fused)
        self.history = History()

    def go(self, epochs: int, schedule, checkpoint, bar) -> None:
        while (done := self.history.epochs) < epochs and not self.history.interrupted:
            started = time.perf_counter()
            meter = meters.Meter(bar, done, self.steps)
            try:
                self.epoch(meter, lambda step: schedule((done + step / self.steps) / epochs))
                validation = self.validate()
            except KeyboardInterrupt:
                at = f"in epoch {done + 1} of {epochs}, after {len(meter.rows)} of {self.steps} steps"
                print(f"Interrupted {at}: the model and the history so far are kept.")
                self.history.interrupted, validation = at, {}
            self.history.append(meter.means(), validation, time.perf_counter() - started)
            if checkpoint is not None and not self.history.interrupted:
                records.save_checkpoint(checkpoint, self.state())

    def epoch(self, meter, rate) -> None:
        self.model.train()
        order = torch.randperm(len(self.x), generator=self.generator).to(self.device)
        for step, rows in enumerate(order.split(self.settings["batch_size"])):
            for group in self.optimizer.param_groups:
                group["lr"] = self.settings["lr"] * rate(step)
            batch = _prepare(self.x.index_select(0, rows), self.dtype, self.transform)
            losses = _losses(self.model, self.loss_fn, batch, self.settings["precision"])
            meter.add(losses, len(rows))  # raises before a bad number reaches the parameters
            self.optimizer.zero_grad()  # just before new gradients need the memory, or it goes back to the system
            losses["loss"].backward()
            self.optimizer.step()

    def validate(self) -> dict[str, float]:
        if self.x_val is None:
            return {}
        options = {"transform": self.transform, "precision": self.settings["precision"]}
        return evaluate(self.model, self.loss_fn, self.x_val, **options)

    def open(self, path, resume: bool, epochs: int) -> None:
        """Continue from the checkpoint if there is one; refuse to write over it unasked."""
        if not os.path.exists(path):
            return
        if not resume:
            raise FileExistsError(
                f"checkpoint={str(path)!r} exists; pass resume=True to go on from it, or another name"
            )
        state = records.load_checkpoint(path, self.settings | {"rows": len(self.x)})
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise ValueError(f"checkpoint={str(path)!r} does not fit this model: {error}") from None
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = History(**state["history"])
        records.random_states(self.device, self.generator, state["random"])

    def state(self) -> dict:
        return {
            "settings": self.settings | {"rows": len(self.x)},
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": dataclasses.asdict(self.history),
            "random": records.random_states(self.device, self.generator),
        }


def _losses(model, loss_fn, batch: Tensor, precision: str) -> dict[str, Tensor]:
    with torch.autocast(batch.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        losses = loss_fn(model, batch)
    if not isinstance(losses, dict) or "loss" not in losses:
        found = f"a dict with {sorted(losses)}" if isinstance(losses, dict) else type(losses).__name__
        raise TypeError(f'loss_fn returned {found}; it must return a dict of scalar tensors with a "loss" among them')
    for name, value in losses.items():
        if value.ndim:
            raise TypeError(f'loss_fn returned "{name}" of shape {tuple(value.shape)}; average it to a single number')
    return losses


def _prepare(batch: Tensor, dtype: torch.dtype, transform) -> Tensor:
    """Grey values 0..255 become 0..1; floats stay as they are."""
    batch = batch.to(dtype).div_(255) if batch.dtype == torch.uint8 else batch.to(dtype)
    return batch if transform is None else transform(batch)


def _where(model: nn.Module) -> tuple[torch.device, torch.dtype]:
    for parameter in model.parameters():
        return parameter.device, parameter.dtype
    raise ValueError("model has no parameters: there is nothing to train, and no device to compute on")


def _on_device(x, name: str, device: torch.device) -> Tensor:
    x = torch.as_tensor(x)
    if x.ndim < 2 or len(x) == 0:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; it must be (N, D) with at least one row")
    if x.dtype != torch.uint8 and not x.is_floating_point():
        raise ValueError(f"{name} holds {x.dtype}; give uint8 grey values (0 to 255) or floats already scaled")
    if x.is_floating_point() and not (finite := x.isfinite().flatten(1).all(1)).all():
        raise ValueError(f"{name} holds NaN or infinity, first in row {int((~finite).nonzero()[0])}")
    return x.to(device)


def _check_settings(epochs: int, batch_size: int, lr: float, precision: str) -> None:
    for name, value, least in (("epochs", epochs, 0), ("batch_size", batch_size, 1)):
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name} is {value!r}; it must be a whole number, {least} or more")
    if not 0 < lr < float("inf"):
        raise ValueError(f"lr is {lr!r}; it must be positive and finite")
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f'precision is {precision!r}; it must be "float32" or "bfloat16"')
