"""Sessions sign requests; budgets say how long a wait may be."""

from __future__ import annotations

import copy
import pickle
import traceback
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import account, image, objects, text
from nai_proto.errors import AuthenticationError, InvalidRequestError, InvalidTypeError, Phase, TimedOut, TransportError
from nai_proto.exchange.actions import Runnable
from nai_proto.exchange.budget import Budget, LimitReached
from nai_proto.exchange.retry import RetryPolicy
from nai_proto.exchange.session import FlowOptions, Session
from nai_proto.http import Headers, Host, Request
from nai_proto.limits import Limits, Timeouts
from nai_proto.secret import AccessToken, PersistentToken
from nai_proto.testing import Clock
from nai_proto.version import __version__
from nai_transports.memory import Client
from tests.cases import for_each
from tests.support import EMAIL, an_emulator

TOKEN = PersistentToken("pst-mine")
OTHER = AccessToken("eyJ.other.x")
FOUR = Session(
    token=TOKEN,
    account="https://account.example",
    text="https://text.example:8443",
    image="http://[::1]:9000",
    api="http://gate.example/nai/v2",
)

roles = for_each("role", Host)


def a_request(host: Host | None = Host.TEXT, **fields: Any) -> Request:
    return Request("POST", "/ai/generate?x=1", host=host, **fields)


# ---- sign


@for_each(
    "role, base, url",
    [
        (Host.ACCOUNT, "https://account.example", "https://account.example/ai/generate?x=1"),
        (Host.TEXT, "https://text.example:8443", "https://text.example:8443/ai/generate?x=1"),
        (Host.IMAGE, "http://[::1]:9000", "http://[::1]:9000/ai/generate?x=1"),
        (Host.API, "http://gate.example", "http://gate.example/nai/v2/ai/generate?x=1"),
    ],
    ids=lambda value: value.value if isinstance(value, Host) else "",
)
def test_each_role_has_its_base(role: Host, base: str, url: str) -> None:
    signed = FOUR.sign(a_request(role))
    assert signed.base == base
    assert signed.url == url
    assert signed.scheme + "://" + signed.authority == base
    assert signed.fields()[0] == ("Host", signed.authority)


def test_the_defaults_are_the_services_own_hosts() -> None:
    session = Session()
    bases = {role: session.sign(a_request(role)).base for role in Host}
    assert bases == {
        Host.ACCOUNT: "https://image.novelai.net",
        Host.TEXT: "https://text.novelai.net",
        Host.IMAGE: "https://image.novelai.net",
        Host.API: "https://api.novelai.net",
    }


@for_each("prefix", ["", "/", "/nai", "/nai/", "/a/b", "/a/b//"])
def test_a_path_of_the_base_goes_in_front_of_the_target(prefix: str) -> None:
    signed = Session(base_url="http://gate.example" + prefix).sign(a_request())
    assert signed.target == prefix.rstrip("/") + "/ai/generate?x=1"
    assert signed.base == "http://gate.example"


def test_a_request_gets_the_sessions_token() -> None:
    signed = FOUR.sign(a_request())
    assert signed.token == TOKEN
    assert ("Authorization", "Bearer pst-mine") in signed.fields()
    assert not [name for name, _ in Session().sign(a_request()).fields() if name.lower() == "authorization"]


def test_what_the_request_says_itself_wins() -> None:
    session = Session(token=TOKEN, headers=Headers([("X-Trace", "theirs"), ("User-Agent", "theirs"), ("X-New", "new")]))
    request = a_request(token=OTHER, headers=Headers([("x-trace", "mine"), ("accept-encoding", "mine")]))
    signed = session.sign(request)
    assert signed.token == OTHER
    assert signed.headers.get_all("x-trace") == ["mine"]
    assert signed.headers.get_all("accept-encoding") == ["mine"]
    assert signed.headers.get_all("user-agent") == ["theirs"]
    assert signed.headers.get_all("x-new") == ["new"]


def test_the_session_says_who_it_is_and_wants_no_coding() -> None:
    signed = Session().sign(a_request())
    assert signed.headers.get("user-agent") == f"nai-proto/{__version__}"
    assert signed.headers.get("accept-encoding") == "identity"


