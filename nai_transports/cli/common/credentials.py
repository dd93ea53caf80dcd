"""Who a command acts for. This is the one place that knows where tokens, e-mails and passwords come from, in this order:

===========  ================================================================================================
a token      a login with ``--email`` or ``--unsafe-password``; NAI_TOKEN; a login with NAI_EMAIL and NAI_PASSWORD;
             what `nai login` kept; a login with what the person types
an e-mail    an argument or ``--email``; NAI_EMAIL; the profile's; that of `nai login`; a prompt
a password   ``--unsafe-password``; NAI_PASSWORD; what `nai login` kept; a prompt
===========  ================================================================================================

An option is nearer than a variable, also ``--profile``: what `nai login` kept for the profile that it names wins over the
variables. Commands that derive a key from the password need e-mail and password even if there is a token.

Nothing secret is sent to another address than its own. What `nai login` kept is for one address. NAI_TOKEN and NAI_PASSWORD
are for the address that NAI_URL or ``--url`` names, else for NovelAI, and are never sent to the address of a profile.

All users of a machine can read the arguments of its processes. A password is therefore an argument only of an option whose
name says that it is unsafe. Without a terminal there is no prompt, and the error names the other ways.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from nai_proto.errors import NaiError
from nai_proto.secret import AccessToken, Password, PersistentToken, Token, parse_token

from . import prompts
from .errors import MissingCredentials, WrongUsage
from .notes import print_note
from .output import escape_line
from .profile_file import DEFAULT, UserProfile
from .stored_logins import LoginPlace, StoredLogin, describe_other_logins, find_login, normalize_address

__all__ = [
    "EMAIL_VARIABLE",
    "PASSWORD_VARIABLE",
    "TOKEN_VARIABLE",
    "URL_VARIABLE",
    "CredentialSources",
    "Credentials",
    "FoundToken",
    "describe_token",
    "name_url_source",
]

TOKEN_VARIABLE: Final = "NAI_TOKEN"
EMAIL_VARIABLE: Final = "NAI_EMAIL"
PASSWORD_VARIABLE: Final = "NAI_PASSWORD"
URL_VARIABLE: Final = "NAI_URL"
_OR_TOKEN: Final = "; or set NAI_TOKEN to a token"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """E-mail and password: what logs in, and what the keys of an account are derived from."""

    email: str
    "As it was given: the keys depend on its case. See docs/protocol/native.md#3-key-derivation."
    password: Password
    source: str = ""
    "Where the password comes from, in words."
    kept: StoredLogin | None = None
    "What `nai login` kept, if the password is from there."

    def __repr__(self) -> str:
        return "Credentials(…)"


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A token, and where it comes from."""

    token: Token
    source: str
    "In words, such as ``NAI_TOKEN``."
    email: str | None = None
    "Of the account, if it is known."


