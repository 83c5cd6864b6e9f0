"""Where to compute. The model owns the device: `model.to(device.pick())`, and everything follows it."""

import torch


def pick() -> torch.device:
    """The accelerator, if one is there and answers, else the CPU.

    An accelerator can be named by PyTorch and yet be absent, out of memory or too old for this build: a small
    computation on it decides.
    """
    if not torch.accelerator.is_available():
        return torch.device("cpu")
    candidate = torch.accelerator.current_accelerator()
    try:
        answers = float((torch.ones(8, 8, device=candidate) @ torch.ones(8, 8, device=candidate)).sum()) == 512.0
    except RuntimeError:  # the form in which every backend reports such trouble
        answers = False
    return candidate if answers else torch.device("cpu")


def describe(device: torch.device) -> str:
    """A line for people: "CPU, 2 threads" or "NVIDIA H200 (cuda)"."""
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    backend = getattr(torch, device.type, None)
    name = backend.get_device_name(device) if hasattr(backend, "get_device_name") else "accelerator"
    return f"{name} ({device.type})"
