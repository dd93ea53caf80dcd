"""The client's own command line, by the functions behind it: addresses are changed from within only.

See docs/protocol/native.md#191-command-line.
"""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

from novelai_api.__main__ import decode_func, get_access_key_func, get_access_token_func, sanity_checker_func
from novelai_api.Preset import Model
from novelai_api.Tokenizer import Tokenizer
from novelai_api.utils import get_access_key, tokens_to_b64

from ..checking import check
from .novel import Novel


async def session(novel: Novel) -> None:
    """All of it."""
    with check("command: access_key prints the key"):
        with redirect_stdout(io.StringIO()) as printed:
            get_access_key_func(novel.email, novel.password)
        assert printed.getvalue().strip() == get_access_key(novel.email, novel.password)
    with check("command: access_token prints a token that is good"):
        with redirect_stdout(io.StringIO()) as printed:
            await get_access_token_func(novel.email, novel.password)
        api = novel.stranger()
        await api.high_level.login_with_token(printed.getvalue().strip())
        assert await api.low_level.get_keystore()
    with check("command: sanity_check opens all that is stored, and finds nothing amiss"):
        with redirect_stdout(io.StringIO()) as printed, redirect_stderr(io.StringIO()) as logged:
            await sanity_checker_func(novel.email, novel.password)
        assert printed.getvalue() == ""
        said = logged.getvalue()
        assert said.count("have been successfully decrypted") == 4
        assert "couldn't" not in said
    with check("command: decode shows the tokens of a text"):
        with redirect_stdout(io.StringIO()) as printed:
            await decode_func(Model.Kayra.value, tokens_to_b64(Tokenizer.encode(Model.Kayra, "Once upon a time")))
        assert printed.getvalue().endswith("Text = Once upon a time\n")
