"""Record what a program and the service say, and replay a bug from the recording.

A recording has no token and no password. This one has prompts and texts, since the bug
may be in how they are read; without ``contents=True`` it has none, and can be
published. The replay answers the same program in the same process, without network and
account, in the pieces in which the answers came: a bug report becomes a test. To record
a run of `summarize` against the service, with NAI_TOKEN set, and to replay it as often
as you like::

    python replay_bug.py record bug.jsonl
    python replay_bug.py replay bug.jsonl
"""

from __future__ import annotations

import sys
from pathlib import Path

import nai_proto as nai
from nai_proto.emulator.recording import Replayer
from nai_transports.clients import Client as AnyClient
from nai_transports.memory import Client as MemoryClient
from nai_transports.servers.forwarding import ForwardingApp
from nai_transports.servers.recordings import load_recording, record_to_file

SESSION = nai.Session(base_url="http://recording.invalid")


def summarize(client: AnyClient) -> str:
    """Return what an account has left: the program that has the bug."""
    account = client.run(nai.account.get_subscription())
    story = client.run(nai.text.generate("Once upon a time", max_length=20))
    length = len(story.text)
    return f"{account.tier}, {account.anlas} Anlas, {length} characters of a story"


def record(path: Path, session: nai.Session) -> str:
    """Run the program against the service, and record everything to a new file.

    Args:
        path: the recording, which only you may read.
        session: the token and the address of the service.
    """
    service = ForwardingApp(session)  # sends on what it gets, so the recorder sees it
    try:
        with (
            record_to_file(service, path, contents=True) as app,
            MemoryClient(app, SESSION.with_token(session.token)) as client,
        ):
            return summarize(client)
    finally:
        service.close()


def replay(path: Path) -> str:
    """Run the program against the recording."""
    recorded = Replayer(load_recording(path))
    with MemoryClient(recorded, SESSION.with_token("any-token-is-accepted")) as client:
        return summarize(client)


def main() -> None:
    """Record or replay, as the command line says."""
    action, path = sys.argv[1:]
    if action == "record":
        from nai_transports.sync import Client

        with Client() as client:  # reads NAI_TOKEN and NAI_URL
            print(record(Path(path), client.session))
    else:
        print(replay(Path(path)))


if __name__ == "__main__":
    main()
