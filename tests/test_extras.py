"""How to install an extra is said in one way, which works."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import nai_proto
import nai_transports
from nai_proto.extras import explain_install

PACKAGES = [Path(package.__file__ or "").parent for package in (nai_proto, nai_transports)]
SOURCES = {path: path.read_text("utf-8") for package in PACKAGES for path in package.rglob("*.py")}


def test_only_one_function_says_how_to_install_an_extra() -> None:
    assert [path.name for path, source in SOURCES.items() if re.search(r"pip install (?!--no-deps)", source)] == [
        "extras.py"
    ]


def test_each_extra_that_is_named_exists() -> None:
    settings = tomllib.loads((PACKAGES[0].parent / "pyproject.toml").read_text("utf-8"))
    named = {name for source in SOURCES.values() for name in re.findall(r"explain_install\(['\"](\w+)['\"]\)", source)}
    assert named
    assert named <= {*settings["project"]["optional-dependencies"]}


def test_the_libraries_that_are_always_needed_have_no_extra() -> None:
    assert explain_install("") == "pip install . in a checkout"
    assert explain_install("image") == "pip install '.[image]' in a checkout"
