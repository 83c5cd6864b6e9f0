"""What an image shows and how it is drawn: the loss of a classifier, and the slant of the strokes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_lib import conditional


def cross_entropy(model: nn.Module, x: Tensor, *, n_classes: int = 10) -> dict[str, Tensor]:
    """{"loss": -mean log p(y|x), "accuracy"} of rows `conditional.with_labels` (B, D + K), for `training.train`.

    The model maps (B, D) to K logits. "accuracy" is the share of rows whose largest logit is that of the label.
    """
    images, columns = conditional.split(x, n_classes)
    logits = model(images)
    if logits.shape != columns.shape:
        raise ValueError(f"model returns {tuple(logits.shape)}; it must return a logit a class, {tuple(columns.shape)}")
    right = logits.argmax(-1) == columns.argmax(-1)
    return {"loss": F.cross_entropy(logits.float(), columns.float()), "accuracy": right.float().mean()}


def slant(images: Tensor) -> Tensor:
    """-Cov(row, column) / Var(row) of the ink, the columns that a stroke moves to the right in going up one row.

    Shapes (..., W^2) -> (...), for bytes or floats of 0 and more. ValueError for other shapes, and for an image
    without height: no ink, or all of it in one row.
    """
    images = torch.as_tensor(images)
    width = round(images.shape[-1] ** 0.5) if images.ndim else 0
    if width**2 != images.shape[-1:].numel() or width < 2:
        raise ValueError(f"images has shape {tuple(images.shape)}; its last axis must hold the pixels of a square")
    ink = images.double().unflatten(-1, (width, width))
    ink = ink / ink.sum((-2, -1), keepdim=True)
    places = torch.arange(width, dtype=torch.float64, device=ink.device)
    down = places - (ink.sum(-1) @ places).unsqueeze(-1)  # (..., W), rows measured from the middle of the ink
    height = (ink.sum(-1) * down**2).sum(-1)
    if not (height > 0).all():
        raise ValueError("images holds one whose ink has no height; every image must have ink in two rows")
    return -((ink @ places) * down).sum(-1) / height
