"""Interactive parts that move without a kernel: pictures drawn beforehand, and a slider that runs through them.

The slider is built by a script. Where none runs (on GitHub, in a notebook that is not trusted) the resting picture
stands alone: a slider that moves while its picture stays is worse than none.
"""

import base64
import hashlib
import io
import json

import ipywidgets
from PIL import Image

COUNT = 21  # pictures of one slider
COLORS = 48  # in each picture, without losses: lines and text stay sharp

# The resting picture is the first element of each box of this figure, wherever the figure has been copied to.
SCRIPT = """
(() => {
  const given = DATA;
  for (const box of document.querySelectorAll(`[data-frames="${given.id}"]:not([data-ready])`)) {
    box.dataset.ready = "yes";
    const image = box.querySelector("img"), alt = image.alt;
    const slider = document.createElement("input"), value = document.createElement("output");
    const label = document.createElement("label"), row = document.createElement("div");
    Object.assign(slider, {type: "range", min: 0, max: given.values.length - 1, step: 1, value: given.rest});
    slider.style.cssText = "width: min(24em, 60vw); vertical-align: middle; margin: 0 0.8em; accent-color: #0072b2";
    row.style.cssText = "font-family: sans-serif; font-size: 15px; margin: 0 0 6px";
    const say = () => {
      value.textContent = given.values[slider.value];
      slider.setAttribute("aria-valuetext", `${given.label}: ${value.textContent}`);
    };
    const show = () => {
      say();
      image.src = "data:image/webp;base64," + given.pictures[slider.value];
      const moved = `${given.label}: ${value.textContent}. At ${given.values[given.rest]}: ${alt}`;
      image.alt = slider.value == given.rest ? alt : moved;
    };
    label.append(given.label, slider, value);
    row.append(label);
    box.prepend(row);
    slider.addEventListener("input", show);
    slider.addEventListener("keydown", (event) => event.stopPropagation());
    say();
  }
})();
"""


def positions(control, count: int = COUNT) -> list:
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


def html(picture: str, controls: dict, draw, name: str, *, count: int = COUNT) -> str:
    """`picture`, an <img> of the resting state, with the frames of the control `name` and the script that shows them.

    draw(**values) -> PIL image; all other controls stay as they are. The same figure gives the same text. Raises
    ValueError where there is no control of that name.
    """
    if name not in controls:
        raise ValueError(f"name is {name!r}; it must be one of the controls: {', '.join(controls)}")
    resting = {other: control.value for other, control in controls.items()}
    values = positions(controls[name], count)
    pictures = [_webp(draw(**resting | {name: value})) for value in values]
    given = {
        "id": hashlib.sha256("".join(pictures).encode()).hexdigest()[:16],
        "label": controls[name].description,
        "values": [_text(value) for value in values],
        "rest": values.index(resting[name]),
        "pictures": pictures,
    }
    script = SCRIPT.replace("DATA", json.dumps(given, ensure_ascii=False).replace("</", "<\\/"))
    return f'<div data-frames="{given["id"]}">{picture}</div>\n<script>{script}</script>'


def _webp(image: Image.Image) -> str:
    file = io.BytesIO()
    few = image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).convert("RGB")
    few.save(file, format="webp", lossless=True, quality=80, method=6)
    return base64.b64encode(file.getvalue()).decode()


def _text(value) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