@dataclass(frozen=True, kw_only=True, repr=False)
class CredentialSources:
    """What one command knows of the person: its options and its profile. The rest is in the environment or was kept."""

    profile: UserProfile
    is_profile_named: bool = False
    "Does the option ``--profile`` name it?"
    url: str | None = None
    "The address of an option or of NAI_URL; None for the profile's."
    email: str | None = None
    "The e-mail of an option or of NAI_EMAIL."
    unsafe_password: str | None = None

    @property
    def place(self) -> LoginPlace:
        """Where `nai login` keeps the login of this profile and address."""
        return LoginPlace(self.profile.name, self.url or self.profile.url)

    @cached_property
    def stored(self) -> StoredLogin | None:
        """What `nai login` kept for the profile and the address.

        Raises:
            FileError, InvalidFile: it cannot be read.
        """
        return find_login(self.place)

    @property
    def is_url_an_option(self) -> bool:
        """Is the address that of ``--url``?"""
        return self.url is not None and name_url_source(self.url) != URL_VARIABLE

    @property
    def account_options(self) -> tuple[str, ...]:
        """The options that another command needs to act for the same account at the same address, as they were given."""
        given = (
            ("--profile", self.profile.name if self.is_profile_named else None),
            ("--url", self.url if self.is_url_an_option else None),
            ("--email", self._email_option),
        )
        return tuple(part for name, value in given if value for part in (name, value))

    @property
    def login_command(self) -> str:
        """The command that logs in for this profile, at this address, for messages."""
        profile = () if self.profile.name == DEFAULT else ("--profile", escape_line(self.profile.name))
        address = ("--url", self.url) if self.url is not None and self.is_url_an_option else ()
        return f"`{shlex.join(('nai', 'login', *profile, *address))}`"

    def describe_other_places(self) -> str:
        """Return a note in parentheses, after a blank, on where else the profile may have a login; empty if nowhere.

        Raises:
            FileError, InvalidFile: the file of logins cannot be read.
        """
        own = self.profile.url
        if self.url is None or own is None or normalize_address(own) == normalize_address(self.url):
            return describe_other_logins(self.place)
        source, undo = ("--url", "leave it out") if self.is_url_an_option else (URL_VARIABLE, "unset it")
        return f" ({source} wins over the profile's own address, {normalize_address(own)}; {undo} to use that)"

    def get_variable(self, name: str) -> str | None:
        """Return the secret of an environment variable, if it may be sent to the address."""
        return os.environ.get(name) or None if self.url or not self.profile.url else None

    # ---- a token

    def find_token(self, *, persistent: bool = True, asks: bool = True) -> FoundToken | Credentials:
        """Return the first token or login of the table above.

        Args:
            persistent: is a persistent token enough? If not, such tokens are passed over.
            asks: may the person be asked?

        Raises:
            MissingCredentials: there is nothing, and nobody to ask.
            WrongUsage: NAI_TOKEN is no token.
            FileError, InvalidFile: what `nai login` kept cannot be read.
        """
        if self._email_option is None and self.unsafe_password is None:
            for each in self._iter_kept():
                if persistent or isinstance(each, Credentials) or not isinstance(each.token, PersistentToken):
                    return each
        return self.find_credentials(asks=asks, or_token=True)

    def _iter_kept(self) -> Iterator[FoundToken | Credentials]:
        """Yield what the environment has, and what `nai login` kept."""
        if self.is_profile_named:
            yield from self._iter_stored()
        if text := self.get_variable(TOKEN_VARIABLE):
            yield FoundToken(_parse_variable(text), TOKEN_VARIABLE)
        if (email := os.environ.get(EMAIL_VARIABLE)) and (password := self.get_variable(PASSWORD_VARIABLE)):
            yield Credentials(email, Password(password), f"{EMAIL_VARIABLE} and {PASSWORD_VARIABLE}")
        yield from self._iter_stored()

    def _iter_stored(self) -> Iterator[FoundToken | Credentials]:
        """Yield what `nai login` kept, if it is for the e-mail."""
        email = self._get_email()
        if self.stored is None or not self.stored.is_for(email):
            return
        login = self.stored
        if not isinstance(login.secret, Password):
            yield FoundToken(login.secret, login.where, login.email)
        elif name := login.email or email:
            yield Credentials(name, login.secret, login.where, login)

    # ---- e-mail and password

    def find_credentials(self, *, asks: bool = True, or_token: bool = False) -> Credentials:
        """Return e-mail and password from the places of the table above.

        Args:
            asks: may the person be asked?
            or_token: would a token do as well? Then the error message says so.

        Raises:
            MissingCredentials: one of them is missing, and there is nobody to ask.
            InvalidRequestError: the password is empty.
            FileError, InvalidFile: what `nai login` kept cannot be read.
        """
        asks = asks and prompts.is_interactive()
        email = self._get_email()
        if not (email or asks):
            problem = self._explain_missing_password() if self.stored is not None else self._no_email
            raise MissingCredentials(problem + (_OR_TOKEN if or_token else ""))
        email = email or self._ask_email()
        for each in self._iter_passwords(email):
            return each
        if not asks:
            raise MissingCredentials(self._explain_missing_password() + (_OR_TOKEN if or_token else ""))
        return Credentials(email, self.ask_password(email, self._explain_missing_password()), "what was typed")

    def ask_password(self, email: str, alternative: str) -> Password:
        """Return the password that the person types; where it goes to another address than the profile's, a note says so.

        Raises:
            MissingCredentials: there is no terminal; with the alternative as the message.
        """
        if prompts.is_interactive() and (other := self.describe_other_places()):
            print_note(f"This is to log in as {escape_line(email)} at {self.place.address or 'NovelAI'}{other}.")
        return Password(prompts.ask_secret("Password", alternative))

    def find_email(self) -> str:
        """Return the e-mail from the places of the table above.

        Raises:
            InvalidRequestError: there is none, and nobody to ask.
        """
        return self._get_email() or prompts.ask("E-mail", self._no_email)

    def _ask_email(self) -> str:
        """Return the e-mail that the person types, after a note on why it is asked for."""
        if prompts.is_interactive():
            place = self.place.address or "NovelAI"
            problem = f"This command needs the password, not only a token for {place}" if self._has_token else ""
            other = "" if self._has_token else self.describe_other_places()
            missing = f"There is no login for {place}{other}"
            print_note(f"{problem or missing}; {self.login_command} keeps one for all commands.")
        return prompts.ask("E-mail", self._no_email)

    def _iter_passwords(self, email: str) -> Iterator[Credentials]:
        if self.unsafe_password is not None:
            yield Credentials(email, Password(self.unsafe_password), "--unsafe-password")
        kept = [each for each in self._iter_stored() if isinstance(each, Credentials)]
        if self.is_profile_named:
            yield from kept
        if password := self.get_variable(PASSWORD_VARIABLE):
            yield Credentials(email, Password(password), PASSWORD_VARIABLE)
        yield from kept

    @property
    def _email_option(self) -> str | None:
        """The e-mail of an option or an argument. With the value of NAI_EMAIL it says nothing that NAI_EMAIL does not."""
        return self.email if self.email != os.environ.get(EMAIL_VARIABLE) else None

    def _get_email(self) -> str | None:
        if self._email_option or (self.email and not self.is_profile_named):
            return self.email
        stored = self.stored
        return self.profile.email or (stored.email if stored is not None else None) or self.email

    @property
    def _no_email(self) -> str:
        problem = f"no account{self.describe_other_places()}, and no terminal to ask at"
        if self._has_token:
            problem = (
                "this command needs an e-mail and a password, not only a token, and there is no terminal to ask at"
            )
        return f"{problem}. Run {self.login_command}, set {EMAIL_VARIABLE}, or give the e-mail"

    @property
    def _has_token(self) -> bool:
        return self.stored is not None or self.get_variable(TOKEN_VARIABLE) is not None

    def _explain_missing_password(self) -> str:
        problem = f"no password{self.describe_other_places()}, and no terminal to ask at"
        if self.stored is not None and not isinstance(self.stored.secret, Password):
            problem = "this command needs the password, and `nai login` kept only a token"
        ways = f"{self.login_command} and keep the password, set {PASSWORD_VARIABLE}, or give --unsafe-password"
        return f"{problem}. Run {ways}"


def name_url_source(url: str) -> str:
    """Return where a given address is from; the value of NAI_URL is that of ``--url`` too, and does not count as typed."""
    return URL_VARIABLE if url == os.environ.get(URL_VARIABLE) else "--url"


def describe_token(token: Token) -> str:
    """Return the kind of a token, in words. The token is not shown."""
    return "access token of a login" if isinstance(token, AccessToken) else "persistent token"


def _parse_variable(text: str) -> Token:
    try:
        return parse_token(text)
    except NaiError as error:
        problem = str(error)
    raise WrongUsage(f"{TOKEN_VARIABLE}: {problem}", parameter="token")
