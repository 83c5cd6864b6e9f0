"""Which versions `make oldest` and `make newest` ask for, and which tests they run."""

from pathlib import Path

import pytest
import versions

ROOT = Path(__file__).parents[1]


def test_the_lowest_of_each_range_or_no_version_at_all():
    ranges = ["numpy>=1.26", "torch>=2.6,<3"]
    assert versions.lines(ranges, "oldest", []) == ["numpy==1.26", "torch==2.6"]
    assert versions.lines(ranges, "oldest", ["torch==2.13.0"]) == ["numpy==1.26", "torch==2.13.0"]
    assert versions.lines(ranges, "newest", []) == ["numpy", "torch"]


def test_a_dependency_without_a_lowest_version_is_named():
    with pytest.raises(ValueError, match=r"^pillow: pyproject\.toml must give one lowest version"):
        versions.lines(["numpy>=1.26", "pillow"], "oldest", [])


def test_files_of_the_library_are_tried_and_those_that_need_jupyter_are_not():
    names = versions.of_the_library()
    assert {"tests/test_gaussians.py", "tests/test_vae.py", "tests/test_plots.py", "tests/test_widgets.py"} <= set(
        names
    )
    assert not {"tests/test_grade.py", "tests/test_slides_browser.py", "tests/test_notebooks.py"} & set(names)
    modules = {path.stem for path in (ROOT / "lecture_lib").glob("[a-z]*.py")}
    tested = {name.removeprefix("tests/test_").removesuffix(".py") for name in names}
    assert len(modules & tested) > 40
