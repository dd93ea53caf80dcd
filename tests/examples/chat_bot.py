"""A chat bot in the terminal, whose answers Ctrl-C stops.

What had come of a stopped answer stays in the conversation, so that the model knows
what it has said. A question that could not be answered leaves it again. Run it with
NAI_TOKEN set::

    python chat_bot.py

An empty line, or the end of the input, ends it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import nai_proto as nai
from nai_transports.clients import Client as AnyClient
from nai_transports.sync import Client

MODEL = "glm-4-6"


class Chat:
    """A conversation with a model.

    Args:
        client: any synchronous client.
        system: what the model is told about its part.
    """

    def __init__(
        self,
        client: AnyClient,
        system: str = "You are a friendly narrator. Answer briefly.",
    ) -> None:
        self.client = client
        self.messages = [nai.openai.Message.system(system)]

    def ask(self, question: str, write: Callable[[str], object]) -> bool:
        """Ask a question, write the answer as it comes, and add both to `messages`.

        Returns:
            whether the answer is whole; False if Ctrl-C stopped it.

        Raises:
            nai.NaiError: there is no answer. The conversation is as it was before.
        """
        messages = [*self.messages, nai.openai.Message.user(question)]
        is_whole = True
        with self.client.stream(
            nai.openai.chat_completion_stream(messages, model=MODEL, max_tokens=300)
        ) as answer:
            try:
                for chunk in answer:
                    write(chunk.text)
            except KeyboardInterrupt:
                is_whole = False
        said = (
            answer.partial.choices[0].message.content
            if answer.partial and answer.partial.choices
            else ""
        )
        self.messages = (
            [*messages, nai.openai.Message.assistant(said)] if said else messages[:-1]
        )
        return is_whole


def write_now(text: str) -> None:
    """Write text to the terminal at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> None:
    """Talk until an empty line."""
    with Client() as client:  # the token is that of NAI_TOKEN
        chat = Chat(client)
        while question := read_question():
            try:
                is_whole = chat.ask(question, write_now)
            except nai.NaiError as error:
                print(f"[no answer: {error.plain_message}]")
            else:
                print("" if is_whole else " [stopped]")


def read_question() -> str:
    """Return the next line, or an empty text at the end of the input."""
    try:
        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""


if __name__ == "__main__":
    main()
