"""Colors: those of the palette alone, apart for color-blind readers, in sight on their background, never alone.

Dichromats see as in Machado, Oliveira & Fernandes 2009 (severity 1); differences are CIEDE2000 (Sharma, Wu & Dalal
2005), contrasts those of WCAG 2.
"""

import ast
import itertools
import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lecture_lib import density_plots, dimension_plots, gaussian_plots, notebooks, pca_plots, plots
from lecture_lib.grading import pages

ROOT = Path(__file__).parents[1]
LINES = [plots.MODEL, plots.ERROR, plots.GREEN, plots.PURPLE, plots.DATA, plots.TRUTH]
MEANINGS = [plots.DATA, plots.MODEL, plots.ERROR, plots.TRUTH]
KERNELS = [*LINES[:5], plots.CLASSES[1], plots.CLASSES[5]]  # seven kernels in one figure
SIGHT = {  # linear RGB as it is seen
    "all cones": np.eye(3),
    "no long-wave cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no medium-wave cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "no short-wave cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(color) -> np.ndarray:
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb) -> np.ndarray:
    """CIELAB of linear sRGB, white point D65."""
    ratio = XYZ @ rgb / XYZ.sum(1)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(one, other) -> float:
    """CIEDE2000 between two colors in CIELAB."""
    (L1, a1, b1), (L2, a2, b2) = one, other
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    C1, C2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, stretch * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if C1 * C2 else 0.0
    L, C = (L1 + L2) / 2, (C1 + C2) / 2
    h = np.radians((h1 + turn / 2) if C1 * C2 else h1 + h2)
    T = 1 - 0.17 * np.cos(h - np.pi / 6) + 0.24 * np.cos(2 * h) + 0.32 * np.cos(3 * h + np.radians(6))
    T -= 0.2 * np.cos(4 * h - np.radians(63))
    light = (L2 - L1) / (1 + 0.015 * (L - 50) ** 2 / np.sqrt(20 + (L - 50) ** 2))
    colorful = (C2 - C1) / (1 + 0.045 * C)
    hue = 2 * np.sqrt(C1 * C2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * C * T)
    angle = 60 * np.exp(-(((np.degrees(h) % 360 - 275) / 25) ** 2))
    blue = -2 * np.sqrt(C**7 / (C**7 + 25.0**7)) * np.sin(np.radians(angle))
    return float(np.sqrt(light**2 + colorful**2 + hue**2 + blue * colorful * hue))


