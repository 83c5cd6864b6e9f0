"""What a training run leaves behind: its history, and a checkpoint to go on from. Nothing is overwritten unasked."""

import contextlib
import dataclasses
import json
import os
import pickle
from pathlib import Path

import torch


@dataclasses.dataclass
class History:
    """Every loss component of a run: `train["kl"]` and `validation["kl"]` hold one mean per epoch; `seconds` its time.

    A run that was interrupted says so in `interrupted`, and its last training entry covers part of an epoch.
    """

    train: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    validation: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    seconds: list[float] = dataclasses.field(default_factory=list)
    interrupted: str = ""

    @property
    def epochs(self) -> int:
        """Epochs recorded so far."""
        return len(self.seconds)

    def append(self, train: dict[str, float], validation: dict[str, float], seconds: float) -> None:
        """Add one epoch's means."""
        for record, values in ((self.train, train), (self.validation, validation)):
            for name, value in values.items():
                record.setdefault(name, []).append(value)
        self.seconds.append(seconds)

    def __repr__(self) -> str:
        parts = [f"{name} {values[-1]:.1f}" for name, values in self.train.items()]
        parts += [f"validation {name} {values[-1]:.1f}" for name, values in self.validation.items()]
        return f"History({self.epochs} epochs{': ' if parts else ''}{', '.join(parts)})"

    def save(self, path: str | os.PathLike, *, overwrite: bool = False) -> None:
        """Write the history as JSON. Raises FileExistsError where `path` exists, unless `overwrite`."""
        if Path(path).exists() and not overwrite:
            raise FileExistsError(f"path={str(path)!r} exists; choose another name or pass overwrite=True")
        text = json.dumps(dataclasses.asdict(self), indent=1)
        write_atomically(path, lambda file: file.write(text.encode()))

    @classmethod
    def load(cls, path: str | os.PathLike) -> "History":
        """Read a history that `save` wrote. Raises ValueError for any other file."""
        try:
            return cls(**json.loads(Path(path).read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(f"path={str(path)!r} is no saved history: {error}") from None


def write_atomically(path: str | os.PathLike, write) -> None:
    """Call write(file) on a temporary file beside `path` and move it there: readers see the old file or the new one."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        with part.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def random_states(device: torch.device, generator: torch.Generator | None, states: dict | None = None) -> dict:
    """The states of all generators that a run on `device` draws from; with `states` given, set to those first."""
    sources = {"global": (torch.get_rng_state, torch.set_rng_state)}
    if device.type != "cpu":
        module = torch.get_device_module(device)
        sources["device"] = (module.get_rng_state, module.set_rng_state)
    if generator is not None:
        sources["order"] = (generator.get_state, generator.set_state)
    if states is not None and states.keys() != sources.keys():
        raise ValueError(
            f"generator: the checkpoint holds the states of {sorted(states)}, this run has {sorted(sources)}"
        )
    for name, (_, set_state) in sources.items():
        if states is not None:
            set_state(states[name])
    return {name: get_state() for name, (get_state, _) in sources.items()}


@contextlib.contextmanager
def own_seed(device: torch.device, seed: int):
    """Draw from `seed` inside the block, and leave the global generators as they were found."""
    states = random_states(device, None)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        random_states(device, None, states)


def save_checkpoint(path: str | os.PathLike, state: dict) -> None:
    """Write `state` (tensors, numbers, strings and containers of them), replacing an earlier checkpoint in one move."""
    write_atomically(path, lambda file: torch.save(state, file))


def load_checkpoint(path: str | os.PathLike, settings: dict) -> dict:
    """The state in `path`. Raises ValueError where it is no checkpoint, or one of a run with other `settings`."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved = state["settings"]
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
        raise ValueError(f"checkpoint={str(path)!r} is no checkpoint of a run: {error}") from None
    different = [
        f"{name}={saved.get(name)!r}, not {value!r}" for name, value in settings.items() if saved.get(name) != value
    ]
    if different:
        raise ValueError(f"checkpoint={str(path)!r} belongs to a run with {'; '.join(different)}")
    return state