def test_a_field_that_the_session_has_twice_is_sent_twice() -> None:
    session = Session(headers=Headers([("X-A", "1"), ("X-A", "2")]))
    assert session.sign(a_request()).headers.get_all("x-a") == ["1", "2"]


def test_an_absolute_request_is_left_alone_and_gets_no_token() -> None:
    session = Session(token=TOKEN, headers=Headers([("X-Key", "private")]))
    request = a_request(base="https://elsewhere.example")
    assert session.sign(request) == request
    assert session.sign(a_request(None)) == a_request(None)


@roles
def test_signing_twice_is_signing_once(role: Host) -> None:
    signed = FOUR.sign(a_request(role))
    assert FOUR.sign(signed) == signed
    assert Session(token=OTHER).sign(signed) == signed


@roles
def test_signing_changes_neither_body_nor_method(role: Host) -> None:
    request = Request("PATCH", "/x", Headers([("A", "b")]), b"body", role)
    signed = FOUR.sign(request)
    assert (signed.method, signed.body, signed.host, signed.headers[0]) == ("PATCH", b"body", role, ("A", "b"))
    assert request.base == ""
    assert request.token is None


# ---- base URLs

GOOD = [
    "http://localhost",
    "http://127.0.0.1:80",
    "https://[::1]",
    "https://[2001:db8::1]:8443/x",
    "https://a-b.example/with/path%20escaped",
    "http://host:65535",
    "http://host:0",
]
BAD = [
    "",
    "hunter2",
    "hunter2.example",
    "hunter2.example:80",
    "//hunter2.example",
    "ftp://hunter2.example",
    "https:/hunter2.example",
    "https:hunter2.example",
    "https://",
    "https:///hunter2",
    "https://user:hunter2@host.example",
    "https://hunter2@host.example",
    "https://host.example/?token=hunter2",
    "https://host.example?hunter2",
    "https://host.example/#hunter2",
    "https://hunter2.exämple",
    "https://host.example/hunter2/ä",
    "https://hunter2.example:",
    "https://hunter2.example:port",
    "https://hunter2.example:65536",
    "https://hunter2.example:-1",
    "https://hunter2.example:8 0",
    "https://hunter2.example:٣",
    "https://:80/hunter2",
    "https://hunter2 .example",
    "https://hunter2.example/\n",
    "https://hunter2.example\r\nX-Evil: 1",
    " https://hunter2.example",
    "https://hunter2.example/\x00",
    "https://hunter2.example\x7f",
    "https://[hunter2",
    "https://hunter2]",
    "https://[::1]hunter2",
    "https://hunter2:80:90",
    "https://hunter2.example\\x",
    "https://hunter2.example//x",
    "https://hunter2.example/../x",
    "https://hunter2.example/x/%2e%2e",
    "https://hunter2.example/x%0d%0ay",
    "https://hunter2.example:" + "9" * 5000,
]


@for_each("url", GOOD)
@roles
def test_a_good_base_url_is_taken(url: str, role: Host) -> None:
    fields: dict[str, Any] = {role.value: url}
    session = Session(**fields)
    assert session.sign(a_request(role)).url == url.rstrip("/") + "/ai/generate?x=1"


@for_each("url", BAD)
@roles
def test_a_bad_base_url_is_refused_by_role_without_quoting_it(url: str, role: Host) -> None:
    fields: dict[str, Any] = {role.value: url}
    with pytest.raises(InvalidRequestError, match=role.value) as caught:
        Session(**fields)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(InvalidRequestError):
        Session(base_url=url)


@given(st.text(st.characters(exclude_categories=()), max_size=30), st.sampled_from(["", "http://", "https://h:"]))
def test_any_text_is_a_base_url_or_refused(rest: str, start: str) -> None:
    try:
        session = Session(base_url=start + rest)
    except InvalidRequestError:
        return
    for role in Host:
        signed = session.sign(a_request(role))
        assert signed.url.isascii()
        assert signed.url.isprintable()
        assert " " not in signed.url
        assert "@" not in signed.authority
        assert signed.path.endswith("/ai/generate")


# ---- the value


