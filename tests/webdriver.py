"""A headless Chromium, driven through ChromeDriver by W3C's WebDriver protocol (https://www.w3.org/TR/webdriver2/)."""

from __future__ import annotations

import base64
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import httpx

__all__ = ["CHROMIUM", "DRIVER", "Browser", "open_browser"]

CHROMIUM: Final = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER: Final = shutil.which("chromedriver")
_KEYS: Final = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "Down": "\ue015", "Up": "\ue013"}
_PATIENCE_S: Final = 20
_ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"  # the name that the protocol gives an element's id
_OPTIONS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1280,800"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server"),
)


class Browser:
    """One window. Elements are named by CSS selectors; what is looked for is waited for."""

    def __init__(self, session: httpx.Client) -> None:
        self._session = session

    def __call__(self, path: str, **body: Any) -> Any:
        """Send a command; return its value."""
        answer = self._session.post(path, json=body)
        value = answer.json()["value"]
        assert answer.is_success, value
        return value

    def open(self, url: str) -> None:
        """Open an address in a new page."""
        self("url", url="about:blank")  # a change of the fragment alone would load nothing
        self("url", url=url)

    def run(self, script: str, *arguments: object) -> Any:
        """Run JavaScript; return what it returns."""
        return self("execute/sync", script=script, args=arguments)

    def wait_until(self, expression: str, *arguments: object) -> Any:
        """Wait until an expression of JavaScript is true; return its value."""
        script = f"""
            const given = [...arguments], done = given.pop(), end = Date.now() + 1000 * {_PATIENCE_S};
            const evaluate = function () {{ return {expression}; }};
            const look = () => {{
                const value = evaluate(...given);
                if (value || Date.now() > end) done(value); else setTimeout(look, 20);
            }};
            look();"""
        value = self("execute/async", script=script, args=arguments)
        assert value, f"not within {_PATIENCE_S} s: {expression}"
        return value

    def click(self, selector: str) -> None:
        """Click an element."""
        self(f"element/{self._find(selector)}/click")

    def write(self, selector: str, text: str) -> None:
        """Replace the text of a field."""
        field = self._find(selector)
        self(f"element/{field}/clear")
        self(f"element/{field}/value", text=text)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        strokes = [{"type": kind, "value": _KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self("actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])

    def set_colour_scheme(self, scheme: str) -> None:
        """Prefer ``light`` or ``dark``."""
        self._devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def take_screenshot(self) -> bytes:
        """Return the window as a PNG."""
        return base64.b64decode(self._session.get("screenshot").json()["value"])

    def read_log(self) -> list[str]:
        """Return what the page has written to the console, errors of the browser included."""
        return [entry["message"] for entry in self("se/log", type="browser")]

    def _devtools(self, command: str, **parameters: object) -> Any:
        return self("goog/cdp/execute", cmd=command, params=parameters)

    def _find(self, selector: str) -> str:
        self.wait_until("document.querySelector(arguments[0])?.checkVisibility()", selector)
        return str(self("element", using="css selector", value=selector)[_ELEMENT])


@contextmanager
def open_browser() -> Generator[Browser, None, None]:
    """Start ChromeDriver and a browser with an empty profile; end both when the block ends."""
    assert DRIVER is not None
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            port = next(line.split()[-1].rstrip(".") for line in process.stdout if "started successfully" in line)
            address = f"http://127.0.0.1:{port}/session"
            options = {"binary": CHROMIUM, "args": [*_OPTIONS, f"--user-data-dir={profile}"]}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            with httpx.Client(timeout=60, trust_env=False) as http:
                begun = http.post(address, json={"capabilities": {"alwaysMatch": wanted}}).json()["value"]
                assert "sessionId" in begun, begun
                session = f"{address}/{begun['sessionId']}/"
                with httpx.Client(base_url=session, timeout=60, trust_env=False) as commands:
                    try:
                        yield Browser(commands)
                    finally:
                        commands.delete(session.rstrip("/"))
        finally:
            process.terminate()
