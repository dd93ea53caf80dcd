"""Make the pictures of the README anew: ``python -m tests.pictures``. Both show real runs, and nothing is drawn by hand.

``terminal.svg`` is what `nai demo` writes to a terminal, drawn by rich. ``console.png`` is the emulator's console after some
requests, as headless Chromium shows it (Debian: chromium, chromium-driver).
"""

from __future__ import annotations

import io
import re
import sys
import time
from pathlib import Path
from typing import Final

from PIL import Image
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

import nai_proto as nai
from nai_proto.emulator import Emulator
from nai_proto.emulator.control import ControlApp
from nai_transports.servers.console import load_console
from nai_transports.servers.serve import serve_in_thread
from nai_transports.sync import Client
from tests.terminal_runner import read_terminal
from tests.webdriver import open_browser

__all__ = ["PICTURES", "draw_console", "draw_terminal", "list_lines"]

PICTURES: Final = Path(__file__).parent.parent / "nai_proto" / "docs" / "pictures"
_COLUMNS: Final = 80
_KEY: Final = "a-key-of-the-console"
_COLOURS: Final = 64


def draw_terminal() -> str:
    """Return what `nai demo` writes to a terminal, as SVG that needs no font from elsewhere."""
    command = [sys.executable, "-m", "nai_proto", "demo"]
    written = read_terminal(command, ["stdout", "stderr"], COLORTERM="truecolor")
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in list_lines(written):
        console.print(Text.from_ansi(line), no_wrap=True, overflow="crop", highlight=False)
    drawn = console.export_svg(title="nai demo", theme=MONOKAI, unique_id="demo")
    own_fonts = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    return own_fonts.replace("Fira Code", "ui-monospace, Menlo, Consolas")


def list_lines(written: str) -> list[str]:
    """Return the lines that a terminal shows in the end, with their colours: progress moves up and is written anew."""
    lines, row, is_new = [""], 0, True
    for part in re.split(r"(\r|\n|\x1b\[\d*A|\x1b\[[02]?[JK])", re.sub(r"\x1b\[\?\d+[lh]", "", written)):
        if part == "\r":
            is_new = True
        elif part == "\n":
            row, is_new = row + 1, True
            lines += [""] * (row == len(lines))
        elif up := re.fullmatch(r"\x1b\[(\d*)A", part):
            row -= int(up[1] or 1)
        elif part.startswith("\x1b[") and part.endswith(("J", "K")):
            lines[row:] = [""] if part.endswith("J") else ["", *lines[row + 1 :]]
        elif part:
            lines[row] = part if is_new else lines[row] + part
            is_new = False
    return lines if lines[-1] else lines[:-1]


def draw_console() -> bytes:
    """Return the emulator's console, with a picture open, as PNG of few colours."""
    emulator = Emulator(now=time.time)
    account = emulator.add_account("writer@example.com", nai.Password("correct horse"))
    message = nai.openai.Message.user("Which colour has the dragon?")
    with (
        serve_in_thread(ControlApp(emulator, _KEY, console=load_console())) as url,
        Client(token=account.persistent_token, base_url=url) as client,
        open_browser() as browser,
    ):
        emulator.replies.add({"prompt": "dragon", "text": "It is green, and it sleeps."})
        client.run(nai.openai.chat_completion([message], model="glm-4-6"))
        client.run(nai.text.generate("Once upon a time"))
        emulator.faults.add("refuse:status=429,times=1")
        client.run(nai.text.generate_stream("The harbour was quiet"))
        client.run(nai.image.generate("a lighthouse at dusk, sea", width=384, height=256, seed=7, steps=20))
        browser.open(f"{url}/_emulator/#key={_KEY}")
        browser.wait_until("document.querySelectorAll('#requests tr').length >= 5")
        browser.click("#requests tr")
        browser.wait_until("[...document.querySelectorAll('#detail img')].some(image => image.naturalWidth)")
        shown = Image.open(io.BytesIO(browser.take_screenshot())).convert("RGB")
    packed = io.BytesIO()
    shown.quantize(_COLOURS).save(packed, "PNG", optimize=True)
    return packed.getvalue()


def main() -> None:
    """Write both pictures."""
    (PICTURES / "terminal.svg").write_text(draw_terminal(), "utf-8")
    (PICTURES / "console.png").write_bytes(draw_console())


if __name__ == "__main__":
    main()