def test_at_sets_all_four_roles() -> None:
    limits, timeouts = Limits(body=1), Timeouts(read=1)
    headers = Headers([("X-A", "b")])
    session = Session(base_url="http://here:1", token=TOKEN, headers=headers, limits=limits, timeouts=timeouts)
    assert {session.account, session.text, session.image, session.api} == {"http://here:1"}
    assert (session.token, session.headers, session.limits, session.timeouts) == (TOKEN, headers, limits, timeouts)
    assert session == Session(
        token=TOKEN,
        account="http://here:1",
        text="http://here:1",
        image="http://here:1",
        api="http://here:1",
        headers=headers,
        limits=limits,
        timeouts=timeouts,
    )


def test_with_token_changes_the_token_only() -> None:
    changed = FOUR.with_token(OTHER)
    assert changed.token == OTHER
    assert FOUR.token == TOKEN
    assert changed.with_token(TOKEN) == FOUR
    assert FOUR.with_token(None).token is None


def test_a_session_is_frozen() -> None:
    session: Any = FOUR
    with pytest.raises(AttributeError):
        session.token = OTHER
    assert hash(FOUR) == hash(copy.deepcopy(FOUR))


def test_a_session_pickles_with_its_token() -> None:
    arrived: Session = pickle.loads(pickle.dumps(FOUR))
    assert arrived == FOUR
    assert arrived.sign(a_request()) == FOUR.sign(a_request())
    assert arrived.sign(a_request()).fields() == FOUR.sign(a_request()).fields()


def test_the_repr_shows_no_token_and_no_values_of_header_fields() -> None:
    session = Session(token=PersistentToken("pst-hunter2"), headers=Headers([("X-Key", "hunter2")]))
    assert "hunter2" not in repr(session)
    assert "hunter2" not in repr(session.sign(a_request()))
    assert "X-Key" in repr(session)


# ---- options

OPTIONS: dict[str, Any] = {
    "token": OTHER,
    "timeouts": Timeouts(read=1),
    "limits": Limits(body=1),
    "retry": RetryPolicy(attempts=7),
}


@for_each("name", OPTIONS)
def test_an_option_that_is_set_replaces_the_session_s_and_no_other(name: str) -> None:
    changed = FOUR.with_options(FlowOptions(**{name: OPTIONS[name]}))
    for each in Session.__slots__:
        assert getattr(changed, each) == (OPTIONS[name] if each == name else getattr(FOUR, each))
    assert FOUR.with_options(FlowOptions()) is FOUR


@for_each("name", OPTIONS)
def test_the_later_of_two_options_wins_and_none_keeps_the_earlier(name: str) -> None:
    every, one = FlowOptions(**OPTIONS), FlowOptions(**{name: OPTIONS[name]})
    assert one.updated(FlowOptions()) == FlowOptions().updated(one) == one
    earlier = FlowOptions(token=TOKEN, timeouts=Timeouts(), limits=Limits(), retry=RetryPolicy())
    assert earlier.updated(every) == every
    assert FlowOptions().is_empty
    assert not one.is_empty


@for_each("name", ["timeouts", "limits", "retry"])
def test_an_option_of_another_type_is_refused_by_name(name: str) -> None:
    wrong: dict[str, Any] = {name: 5}
    for make in (FlowOptions.of, Session):
        with pytest.raises(InvalidTypeError, match=rf"^{name} takes nai\.{type(OPTIONS[name]).__name__},") as caught:
            make(**wrong)
        assert caught.value.parameter == name
    assert FlowOptions.of(**OPTIONS) == FlowOptions(**OPTIONS)
    assert FlowOptions.of() == FlowOptions()


# ---- a token that is missing or refused


def test_a_persistent_token_is_refused_where_only_that_of_a_login_is_taken() -> None:
    request = a_request(login_only=True)
    with pytest.raises(InvalidRequestError, match="POST /ai/generate takes no persistent token") as caught:
        FOUR.sign(request)
    assert caught.value.parameter == "token"
    assert "nai.account.login" in (caught.value.advice or "")
    signed = FOUR.with_token(OTHER).sign(request)
    assert (signed.token, signed.login_only) == (OTHER, True)
    assert not FOUR.sign(a_request()).login_only


