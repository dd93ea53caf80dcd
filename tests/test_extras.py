"""How to install an extra is said in one way, which works."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from pathlib import Path

import nai_proto
import nai_transports
from nai_proto.errors import MissingExtra
from nai_transports import installer
from nai_transports.cli.common.errors import describe_failure

PACKAGES = [Path(package.__file__ or "").parent for package in (nai_proto, nai_transports)]
SOURCES = {path: path.read_text("utf-8") for package in PACKAGES for path in package.rglob("*.py")}


def test_only_one_module_says_how_to_install_an_extra_and_none_of_the_core() -> None:
    assert [path.name for path, source in SOURCES.items() if re.search('pip"?,? "?install[ "]', source)] == [
        "installer.py"
    ]


def test_the_command_line_installs_into_the_environment_that_it_runs_in() -> None:
    assert installer.explain_install("image") == f"in a checkout, type: {installer.format_install_command('.[image]')}"
    assert shlex.quote(sys.executable) in installer.explain_install("image")
    failure = describe_failure(MissingExtra("scaling needs Pillow (the extra 'image')", extra="image"))
    assert failure.message == f"scaling needs Pillow (the extra 'image'): {installer.explain_install('image')}"


def test_each_extra_that_is_named_exists() -> None:
    settings = tomllib.loads((PACKAGES[0].parent / "pyproject.toml").read_text("utf-8"))
    form = r"explain_install\(['\"](\w+)['\"]\)|\bextra=['\"](\w+)['\"]|the extra '(\w+)'"
    named = {name for source in SOURCES.values() for names in re.findall(form, source) for name in names if name}
    assert named
    assert named <= {*settings["project"]["optional-dependencies"]}


def test_the_libraries_that_are_always_needed_have_no_extra() -> None:
    assert installer.explain_install("") == f"in a checkout, type: {installer.format_install_command('.')}"
