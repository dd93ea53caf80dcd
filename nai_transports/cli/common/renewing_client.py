"""A client that acts for an e-mail and a password: with the token of an earlier login, until the service refuses it.

A login derives a key and takes a request. The token that it gives is valid for 30 days, so commands share one, and log in
only if there is none, if it has expired, or if it is refused, as after a change of the password elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Never, TypeVar

from nai_proto.exchange.actions import Action, FlowContext, Incoming, Runnable, Send, Steps
from nai_proto.exchange.flow import map_actions
from nai_proto.exchange.session import FlowOptions, Session
from nai_proto.http import Head
from nai_proto.secret import AccessToken, Token

from ...sync import Client

__all__ = ["RenewingClient"]

E = TypeVar("E")
R = TypeVar("R")

_UNAUTHORIZED: Final = 401


class RenewingClient(Client):
    """A blocking client whose requests have the token of a login.

    A request that is refused with 401 has changed nothing, so it is sent once more after a new login. The flow that sent it
    does not notice.
    """

    def __init__(
        self,
        session: Session,
        log_in: Runnable[Never, AccessToken],
        keep: Callable[[AccessToken], object],
        **options: Any,
    ) -> None:
        """Make a client; it connects when something is run.

        Args:
            session: has the token of an earlier login, or none.
            log_in: gives a new token; it runs at most once.
            keep: is called with the new token.
            options: as for `Client`.
        """
        super().__init__(session, **options)
        self._log_in = log_in
        self._keep = keep
        self._has_logged_in = False

    def stream(self, flow: Any) -> Any:
        """Return a stream of a flow as `Client.stream` does; it begins with a login if there is no token."""
        steps: Steps[Any, Any] = self._sign(flow)
        return super().stream(steps)

    def _sign(self, flow: Runnable[E, R]) -> Steps[E, R]:
        if self.session.token is None:
            yield from self._renew()
        steps = iter(flow)
        try:
            action = next(steps)
            while True:
                try:
                    incoming = yield action
                    if isinstance(action, Send) and self._is_refused(action, incoming):
                        yield from self._renew()
                        action = _sign_again(action, self.session.token)
                        incoming = yield action
                except Exception as error:
                    action = steps.throw(error)
                else:
                    action = steps.send(self._answer(incoming))
        except StopIteration as stop:
            result: R = stop.value
            return result
        finally:
            steps.close()

    def _is_refused(self, send: Send, incoming: Incoming) -> bool:
        """Return whether the token of the earlier login is refused."""
        is_unauthorized = isinstance(incoming, Head) and incoming.status == _UNAUTHORIZED
        return is_unauthorized and not self._has_logged_in and send.request.token == self.session.token

    def _answer(self, incoming: Incoming) -> Incoming:
        """Return what the flow is told: requests after a new login have its token."""
        if isinstance(incoming, FlowContext):
            return incoming.with_options(FlowOptions(token=self.session.token))
        return incoming

    def _renew(self) -> Steps[Never, None]:
        """Log in, without the token that is refused."""
        self._has_logged_in = True
        token = yield from map_actions(self._log_in, _remove_token)
        self.session = self.session.with_token(token)
        self._keep(token)


def _remove_token(action: Action[Never]) -> Action[Never]:
    return _sign_again(action, None) if isinstance(action, Send) else action


def _sign_again(send: Send, token: Token | None) -> Send:
    return replace(send, request=replace(send.request, token=token))
