"""What the tests of interactive figures share: the picture as numbers, and a hand on the controls."""

import io

import numpy as np
from PIL import Image


def pixels(figure) -> np.ndarray:
    """The picture that is shown, (height, width, 3)."""
    with Image.open(io.BytesIO(figure.picture.value)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def move(figure, **values) -> None:
    """Set controls by name."""
    for name, value in values.items():
        figure.controls[name].value = value
