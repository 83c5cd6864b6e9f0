"""Binder and the dev container: what they install is the course's one list of versions, and what they run exists."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lecture_lib import data, publishing

ROOT = Path(__file__).parents[1]
BINDER = ROOT / ".binder"
CONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))


def requirements(path: Path) -> list[str]:
    """The lines of a file of requirements, without comments."""
    lines = (line.split(" #")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_binder_reads_the_one_list_of_versions():
    (listed,) = requirements(BINDER / "requirements.txt")
    option, place = listed.split()
    assert option == "-r"
    assert (BINDER / place).resolve() == ROOT / "requirements.txt"


def test_pip_finds_every_version_and_the_course_through_the_file_that_binder_reads():
    """Started in the course's folder, as Binder does; no index is asked, since everything is installed here."""
    words = "-m pip install --dry-run --no-index --no-deps --no-build-isolation --disable-pip-version-check -r"
    command = [sys.executable, *words.split(), ".binder/requirements.txt"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pins = [line.partition("==")[0] for line in requirements(ROOT / "requirements.txt") if "==" in line]
    found = re.findall(r"Requirement already satisfied: (\S+?)==", done.stdout)
    assert found == pins and len(pins) > 20
    assert re.search(r"Would install lecture[-_]lib-", done.stdout)


@pytest.mark.parametrize(
    "version",
    [
        (BINDER / "runtime.txt").read_text(encoding="utf-8").strip().removeprefix("python-"),
        CONTAINER["image"].split(":")[1],
    ],
)
def test_the_python_is_one_that_the_course_runs_on(version):
    stated = re.search(
        r"for Python (\d+)\.(\d+) to (\d+)\.(\d+)", (ROOT / "requirements.txt").read_text(encoding="utf-8")
    )
    oldest, newest = [tuple(map(int, pair)) for pair in (stated.groups()[:2], stated.groups()[2:])]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">={}.{}".format(*oldest)
    assert oldest <= tuple(map(int, version.split("."))) <= newest


def test_a_binder_without_a_network_is_built_all_the_same(tmp_path):
    """What runs when the packages are there: it asks the mirrors, which do not answer here, says so and goes on."""
    script = (BINDER / "postBuild").read_text(encoding="utf-8")
    assert (BINDER / "postBuild").stat().st_mode & 0o100
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LECTURE_LIB_DATA": str(tmp_path),
        **nowhere,
    }
    done = subprocess.run(["bash", "-s"], input=script, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("MNIST could not be downloaded") == len(data.SPLITS)


def test_the_container_makes_the_environment_that_make_makes():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    folder = re.search(r"^VENV := (.*)$", makefile, re.MULTILINE)[1]
    stamp = re.search(r"^READY := \$\(VENV\)/(.*)$", makefile, re.MULTILINE)[1]
    assert CONTAINER["postCreateCommand"] == f"make {folder}/{stamp}"
    interpreter = CONTAINER["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter == f"${{containerWorkspaceFolder}}/{folder}/bin/python"
    plan = subprocess.run(
        ["make", "--dry-run", "--always-make", f"{folder}/{stamp}"], cwd=ROOT, capture_output=True, text=True
    )
    assert plan.returncode == 0, plan.stderr
    assert "--requirement requirements.txt" in plan.stdout


def test_the_container_has_what_the_checks_use():
    packages = CONTAINER["onCreateCommand"].partition("apt-get install ")[2].split()
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert {*re.findall(r"missing\+=\((\w+)\)", script), "make"} == {name for name in packages if name[0] != "-"}


def test_the_container_knows_nothing_but_documented_settings():
    documented = {"name", "image", "hostRequirements", "onCreateCommand", "postCreateCommand"}
    assert set(CONTAINER) <= documented | {"forwardPorts", "customizations"}
    assert set(CONTAINER["customizations"]["vscode"]) == {"extensions", "settings"}


def test_a_link_to_binder_opens_a_notebook_that_there_is_in_the_lab():
    address = publishing.links_to("notebooks/06_vae_on_mnist.ipynb", "https://github.com/owner/name", "main")["Binder"]
    assert (ROOT / address.partition("urlpath=lab/tree/")[2]).is_file()
