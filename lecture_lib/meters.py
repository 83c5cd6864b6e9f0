"""What one sees while a loop runs: a progress bar, running means of every loss component, and the first bad number."""

import os
import time

import torch
from torch import Tensor
from tqdm.auto import tqdm

LOOK_EVERY = 0.5  # seconds between looks at the numbers; on an accelerator a look waits for all queued work


def progress_bar(total: int, *, progress: bool = True, **options):
    """A tqdm bar for terminals and notebooks that leaves nothing behind; the variable TQDM_DISABLE silences it."""
    return tqdm(total=total, leave=False, disable=not progress or bool(os.environ.get("TQDM_DISABLE")), **options)


class Meter:
    """Collects the loss components of one epoch on the device, and looks at them now and then."""

    def __init__(self, bar, epoch: int, steps: int):
        self.bar, self.epoch, self.steps = bar, epoch, steps
        self.names: list[str] = []
        self.rows: list[Tensor] = []
        self.sizes: list[int] = []
        self.checked, self.last_look = 0, time.monotonic()

    def add(self, losses: dict[str, Tensor], size: int) -> None:
        """Record a batch of `size` rows. Raises FloatingPointError, naming the step, for a NaN or infinity."""
        self.names = self.names or list(losses)
        row = torch.stack([losses[name].detach() for name in self.names])
        self.rows.append(row)
        self.sizes.append(size)
        now = time.monotonic()
        if row.device.type == "cpu" or now - self.last_look > LOOK_EVERY or len(self.rows) == self.steps:
            self.check()
        if now - self.last_look > LOOK_EVERY:
            self.last_look = now
            recent = torch.stack(self.rows[-100:]).mean(0)
            name = "elbo" if "elbo" in self.names else "loss"
            value = float(recent[self.names.index(name)])
            self.bar.set_postfix_str(f"epoch {self.epoch + 1}, {name} {value:.2f}", refresh=False)
        self.bar.update(1)

    def check(self) -> None:
        """Look at what was added since the last look."""
        recent = torch.stack(self.rows[self.checked :])
        finite = recent.isfinite().all(1)
        if not finite.all():
            first = int((~finite).nonzero()[0])
            step = self.checked + first + 1
            values = ", ".join(f"{name} = {float(v):.4g}" for name, v in zip(self.names, recent[first], strict=True))
            raise FloatingPointError(
                f"the loss is not finite at step {step} of {self.steps} in epoch {self.epoch + 1}: {values}. "
                "A smaller lr often helps; if the first step fails, look at the data and the loss"
            )
        self.checked = len(self.rows)

    def means(self) -> dict[str, float]:
        """The mean of every component over the rows seen so far."""
        if not self.rows:
            return {}
        weights = torch.tensor(self.sizes, dtype=torch.float64)
        values = torch.stack(self.rows).cpu().double()  # some accelerators have no float64
        return dict(zip(self.names, ((weights @ values) / weights.sum()).tolist(), strict=True))
