"""The console in a browser: what a person sees and does there, in headless Chromium.

With NAI_SCREENSHOTS, the name of a directory, the pictures of both colour schemes are kept there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import nai_proto as nai
from nai_proto.emulator import Emulator
from nai_proto.emulator.control import ControlApp
from nai_proto.emulator.recording import decode_recording
from nai_transports.asgi import AsgiApp
from nai_transports.servers.console import load_console
from nai_transports.servers.serve import serve_in_thread
from nai_transports.sync import Client

from .test_asgi import under_uvicorn
from .webdriver import CHROMIUM, DRIVER, Browser, open_browser

KEY = "a-secret-key"
MISSING = "NO BROWSER: the console is not tested. Install Chromium and ChromeDriver (Debian: chromium, chromium-driver)"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip(MISSING)
    with open_browser() as opened:
        yield opened


@pytest.fixture
def emulator() -> Emulator:
    emulator = Emulator()
    emulator.add_account("writer@example.com", nai.Password("secret"))
    return emulator


@pytest.fixture
def url(emulator: Emulator) -> Iterator[str]:
    with serve_in_thread(ControlApp(emulator, KEY, console=load_console())) as url:
        yield url


@pytest.fixture
def client(emulator: Emulator, url: str) -> Iterator[Client]:
    session = nai.Session(token=emulator.accounts[0].persistent_token, base_url=url)
    with Client(session) as client:
        yield client


@pytest.fixture
def console(browser: Browser, url: str) -> Iterator[Browser]:
    """The browser, with the console open; nothing may have gone wrong in it at the end."""
    browser.open(f"{url}/_emulator/#key={KEY}")
    browser.wait_until("document.getElementById('connection').className === 'on'")
    yield browser
    assert [line for line in browser.read_log() if url in line and "status of 4" not in line] == []


def read(browser: Browser, selector: str) -> str:
    return str(browser.run("return document.querySelector(arguments[0]).innerText", selector))


def wait_for_text(browser: Browser, selector: str, text: str) -> None:
    browser.wait_until("document.querySelector(arguments[0])?.innerText.includes(arguments[1])", selector, text)


def test_the_key_leaves_the_address_and_stays_in_the_session(console: Browser, url: str) -> None:
    assert console.run("return location.href") == f"{url}/_emulator/"
    assert console.run("return history.length") <= 3
    assert console.run("return Object.values(localStorage).length") == 0


def test_a_page_without_the_key_asks_for_it(browser: Browser, url: str) -> None:
    browser.open(f"{url}/_emulator/#key=another")
    wait_for_text(browser, "#problem", "is not the key")
    browser.write("#key", KEY)
    browser.press("Enter")
    browser.wait_until("document.getElementById('connection').className === 'on'")
    browser.read_log()


def test_a_request_appears_within_a_second(console: Browser, client: Client) -> None:
    taken = []
    for count in (1, 2, 3):  # the best of three: what else the machine does only ever adds to a time
        client.run(nai.text.generate("Once upon a time"))
        began = time.monotonic()
        console.wait_until("document.querySelectorAll('#requests tr').length === arguments[0]", count)
        taken.append(time.monotonic() - began)
    assert min(taken) < 1.0
    row = read(console, "#requests tr").split()
    assert {"POST", "/ai/generate", "kayra-v1", "writer@example.com", "200"} <= {*row}
    assert "/ai/generate" in read(console, "#announcement")


def test_a_fault_is_switched_on_and_acts(console: Browser, client: Client, emulator: Emulator) -> None:
    console.click("#tab-faults")
    console.wait_until("document.querySelector('#fault-kind').value === 'refuse'")
    console.write("#fault-options [name=status]", "402")
    console.write("#fault-options [name=times]", "2")
    console.click("#fault-form button")
    wait_for_text(console, "#faults", "refuse: status=402, times=2")
    with pytest.raises(nai.StatusError) as caught:
        client.run(nai.text.generate("Once"))
    assert caught.value.status == 402
    wait_for_text(console, "#faults", "times=1")
    console.click("#faults button")
    wait_for_text(console, "#faults", "No fault is on.")
    assert not emulator.faults
    assert client.run(nai.text.generate("Once")).text


def test_a_fault_that_is_none_is_explained(console: Browser, emulator: Emulator) -> None:
    console.click("#tab-faults")
    console.write("#fault-options [name=times]", "0")
    console.click("#fault-form button")
    wait_for_text(console, "#problem", "times")
    assert not emulator.faults


def test_a_reply_is_added_and_answers(console: Browser, client: Client) -> None:
    console.click("#tab-replies")
    console.write("#reply-form [name=prompt]", "dragon")
    console.write("#reply-form [name=text]", " a small green dragon.")
    console.click("#reply-form button")
    wait_for_text(console, "#replies", "a small green dragon.")
    assert client.run(nai.text.generate("The dragon was")).text == " a small green dragon."
    wait_for_text(console, "#replies", "No reply waits")


def test_a_picture_is_shown(console: Browser, client: Client) -> None:
    pytest.importorskip("PIL")
    client.run(nai.image.generate("a lighthouse", width=128, height=64, seed=7))
    wait_for_text(console, "#requests tr", "/ai/generate-image")
    console.click("#requests tr")
    size = "[image.naturalWidth, image.naturalHeight].join()"
    console.wait_until(f"[...document.querySelectorAll('#detail img')].some(image => {size} === '128,64')")
    assert "a lighthouse" in read(console, "#detail pre")


def test_the_keyboard_is_enough(console: Browser, client: Client) -> None:
    for prompt in ("One", "Two", "Three"):
        client.run(nai.text.generate(prompt))
    console.wait_until("document.querySelectorAll('#requests tr').length === 3")
    console.run("document.getElementById('clear').focus()")
    console.press("Tab")
    assert console.run("return document.activeElement.rowIndex") == 1
    console.press("Down", "Enter")
    wait_for_text(console, "#detail pre", '"Two"')
    console.press("Down")
    wait_for_text(console, "#detail pre", '"One"')
    console.press("Escape")
    assert console.run("return document.getElementById('detail').hidden")
    assert console.run("return document.activeElement.rowIndex") == 3
    console.press("/", "x", "y", "z")
    wait_for_text(console, "#shown", "0 of 3")


def test_only_failures_are_listed_when_a_person_wants_that(console: Browser, client: Client) -> None:
    client.run(nai.text.generate("Once"))
    with pytest.raises(nai.AuthenticationError):
        client.run(nai.text.generate("Once").with_options(token="wrong"))
    console.wait_until("document.querySelectorAll('#requests tr').length === 2")
    console.click("#failures")
    wait_for_text(console, "#shown", "1 of 2")
    console.click("#requests tr:not([hidden])")
    wait_for_text(console, "#detail", "401")
    assert console.run("return document.querySelector('#detail .reason').innerText")


def test_a_page_that_nobody_sees_asks_nothing(console: Browser, client: Client, emulator: Emulator) -> None:
    hide = (
        "Object.defineProperty(document, 'hidden', { value: arguments[0], configurable: true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    console.run(hide, True)
    console.wait_until("document.getElementById('connection').className === 'paused'")
    client.run(nai.text.generate("Once"))
    assert console.run("return document.querySelectorAll('#requests tr').length") == 0
    console.run(hide, False)
    wait_for_text(console, "#requests tr", "/ai/generate")


def test_a_page_says_that_the_emulator_is_gone(browser: Browser, emulator: Emulator) -> None:
    with serve_in_thread(ControlApp(emulator, KEY, console=load_console())) as url:
        browser.open(f"{url}/_emulator/#key={KEY}")
        browser.wait_until("document.getElementById('connection').className === 'on'")
    wait_for_text(browser, "#connection", "does not answer")
    browser.read_log()


def test_a_page_shows_what_a_stream_has_come_to(console: Browser, client: Client) -> None:
    story = client.run(nai.text.generate_stream("Once upon a time", max_length=8)).text
    console.click("#requests tr")
    wait_for_text(console, "#detail", "Events (8)")
    assert read(console, "#detail .response + pre").strip() == story.strip()


def test_a_page_works_where_the_emulator_is_mounted_below_a_path(browser: Browser, emulator: Emulator) -> None:
    control = AsgiApp(ControlApp(emulator, KEY, console=load_console()))
    with under_uvicorn(Starlette(routes=[Mount("/nai", control)])) as url:
        browser.open(f"{url}/nai/_emulator/#key={KEY}")
        session = nai.Session(token=emulator.accounts[0].persistent_token, base_url=f"{url}/nai")
        with Client(session) as client:
            client.run(nai.text.generate("Once"))
        wait_for_text(browser, "#requests tr", "/ai/generate")
    browser.read_log()


def test_texts_are_never_markup(console: Browser, client: Client) -> None:
    client.run(nai.text.generate("<img src=x onerror=alert(1)><b>bold</b>"))
    console.click("#requests tr")
    wait_for_text(console, "#detail pre", "<b>bold</b>")
    assert console.run("return document.querySelector('#detail b, #detail img')") is None


def test_a_request_is_copied_for_a_shell_without_its_token(
    console: Browser, client: Client, emulator: Emulator
) -> None:
    client.run(nai.text.generate("It's late"))
    console.click("#requests tr")
    console.wait_until("!document.getElementById('detail').hidden")
    console.run("window.copied = null; navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    console.click("#detail .actions button")
    command = console.wait_until("window.copied")
    assert command.startswith("curl -X POST 'http://127.0.0.1:")
    assert "Bearer $NAI_TOKEN" in command
    assert r"It'\''s late" in command
    assert emulator.accounts[0].persistent_token.reveal() not in command


def test_accounts_are_shown_with_their_stories_and_balance(console: Browser, emulator: Emulator) -> None:
    console.click("#tab-accounts")
    wait_for_text(console, "#accounts", "writer@example.com")
    shown = read(console, "#accounts")
    assert "opus" in shown
    assert "10000 Anlas" in shown
    assert all(story.id in shown for story in emulator.accounts[0].storage.objects["stories"])


def test_a_recording_is_exported(console: Browser, client: Client) -> None:
    client.run(nai.text.generate("Once"))
    console.run("const make = URL.createObjectURL; URL.createObjectURL = (blob) => make((window.saved = blob))")
    console.click("#export")
    console.wait_until("window.saved")
    console.run("window.saved.text().then((text) => { window.text = text; })")
    (exchange,) = decode_recording(console.wait_until("window.text").encode()).exchanges
    assert exchange.target == "/ai/generate"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_has_the_colours_that_a_person_prefers(console: Browser, client: Client, scheme: str) -> None:
    console.set_colour_scheme(scheme)
    client.run(nai.image.generate("a lighthouse at night", width=256, height=192, seed=7))
    with pytest.raises(nai.AuthenticationError):
        client.run(nai.text.generate("Once").with_options(token="wrong"))
    client.run(nai.text.generate_stream("Once upon a time", max_length=5))
    console.wait_until("document.querySelectorAll('#requests tr').length === 3")
    console.click("#requests tr:last-child")
    console.wait_until("document.querySelector('#detail img')?.complete")
    keep_screenshot(console, f"picture-{scheme}")
    console.click("#requests tr")
    wait_for_text(console, "#detail", "newToken")
    keep_screenshot(console, f"events-{scheme}")
    for view in ("faults", "replies", "accounts"):
        console.click(f"#tab-{view}")
        keep_screenshot(console, f"{view}-{scheme}")
    ink, paper = console.run(
        "const style = getComputedStyle(document.body);"
        "return [style.color, style.backgroundColor].map((rgb) => Math.max(...rgb.match(/\\d+/g).map(Number)))"
    )
    assert (ink < paper) == (scheme == "light")
    assert abs(ink - paper) > 150


def keep_screenshot(browser: Browser, name: str) -> None:
    if directory := os.environ.get("NAI_SCREENSHOTS"):
        (Path(directory) / f"console-{name}.png").write_bytes(browser.take_screenshot())
