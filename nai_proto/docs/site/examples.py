"""The page of examples: each module of ``tests/examples`` with its docstring as prose, and its code below."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .rst import format_heading, indent, link

__all__ = ["EXAMPLES", "build_page"]

_DIRECTORY: Final = Path(__file__).parents[3] / "tests" / "examples"

_NAME: Final = re.compile(r"(?<!`)`([^`]+)`(?!`)")
"""A name of the example's own, which the reference does not have."""

EXAMPLES: Final = tuple(path for path in sorted(_DIRECTORY.glob("*.py")) if path.stem != "__init__")
"""Their files."""

_INTRODUCTION: Final = """\
Whole programs, longer than :doc:`those to start from </programs>`, with all that a program for other people has to do. They
are in ``tests/examples``, and tests run each against the emulator.
"""


def build_page() -> str:
    """Return the page with all examples."""
    return "\n".join(
        [format_heading("Examples"), _INTRODUCTION, *(part for path in EXAMPLES for part in _format(path))]
    )


def _format(path: Path) -> Iterator[str]:
    source = path.read_text("utf-8")
    module = ast.parse(source)
    prose = _NAME.sub(r"``\1``", ast.get_docstring(module) or "")
    code = "\n".join(source.splitlines()[module.body[0].end_lineno or 0 :]).strip()
    yield format_heading(f"``{path.name}``", "-")
    yield f"{link(prose)}\n"
    yield f".. code-block:: python\n\n{indent(code)}\n"