def contrast(one, other) -> float:
    low, high = sorted(float(XYZ[1] @ linear(color)) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def closest(colors, sight, opacity: float = 1.0) -> float:
    """The smallest difference between two of the colors as they are seen, on white."""
    on_white = [opacity * np.array(to_rgb(color)) + 1 - opacity for color in colors]
    seen = [lab((np.array(SIGHT[sight]) @ linear(color)).clip(0, 1)) for color in on_white]
    return min(difference(*pair) for pair in itertools.combinations(seen, 2))


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(
    ("colors", "least"), [(MEANINGS, 20), (LINES, 7.5), (KERNELS, 7.5), (plots.CLASSES, 11)], ids=str
)
def test_colors_that_appear_together_stay_apart(sight, colors, least):
    assert closest(colors, sight) > least


@pytest.mark.parametrize("sight", SIGHT)
def test_classes_stay_apart_as_half_transparent_dots(sight):
    assert closest(plots.CLASSES, sight, opacity=0.5) > 4.5


@pytest.mark.parametrize("color", dict.fromkeys([*LINES, *KERNELS]))
def test_lines_have_a_contrast_of_three_to_one_with_white(color):
    assert contrast(color, "white") >= 3


@pytest.mark.parametrize(
    ("one", "other", "published"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (56, -27, -3), 31.9030),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_difference_is_that_of_published_pairs(one, other, published):
    assert difference(one, other) == pytest.approx(published, abs=5e-5)
    assert difference(other, one) == pytest.approx(published, abs=5e-5)


def test_the_three_primaries_have_their_published_coordinates():
    assert lab(linear("red")) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    assert lab(linear("lime")) == pytest.approx([87.73, -86.18, 83.18], abs=0.02)
    assert lab(linear("blue")) == pytest.approx([32.30, 79.19, -107.86], abs=0.02)


@pytest.mark.parametrize("sight", SIGHT)
def test_gray_is_gray_to_everybody(sight):
    assert np.array(SIGHT[sight]).sum(1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("sight", "alike"), [("no long-wave cones", "#cc6677 #777777"), ("no medium-wave cones", "#882255 #555555")]
)
def test_colors_that_a_dichromat_takes_for_each_other_are_found(sight, alike):
    assert closest(alike.split(), "all cones") > 15
    assert closest(alike.split(), sight) < 7.5


# --- the palette alone ---

PALETTE = {*LINES, *plots.CLASSES}
PLAIN = {"white", "black", "none"}
MAPS = {"gray_r", "Blues"}  # both go from light to dark
TAKES_A_COLOR = re.compile(
    r"(\w*_)?(color|colors|cmap|c|fc|ec|facecolors?|edgecolors?|ecolor|markerfacecolor|markeredgecolor)"
)
DRAWS = {"plot", "errorbar", "semilogx", "semilogy", "loglog", "vlines", "hlines"}
LETTER = re.compile(r"(?=.{1,5}$)[-.:,ov^<>sDxX+*|]*(?:[bgrcmy]|C\d)[-.:,ov^<>sDxX+*|]*")


def texts(node: ast.AST) -> list[str]:
    """The strings that an expression may give, as far as they stand in it: not those of calls and look-ups."""
    if isinstance(node, ast.Tuple | ast.List | ast.IfExp | ast.BinOp):
        parts = [child for name, child in ast.iter_fields(node) if name != "test"]
        flat = itertools.chain.from_iterable(part if isinstance(part, list) else [part] for part in parts)
        return [text for part in flat if isinstance(part, ast.AST) for text in texts(part)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def is_ours(color: str) -> bool:
    gray = len(color) == 7 and color[0] == "#" and color[1:3] == color[3:5] == color[5:7]
    return gray or color in MAPS or color.lower() in PALETTE | PLAIN


def strays(source: str) -> list[str]:
    """Colors in a source that are neither of the palette nor a gray."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += [color for color in re.findall(r"#[0-9a-fA-F]{6}\b", node.value) if not is_ours(color)]
        given = [(node.arg, node.value)] if isinstance(node, ast.keyword) and node.arg else []
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            given = [(name, value) for key, value in pairs for name in texts(key) if len(name) > 1]
        named = [text for name, value in given if TAKES_A_COLOR.fullmatch(name) for text in texts(value)]
        found += [text for text in named if not is_ours(text) and not text.startswith("#")]
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in DRAWS:
            formats = [*node.args, *(word.value for word in node.keywords if word.arg == "fmt")]
            found += [text for part in formats for text in texts(part) if LETTER.fullmatch(text)]
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "lecture_lib").glob("*.py")), ids=lambda path: path.stem)
def test_a_module_draws_with_the_palette(path):
    assert strays(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "path",
    notebooks.listing(ROOT / "notebooks", ROOT / "solutions"),
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_a_notebook_draws_with_the_palette(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert [color for cell in cells if cell["cell_type"] == "code" for color in strays("".join(cell["source"]))] == []


@pytest.mark.parametrize(
    "source",
    [
        "ax.plot(x, y, color='red')",
        "ax.plot(x, y, color='red' if a else plots.MODEL)",
        "ax.plot(x, y, 'g--')",
        "ax.plot(x, y, 'C1')",
        "ax.errorbar(x, y, e, fmt='ro')",
        "style = {'color': 'orange'}",
        "ax.bar(x, y, ec='#ff0000')",
        "ax.scatter(x, y, c=['blue', 'black'])",
        "ax.imshow(a, cmap='jet')",
        "LINE = '#123456'",
        "css = 'accent-color: #ab12cd;'",
    ],
)
def test_a_color_of_somebody_else_is_found(source):
    assert len(strays(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "ax.plot(x, y, 's--', color=plots.MODEL, label='red')",
        "ax.plot(x, y, color='#0072B2', markeredgecolor='white')",
        "ax.text(0, 0, 'k', color='black')",
        "ax.fill(x, y, facecolor='none', edgecolor='#d9d9d9')",
        "ax.plot(x, y, '.')",
        "ax.plot(x, y, 'k|')",
        "graph = {'c': 'a'}",
        "ax.plot(x, rows['k'], color=colors['r'])",
    ],
)
def test_colors_of_the_palette_are_no_strays(source):
    assert strays(source) == []


# --- pages ---

ON_PAPER = {
    "deck.css": (
        "ink soft model error",
        (ROOT / "lecture_lib" / "deck_files" / "deck.css").read_text(encoding="utf-8"),
    ),
    "feedback": ("ink quiet good part bad wait", pages.STYLE),
}


@pytest.mark.parametrize("name", ON_PAPER)
def test_words_on_a_page_have_a_contrast_of_four_and_a_half_in_light_and_dark(name):
    words, style = ON_PAPER[name]
    looks = [
        dict(re.findall(r"--(\w+): (#\w{6})", block))
        for block in re.findall(r":root[^{]*\{([^}]*--paper[^}]*)\}", style)
    ]
    assert len(looks) == 2
    for look in looks:
        low = {word: round(contrast(look[word], look["paper"]), 1) for word in words.split()}
        assert min(low.values()) >= 4.5, low


# --- nothing told by color alone ---


def looks(ax: Axes) -> list[str]:
    """What tells each named series from the others, its color aside: line, mark, hatch."""
    handles, _ = ax.get_legend_handles_labels()
    artists = [handle[0] if isinstance(handle, tuple) else handle for handle in handles]
    lines = [artist for artist in artists if isinstance(artist, Line2D)]
    found = [f"{line.get_linestyle()} {line._unscaled_dash_pattern} {line.get_marker()}" for line in lines]
    return found + [str(artist.get_hatch()) for artist in artists if isinstance(artist, Patch)]


X = np.linspace(0.1, 1, 5)
SEVERAL = {name: X + i for i, name in enumerate("abcd")}
SERIES = {name: (X, y) for name, y in SEVERAL.items()}
DRAWN = {
    "curves": lambda: plots.curves(SERIES, xlabel="x", ylabel="y"),
    "histograms": lambda: plots.histograms(SEVERAL, xlabel="x"),
    "fits": lambda: gaussian_plots.fits(X, X, SEVERAL),
    "ellipses": lambda: gaussian_plots.ellipses([0, 0], np.eye(2), dict.fromkeys("abcd", ([0, 0], np.eye(2)))),
    "errors": lambda: gaussian_plots.errors(X, dict.fromkeys("abc", X), xlabel="x", rounding=1e-16),
    "densities": lambda: density_plots.line(X, dict.fromkeys("abc", X), truth=X),
    "profiles": lambda: density_plots.profiles(X, dict.fromkeys("abcdefg", X)),
    "counts": lambda: dimension_plots.counts(X, dict.fromkeys("abcde", X), {}),
    "estimates": lambda: dimension_plots.estimates(SERIES, xlabel="x"),
    "straightened": lambda: dimension_plots.straightened(X, X, 3, 1.0),
    "reconstructions": lambda: pca_plots.cloud(np.eye(2), np.eye(2), {}, [0, 0]),
    "spectrum": lambda: pca_plots.spectrum(X, kept=2),
}


@pytest.mark.parametrize("name", DRAWN)
def test_series_differ_in_more_than_color(name):
    found = looks(DRAWN[name]())
    plt.close("all")
    assert len(found) > 1
    assert len(set(found)) == len(found)