_SIGNED = (account.get_subscription(), objects.get_keystore(), text.generate("Once"), image.generate("a boat"))


def refusal(operation: Runnable[Any, Any], **session: Any) -> AuthenticationError:
    """Return the error that the emulator's 401 is raised as."""
    with (
        Client(an_emulator()[0], Session(base_url="http://x", **session)) as client,
        pytest.raises(AuthenticationError) as caught,
    ):
        client.run(operation)
    return caught.value


@for_each("operation", _SIGNED)
def test_without_a_token_the_error_says_so_and_how_to_give_one(operation: Runnable[Any, Any]) -> None:
    error = refusal(operation)
    assert error.status == 401
    assert "the request had no token" in (error.advice or "")
    assert "NAI_TOKEN" in str(error)


@for_each("operation", _SIGNED)
@for_each("session", [{"token": "a.b.c"}, {"headers": {"Authorization": "Bearer a.b.c"}}])
def test_a_token_that_is_refused_is_told_from_none(operation: Runnable[Any, Any], session: dict[str, Any]) -> None:
    error = refusal(operation, **session)
    assert "the service refused the token" in (error.advice or "")
    assert "a.b.c" not in str(error)


def test_a_refused_login_says_nothing_about_tokens() -> None:
    assert refusal(account.login(EMAIL, "wrong")).advice is None


# ---- Budget

PHASES: tuple[Phase, ...] = get_args(Phase)
seconds = st.floats(0, 1000, allow_nan=False)


def test_without_a_total_each_phase_has_its_own_limit() -> None:
    budget = Budget(Timeouts(pool=5, connect=1, write=2, read=3, idle=4))
    assert not budget.is_bounded
    budget.spend(1000)
    assert [budget.limit(phase) for phase in PHASES] == [5, 1, 2, 3, 4, None]


def test_a_phase_without_limit_waits_for_what_is_left_of_the_total() -> None:
    budget = Budget(Timeouts(idle=None, total=10))
    budget.spend(4)
    assert budget.is_bounded
    assert budget.limit("idle") == 6
    assert budget.limit("total") == 6
    assert Budget(Timeouts(idle=None)).limit("idle") is None


@given(st.none() | seconds, st.none() | seconds, st.lists(seconds, max_size=5), st.sampled_from(PHASES))
def test_one_wait_has_the_lesser_of_its_phase_and_what_is_left(
    own: float | None, total: float | None, spent: list[float], phase: Phase
) -> None:
    budget = Budget(Timeouts(pool=own, connect=own, write=own, read=own, idle=own, total=total))
    left = total
    for took in spent:
        budget.spend(took)
        left = None if left is None else max(0.0, left - took)
    limits = [limit for limit in (None if phase == "total" else own, left) if limit is not None]
    assert budget.limit(phase) == min(limits, default=None)
    assert (budget.limit(phase) or 0) >= 0


def a_wait_to_its_limit(budget: Budget, phase: Phase, *, sent: bool = True) -> TimedOut:
    """What a driver does: it asks, waits, says what the wait took, and only then for the error."""
    limit = budget.limit(phase)
    assert limit is not None
    budget.spend(limit)
    return budget.timed_out(phase, sent=sent)


@for_each("sent", [True, False])
@for_each("phase", ["connect", "write", "read", "idle"])
@for_each("total", [None, 100, 5])
def test_the_error_names_the_phase_whose_limit_ran_out(phase: Phase, total: float | None, sent: bool) -> None:
    budget = Budget(Timeouts(pool=3, connect=3, write=3, read=3, idle=3, total=total))
    error = a_wait_to_its_limit(budget, phase, sent=sent)
    assert type(error) is TimedOut
    assert (error.phase, error.sent) == (phase, sent)
    assert "3 s" in str(error)


@for_each("phase", PHASES)
def test_the_error_names_the_total_when_that_was_less(phase: Phase) -> None:
    budget = Budget(Timeouts(pool=3, connect=3, write=3, read=3, idle=3, total=10))
    budget.spend(8)
    error = a_wait_to_its_limit(budget, phase)
    assert (error.phase, error.sent) == ("total", True)
    assert "10 s" in str(error)


