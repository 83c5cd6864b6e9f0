"""Interactive parts that move without a kernel: pictures drawn beforehand, and sliders that run through them.

The sliders are built by a script. Where none runs (on GitHub, in a notebook that is not trusted) the resting picture
stands alone: a slider that moves while its picture stays is worse than none.

Of each picture only the pixels that differ from the resting one are stored; the rest shows through from behind.
"""

import base64
import hashlib
import io
import itertools
import json

import ipywidgets
import numpy as np
from PIL import Image

COUNTS = {1: 21, 2: 13}  # positions of each slider, where one moves and where two do
STEP = 255 / 31  # of a color in what has changed: within 4 of the true one, which nobody sees
FLAT = 500  # pixels at rest that make a color one of an area, which is kept as it is: beside it a step would be seen

# The resting picture is the first element of each box of this figure, wherever the figure has been copied to.
SCRIPT = """
(() => {
  const given = DATA;
  const make = (name, values) => Object.assign(document.createElement(name), values);
  for (const box of document.querySelectorAll(`[data-frames="${given.id}"]:not([data-ready])`)) {
    box.dataset.ready = "yes";
    const image = box.querySelector("img"), alt = image.alt, still = image.src;
    image.style.background = `url("${still}") 0 0 / 100% 100% no-repeat content-box`;
    image.style.printColorAdjust = "exact";
    const widest = given.controls.length > 1 ? Math.max(...given.controls.map(({label}) => label.length)) : 0;
    const places = given.controls.map((control) => control.rest);
    const told = (at) => given.controls.map(({label, values}, k) => `${label}: ${values[at[k]]}`).join(", ");
    const show = () => {
      const index = places.reduce((sum, place, k) => sum * given.controls[k].values.length + place, 0);
      const changes = given.pictures[index], rest = given.controls.map((control) => control.rest);
      image.src = changes ? "data:image/webp;base64," + changes : still;
      image.alt = places.join() == rest.join() ? alt : `${told(places)}. At ${told(rest)}: ${alt}`;
    };
    given.controls.forEach(({label, values, rest}, k) => {
      const slider = make("input", {type: "range", min: 0, max: values.length - 1, step: 1, value: rest});
      const row = make("div", {}), name = make("label", {}), value = make("output", {});
      const words = make("span", {textContent: label});
      words.style.cssText = `display: inline-block; min-width: ${widest}ch`;  // sliders stand below one another
      slider.style.cssText = "width: min(24em, 60vw); vertical-align: middle; margin: 0 0.8em; accent-color: #0072b2";
      row.style.cssText = "font-family: sans-serif; font-size: 15px; margin: 0 0 6px";
      const say = () => {
        value.textContent = values[places[k]];
        slider.setAttribute("aria-valuetext", `${label}: ${value.textContent}`);
      };
      name.append(words, slider, value);
      row.append(name);
      box.insertBefore(row, image);
      slider.addEventListener("input", () => { places[k] = Number(slider.value); say(); show(); });
      slider.addEventListener("keydown", (event) => event.stopPropagation());
      say();
    });
  }
})();
"""


def positions(control, count: int) -> list:
    """At most `count` values over the range of an ipywidgets control, its present one among them.

    Evenly spaced; whole numbers that span a factor of 50 and more by equal ratios. Of a choice, all.
    """
    if isinstance(control, ipywidgets.SelectionSlider | ipywidgets.Dropdown):
        return [option[1] if isinstance(option, tuple) else option for option in control.options]  # (label, value)
    shares = [i / (count - 1) for i in range(count)]
    values = [control.min + share * (control.max - control.min) for share in shares]
    if isinstance(control, ipywidgets.FloatLogSlider):
        values = [control.base**value for value in values]
    elif isinstance(control, ipywidgets.IntSlider):
        if control.min > 0 and control.max >= 50 * control.min:
            values = [control.min * (control.max / control.min) ** share for share in shares]
        values = sorted({round(value) for value in values})
    else:
        values = [control.min + round((value - control.min) / control.step) * control.step for value in values]
    nearest = min(range(len(values)), key=lambda i: abs(values[i] - control.value))
    values[nearest] = control.value
    return values


def html(picture: str, controls: dict, draw, names: tuple[str, ...]) -> str:
    """`picture`, an <img> of the resting state, with frames of the one or two controls `names`, and their script.

    draw(**values) -> PIL image; all other controls stay as they are. Two sliders move freely: there is a frame for
    each pair of their positions. The same figure gives the same text. Raises ValueError where there is no control of
    a name, or not one or two names.
    """
    _check(names, controls)
    resting = {other: control.value for other, control in controls.items()}
    columns = {name: positions(controls[name], COUNTS[len(names)]) for name in names}
    still = np.asarray(draw(**resting).convert("RGB"))
    all_values = (dict(zip(names, values, strict=True)) for values in itertools.product(*columns.values()))
    pictures = [_changes(draw(**resting | values), still) for values in all_values]
    told = [
        {
            "label": controls[name].description,
            "values": [_text(value) for value in column],
            "rest": column.index(resting[name]),
        }
        for name, column in columns.items()
    ]
    mark = hashlib.sha256("".join([picture, *pictures]).encode()).hexdigest()[:16]
    given = json.dumps({"id": mark, "controls": told, "pictures": pictures}, ensure_ascii=False)
    script = SCRIPT.replace("DATA", given.replace("</", "<\\/"))
    return f'<div data-frames="{mark}">{picture}</div>\n<script>{script}</script>'


def _check(names: tuple[str, ...], controls: dict) -> None:
    if isinstance(names, str) or len(set(names)) not in COUNTS:
        raise ValueError(f"names is {names!r}; it must be a tuple of one or two names of controls")
    for name in names:
        if name not in controls:
            raise ValueError(f"names has {name!r}; it must be one of the controls: {', '.join(controls)}")


def _changes(image: Image.Image, still: np.ndarray) -> str:
    """The pixels of `image` that differ from `still` (height, width, 3), all others transparent; "" where none do."""
    pixels = np.asarray(image.convert("RGB"))
    if pixels.shape != still.shape:
        sizes = [f"{shape[1]} x {shape[0]}" for shape in (pixels.shape, still.shape)]
        raise ValueError(f"draw gave a picture of {sizes[0]} pixels; at rest it has {sizes[1]}, and all must be alike")
    differ = (pixels != still).any(axis=2, keepdims=True)
    if not differ.any():
        return ""
    colors, counts = np.unique(_number(still), return_counts=True)
    area = np.isin(_number(pixels), colors[counts >= FLAT])[..., None]
    coarse = np.where(area, pixels, np.round(np.round(pixels / STEP) * STEP))
    file = io.BytesIO()
    opaque = np.concatenate([np.where(differ, coarse, 0), 255 * differ], axis=2).astype(np.uint8)
    Image.fromarray(opaque).save(file, format="webp", lossless=True, quality=100, method=4)
    return base64.b64encode(file.getvalue()).decode()


def _number(pixels: np.ndarray) -> np.ndarray:
    """Each color (height, width, 3) as one number (height, width)."""
    return pixels.astype(np.int64) @ [65536, 256, 1]


def _text(value) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
