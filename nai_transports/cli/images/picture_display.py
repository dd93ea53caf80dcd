"""Show pictures in the terminal, by the protocol that it has: iTerm2's, kitty's, sixel, or else in half blocks.

The library textual-image (the extra ``show``) draws all but iTerm2's, and asks the terminal what it can. Nothing of it is
imported unless pictures are to be shown.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, TypeAlias

import typer

from nai_proto.errors import InvalidRequestError, MissingExtra

from ...terminals import choose_colors, is_terminal
from ..common.output import escape_line, open_console
from ..common.output_files import OUTPUT_PANEL
from .iterm_pictures import ItermPicture, is_iterm

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["PictureDisplay", "Show", "open_picture_display"]

Show: TypeAlias = Annotated[
    bool, typer.Option("--show", help="Show the picture in the terminal.", rich_help_panel=OUTPUT_PANEL)
]

_MOST_ROWS: Final = 40
_ROWS_BELOW: Final = 11
"""Those of the caption, of the facts that follow it, and of the shell's prompt."""
_FEWEST_ROWS: Final = 8
_TERMINAL: Final = "/dev/tty"


class PictureDisplay:
    """Shows pictures on a terminal; one that follows a preview of itself takes its place.

    Args:
        console: the terminal.
        make_picture: returns what rich prints for a picture's file, by the protocol of the terminal; its ``cleanup`` is
            called when another picture takes its place.
    """

    def __init__(self, console: Console, make_picture: Callable[[BinaryIO], Any]) -> None:
        self._console = console
        self._make_picture = make_picture
        self._preview_of: int | None = None
        self._rows = 0
        self._shown: Any = None

    def show_preview(self, sample: int, data: bytes, caption: str) -> None:
        """Show a preview. While one image is previewed, previews of others are left out.

        Args:
            sample: the number of the image.
            data: a file.
            caption: the line below the picture; empty for none.
        """
        if self._preview_of in (None, sample):
            self._draw(sample, data, caption)
            self._preview_of = sample

    def show(self, sample: int, data: bytes, caption: str) -> None:
        """Show a picture that is done. Takes what `show_preview` takes."""
        self._draw(sample, data, caption)
        self._preview_of = None

    def _draw(self, sample: int, data: bytes, caption: str) -> None:
        from rich.console import Group
        from rich.segment import Segments
        from rich.text import Text

        picture = self._make_picture(io.BytesIO(data))
        size = self._console.size
        options = self._console.options.update(
            width=size.width, height=max(_FEWEST_ROWS, min(_MOST_ROWS, size.height - _ROWS_BELOW))
        )
        segments = [*self._console.render(picture, options)]
        captions = [Text(escape_line(caption), "dim", no_wrap=True, overflow="ellipsis")] if caption else []
        replaced, rows = self._shown, self._rows
        self._shown = picture
        self._rows = sum(segment.text.count("\n") for segment in segments if not segment.control) + len(captions)
        if self._preview_of == sample:
            self._erase(rows)
            replaced.cleanup()
        self._console.print(Group(Segments(segments), *captions), end="")

    def _erase(self, rows: int) -> None:
        """Erase the lines of the last picture, and go back to their start."""
        self._console.file.write(f"\x1b[{rows}A\r\x1b[J")


def open_picture_display(*, as_json: bool = False) -> PictureDisplay:
    """Return a display of pictures on stdout.

    Args:
        as_json: is a document to be printed there, too?

    Raises:
        InvalidRequestError: stdout is not a terminal, or one that cannot show pictures or is to have no colours, or it is
            to have a document.
        MissingExtra: textual-image is needed, and not installed.
    """
    if as_json:
        raise InvalidRequestError("stdout cannot take both the pictures of --show and --json; leave out one of them")
    if not is_terminal(sys.stdout):
        raise InvalidRequestError("--show needs a terminal, and stdout is none; without --show, images are files only")
    if choose_colors() is False:
        raise InvalidRequestError("--show needs colours, which NO_COLOR or TERM=dumb excludes")
    return PictureDisplay(open_console(), ItermPicture if is_iterm() else _find_protocol())


def _find_protocol() -> Callable[[BinaryIO], Any]:
    """Return what makes pictures for the terminal, which is asked.

    Raises:
        MissingExtra: as for `open_picture_display`.
    """
    logging.getLogger("textual_image").addHandler(logging.NullHandler())
    _let_terminal_answer()
    try:
        renderers = import_module("textual_image.renderable")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("textual_image", "PIL"):
            raise
        raise MissingExtra("--show needs the library textual-image (the extra 'show')", extra="show") from None
    return partial(renderers.Image, width="auto", height="auto")


def _let_terminal_answer() -> None:
    """Make the terminal what textual-image reads from, which asks there what the terminal can.

    Stdin is another file where the prompt comes from it; without a terminal, textual-image takes half blocks.
    """
    if sys.__stdin__ is not None and sys.__stdin__.isatty():
        return
    sys.__stdin__ = None  # type: ignore[misc]
    with suppress(OSError):
        sys.__stdin__ = open(_TERMINAL, encoding="utf-8")  # type: ignore[misc]  # noqa: SIM115 -- to the program's end