@for_each("phase", PHASES)
def test_the_error_of_a_wait_without_own_limit_names_the_total(phase: Phase) -> None:
    budget = Budget(Timeouts(connect=None, write=None, read=None, idle=None, total=10))
    assert a_wait_to_its_limit(budget, phase).phase == "total"


def test_a_total_that_is_used_up_stays_so() -> None:
    budget = Budget(Timeouts(total=10))
    budget.spend(11)
    assert [budget.limit(phase) for phase in PHASES] == [0] * len(PHASES)
    assert a_wait_to_its_limit(budget, "idle").phase == "total"


@for_each("inner, outer, left", [(None, 10, 6), (5, None, 1), (5, 10, 1), (10, 5, 1), (None, None, None)])
def test_an_exchange_has_the_lesser_rest_of_its_total_and_the_run_s(
    inner: float | None, outer: float | None, left: float | None
) -> None:
    run = Budget(Timeouts(total=outer))
    exchange = Budget(Timeouts(total=inner), run)
    exchange.spend(4)
    assert exchange.remaining == left
    assert exchange.is_bounded == (left is not None)
    assert run.remaining == (None if outer is None else outer - 4)


@for_each("inner, outer, named", [(5, 100, 5), (None, 7, 7), (100, 7, 7)])
def test_the_error_names_the_total_that_ran_out(inner: float | None, outer: float, named: float) -> None:
    budget = Budget(Timeouts(total=inner, idle=None), Budget(Timeouts(total=outer)))
    error = a_wait_to_its_limit(budget, "idle")
    assert error.phase == "total"
    assert f"the total of {named} s ran out" in str(error)


@for_each("at_most, own, limit", [(2, 3, 2), (4, 3, 3), (2, None, 2), (None, 3, 3)])
def test_a_wait_may_have_a_further_limit(at_most: float | None, own: float | None, limit: float) -> None:
    assert Budget(Timeouts(idle=own)).limit("idle", at_most) == limit


def test_an_error_of_a_wait_says_where_it_was() -> None:
    budget = Budget(Timeouts(idle=3, total=10))
    assert "(host:1)" in str(budget.timed_out("idle", sent=True, where="host:1"))
    assert "(" not in str(budget.timed_out("idle", sent=True))
    budget.spend(10)
    assert "(host:1)" in str(budget.timed_out("idle", sent=True, where="host:1"))


@for_each("sent", [True, False])
@for_each("where", ["", "host:1"])
def test_an_error_of_a_blocking_socket_is_that_of_the_wait_or_of_the_system(sent: bool, where: str) -> None:
    budget = Budget(Timeouts(idle=3))
    for reached in (LimitReached(), TimeoutError()):
        error = budget.failed("idle", reached, sent=sent, where=where)
        assert type(error) is TimedOut
        assert str(error) == str(budget.timed_out("idle", sent=sent, where=where))
        assert (error.phase, error.sent) == ("idle", sent)
    for failure, reason in (
        (TimeoutError(110, "no route"), "no route"),
        (ConnectionResetError(104, "reset"), "reset"),
        (ConnectionResetError(), "the connection was lost"),
    ):
        error = budget.failed("idle", failure, sent=sent, where=where)
        assert type(error) is TransportError
        assert str(error).startswith(f"waiting for more of the response{' (host:1)' if where else ''}: {reason}")
        assert (error.phase, error.sent) == ("idle", sent)


def test_the_parts_of_a_wait_have_one_deadline_and_are_charged_together() -> None:
    clock = Clock(1000.0)
    budget = Budget(Timeouts(idle=3, total=10))
    with budget.begin("idle", clock) as deadline:
        assert deadline.left() == 3
        clock.advance(2)
        assert deadline.left() == 1
        clock.advance(1)
        with pytest.raises(LimitReached):
            deadline.left()
    assert budget.remaining == 7
    with budget.begin("idle", clock, 0.5) as deadline:
        assert deadline.left() == 0.5


def test_a_wait_without_limits_has_no_deadline_and_measures_nothing() -> None:
    def now() -> float:
        raise AssertionError("the clock was read")

    with Budget(Timeouts(idle=None)).begin("idle", now) as deadline:
        assert deadline.left() is None
