"""Choosing where to compute."""

import pytest
import torch

from lecture_lib import device


def test_without_an_accelerator_the_cpu_is_picked(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert device.pick() == torch.device("cpu")


def test_an_accelerator_that_does_not_answer_is_passed_over(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    real = torch.ones

    def refuse(*size, device=None, **options):
        if device is not None:
            raise RuntimeError("no kernel image is available for execution on the device")
        return real(*size, **options)

    monkeypatch.setattr(torch, "ones", refuse)
    assert device.pick() == torch.device("cpu")


@pytest.mark.parametrize(("threads", "text"), [(1, "CPU, 1 thread"), (2, "CPU, 2 threads")])
def test_the_cpu_is_described_with_its_threads(monkeypatch, threads, text):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert device.describe(torch.device("cpu")) == text


@pytest.mark.gpu
@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator here")
def test_the_picked_accelerator_computes():
    picked = device.pick()
    assert picked.type != "cpu"
    assert float(torch.ones(3, device=picked).sum()) == 3.0
    assert picked.type in device.describe(picked)
