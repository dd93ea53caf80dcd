"""Draw a picture for each line of a file, within a budget of Anlas.

Each picture is written before the next one is asked for. A journal beside the pictures
says, before the request is sent, that a line was asked for, and afterwards what came of
it. Run this as often as you like, after Ctrl-C and after a crash too: lines that have a
picture are skipped, and so are those that may have been paid although no picture came.
Run it with NAI_TOKEN set::

    python picture_batch.py prompts.txt pictures 100
"""

from __future__ import annotations

import json
import os
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import nai_proto as nai
from nai_transports import files
from nai_transports.clients import Client as AnyClient
from nai_transports.sync import Client

OPTIONS: dict[str, Any] = {
    "model": "nai-diffusion-4-5-full",
    "size": (832, 1216),
    "steps": 28,
}


class Journal:
    """What was asked for: a line of JSON for each step, written before the step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.states: dict[str, str] = {}
        "The last step of each picture: ``asked``, ``kept`` or ``refused``."
        self.spent = 0
        "Anlas, those of requests that may have been paid included."
        for line in path.read_text("utf-8").splitlines() if path.exists() else []:
            self._apply(**json.loads(line))

    def write(self, name: str, state: str, price: int) -> None:
        """Note a step of a picture."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(
                json.dumps({"name": name, "state": state, "price": price}) + "\n"
            )
            file.flush()
            os.fsync(file.fileno())
        self._apply(name, state, price)

    def _apply(self, name: str, state: str, price: int) -> None:
        self.states[name] = state
        self.spent += {"asked": price, "kept": 0, "refused": -price}[state]


def draw_all(
    client: AnyClient, prompts: list[str], directory: Path, budget: int
) -> list[str]:
    """Draw what is missing, as long as the budget lasts; print a line for each prompt.

    Returns:
        the prompts that have no picture yet.
    """
    directory.mkdir(parents=True, exist_ok=True)
    journal = Journal(directory / "journal.jsonl")
    allowance = nai.image.Allowance.of(client.run(nai.account.get_subscription()))
    missing = []
    for prompt in prompts:
        name = sha256(prompt.encode()).hexdigest()[:16]
        state = journal.states.get(name)
        outcome = (
            "has a picture already"
            if state == "kept"
            else "may have been paid, and is not asked for again"
        )
        if state not in ("kept", "asked"):
            outcome = draw(
                client, prompt, directory / f"{name}.png", journal, budget, allowance
            )
        print(f"{outcome}: {prompt}")
        if journal.states.get(name) != "kept":
            missing.append(prompt)
    print(f"{journal.spent} of {budget} Anlas spent")
    return missing


def draw(
    client: AnyClient,
    prompt: str,
    path: Path,
    journal: Journal,
    budget: int,
    allowance: nai.image.Allowance,
) -> str:
    """Draw one picture and keep it; return what came of it."""
    price = nai.image.build_image_request(prompt, **OPTIONS).price(allowance).anlas
    if price > budget - journal.spent:
        return f"costs {price} Anlas, which the budget does not have"
    journal.write(path.stem, "asked", price)
    try:
        (image,) = client.run(
            nai.image.generate(prompt, **OPTIONS, max_anlas=price, allowance=allowance)
        )
    except nai.NaiError as error:
        if is_unpaid(error):
            journal.write(path.stem, "refused", price)
        return error.plain_message
    kept = keep(image.data, path)
    journal.write(path.stem, "kept", price)
    return f"{price} Anlas, {kept}"


def keep(data: bytes, path: Path) -> Path:
    """Write a picture, which is paid for; elsewhere if need be. Return where it is."""
    try:
        files.write(path, data)  # whole, or not at all
    except nai.FileError:
        path = Path(gettempdir()) / path.name
        files.write(path, data)
    return path


def is_unpaid(error: nai.NaiError) -> bool:
    """Return whether a request was certainly not paid: not sent, or refused."""
    refused = isinstance(error, nai.StatusError) and error.status < 500
    return (
        refused
        or isinstance(error, nai.InvalidRequestError)
        or getattr(error, "sent", True) is False
    )


def main() -> int:
    """Draw the lines of a file; return 1 if there are lines without a picture."""
    prompts = [
        line
        for line in Path(sys.argv[1]).read_text("utf-8").splitlines()
        if line.strip()
    ]
    with Client() as client:
        return (
            1 if draw_all(client, prompts, Path(sys.argv[2]), int(sys.argv[3])) else 0
        )


if __name__ == "__main__":
    sys.exit(main())
