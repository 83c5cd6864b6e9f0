"""Interactive parts: sliders that become arguments of one drawing function. Live with a kernel, a picture without."""

import contextlib
import html
import io

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image, ImageDraw

from lecture_lib import frames, plots

UNSEEN = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%)"


class Figure(ipywidgets.VBox):
    """Controls, a caption and a picture. Where no kernel runs, one or two still move, through `frames`."""

    def __init__(self, controls: dict, draw, *, caption: str, alt: str, moves: tuple[str, ...]):
        """`controls` maps argument names of `draw(**values) -> PIL image` to ipywidgets controls.

        moves: the names of the one or two controls that move without a kernel. Where no script runs either, the picture
        alone is shown, with `alt`.
        """
        self.controls, self.draw, self.alt, self.moves = controls, draw, alt, moves
        self.picture = ipywidgets.Image(format="png", value=self.render())
        for control in controls.values():
            control.observe(self.update, names="value")
        # A picture of ipywidgets has no alternative text: it stands beside it, for screen readers only.
        text = ipywidgets.HTML(f'<p>{caption}</p><p style="{UNSEEN}">The picture at rest: {html.escape(alt)}</p>')
        super().__init__([*controls.values(), text, self.picture])

    def render(self) -> bytes:
        """The picture for the controls' values, as a PNG file."""
        image = self.draw(**{name: control.value for name, control in self.controls.items()})
        file = io.BytesIO()
        image.save(file, format="png", compress_level=1)  # time matters here, size does not
        return file.getvalue()

    def update(self, change=None) -> None:
        """Draw anew; called when a control moves."""
        self.picture.value = self.render()

    _ipython_display_ = None  # of ipywidgets 7, which would come before the bundle

    def _repr_mimebundle_(self, **options):
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        file = io.BytesIO()
        with Image.open(io.BytesIO(self.picture.value)) as image:
            image.save(file, format="png", optimize=True)  # kept in the notebook: here size matters, time does not
            width = image.width / 96
        resting = plots.image_tag(file.getvalue(), self.alt, width)
        return {
            "application/vnd.jupyter.widget-view+json": view,
            "text/html": frames.html(resting, self.controls, self.draw, self.moves),
            "text/plain": f"Figure: {self.alt}",
        }


def blitted(fig, moving):
    """The function that gives the picture of `fig` anew, where only the `moving` pairs (axes, artist) have changed.

    All else is drawn here, once: axes, ticks and labels take most of the time. `fig` has an Agg canvas.
    """
    for _, artist in moving:
        artist.set_animated(True)
    fig.canvas.draw()
    still = fig.canvas.copy_from_bbox(fig.bbox)

    def picture():
        fig.canvas.restore_region(still)
        for ax, artist in moving:
            ax.draw_artist(artist)
        return Image.fromarray(np.asarray(fig.canvas.buffer_rgba())[..., :3].copy())

    return picture


def latent_explorer(decode, codes, labels, *, start=(0.0, 0.0), alt: str) -> Figure:
    """Two sliders move a point through a 2-D latent space: the codes (N, 2) on the left, its decoding on the right.

    decode: tensor (1, 2) -> image (1, 784) in [0, 1]. labels (N,): the class of each code. alt: what the resting
    picture shows. Raises ValueError where the codes are not two-dimensional.
    """
    codes = torch.as_tensor(codes).detach().cpu()
    if codes.ndim != 2 or codes.shape[1] != 2:
        raise ValueError(f"codes has shape {tuple(codes.shape)}; a map needs two latent dimensions: (N, 2)")
    if len(labels) != len(codes):
        raise ValueError(f"labels has {len(labels)} entries for {len(codes)} codes; each code needs its class")
    low, high = codes.quantile(0.005, dim=0), codes.quantile(0.995, dim=0)
    margin = 0.15 * (high - low)
    low, high = (low - margin).tolist(), (high + margin).tolist()
    background, to_pixels = _map(codes, labels, low, high)

    def draw(z1, z2):
        with torch.no_grad():
            image = decode(torch.tensor([[z1, z2]], dtype=torch.float32)).cpu().numpy()
        return _beside(background, to_pixels(z1, z2), image.reshape(28, 28))

    controls = {f"z{i + 1}": _slider(i, low[i], high[i], start[i]) for i in range(2)}
    caption = (
        "Drag a slider, or focus it and use the arrow keys. The ring is the point z, the digit beside it its decoding. "
        "Watch where one class turns into another, and what is decoded where no codes lie."
    )
    return Figure(controls, draw, caption=caption, alt=alt, moves=("z1", "z2"))


def _slider(i: int, low: float, high: float, start: float) -> ipywidgets.FloatSlider:
    """The control of one latent variable, in 200 steps."""
    return ipywidgets.FloatSlider(
        value=min(max(start, low), high),
        min=low,
        max=high,
        step=(high - low) / 200,
        description=f"z{'₁₂'[i]}, {('first', 'second')[i]} latent variable",
        readout_format=".2f",
        continuous_update=True,
        style={"description_width": "initial"},
        layout={"width": "46em"},
    )


def _map(codes, labels, low, high):
    """The scatter plot of the codes as an RGB image, and the way from z to its pixels."""
    with _off_screen():
        fig, ax = plt.subplots(figsize=(4.2, 4.2), dpi=96)
        plots.classes(codes, labels, ax)
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="auto")
        fig.canvas.draw()
        image = Image.fromarray(np.asarray(fig.canvas.buffer_rgba())[..., :3].copy())
        fig.set_layout_engine("none")
        transform = ax.transData.frozen()

    def to_pixels(z1, z2):
        x, y = transform.transform((z1, z2))
        return x, image.height - y

    return image, to_pixels


@contextlib.contextmanager
def _off_screen():
    """Figures made inside the block are closed at its end, whatever happens: for pictures kept as arrays."""
    before = set(plt.get_fignums())
    try:
        yield
    finally:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)


def _beside(background: Image.Image, point, digit: np.ndarray) -> Image.Image:
    """The map with a ring at `point`, and the digit, enlarged to its height, to the right."""
    height = background.height
    canvas = Image.new("RGB", (background.width + height, height), "white")
    canvas.paste(background)
    x, y = point
    pen = ImageDraw.Draw(canvas)
    pen.ellipse((x - 8, y - 8, x + 8, y + 8), outline="white", width=6)
    pen.ellipse((x - 7, y - 7, x + 7, y + 7), outline="black", width=3)
    side = height - 40
    pixels = Image.fromarray((255 * (1 - digit.clip(0, 1))).astype(np.uint8)).resize(
        (side, side), Image.Resampling.NEAREST
    )
    canvas.paste(pixels.convert("RGB"), (background.width + 20, 20))
    pen.rectangle((background.width + 19, 19, background.width + 20 + side, 20 + side), outline="#c0c0c0")
    return canvas
