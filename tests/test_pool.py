"""The pool of connections, as a pure machine: what it grants, keeps, closes, and never exceeds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nai_proto.errors import InvalidRequestError
from nai_proto.exchange.connection_pool import Lease, Pool, PoolLimits
from tests.cases import for_each

HOSTS = ("a", "b", "c")


class Recorder:
    """A pool of numbered connections, with what it closed and which leases it woke."""

    def __init__(self, **limits: Any) -> None:
        self.closed: list[int] = []
        self.woken: list[int] = []
        self.pool: Pool[int] = Pool(PoolLimits(**limits), self.closed.append)
        self._count = 0

    def acquire(self, host: str = "a", now: float = 0.0) -> Lease[int]:
        self._count += 1
        return self.pool.acquire(host, now, lambda number=self._count: self.woken.append(number))  # type: ignore[misc]


def test_a_connection_that_is_given_back_is_granted_again() -> None:
    made = Recorder()
    lease = made.acquire()
    assert (lease.is_granted, lease.connection) == (True, None)
    made.pool.release(lease, 1.0, 7)
    assert (made.pool.used, made.pool.idle) == (0, 1)
    assert made.acquire(now=2.0).connection == 7
    assert (made.pool.used, made.pool.idle) == (1, 0)
    assert made.closed == []


def test_the_connection_that_was_used_last_is_granted_first() -> None:
    made = Recorder()
    leases = [made.acquire() for _ in range(3)]
    for number, lease in enumerate(leases):
        made.pool.release(lease, float(number), number)
    assert [made.acquire(now=3.0).connection for _ in range(4)] == [2, 1, 0, None]


def test_connections_lead_to_one_address_only() -> None:
    made = Recorder()
    made.pool.release(made.acquire("a"), 0.0, 7)
    assert made.acquire("b").connection is None


def test_an_idle_connection_expires() -> None:
    made = Recorder(keep_alive=30.0)
    made.pool.release(made.acquire(), 100.0, 7)
    assert made.acquire("b", 129.9).is_granted
    assert made.closed == []
    assert made.acquire("a", 130.0).connection is None
    assert made.closed == [7]


def test_those_of_other_addresses_expire_as_well() -> None:
    made = Recorder(keep_alive=30.0)
    made.pool.release(made.acquire("a"), 0.0, 7)
    made.acquire("b", 30.0)
    assert made.closed == [7]


def test_a_connection_that_is_kept_for_no_time_is_used_once() -> None:
    made = Recorder(keep_alive=0)
    made.pool.release(made.acquire(), 0.0, 7)
    assert made.closed == [7]


def test_the_oldest_of_too_many_idle_connections_is_closed() -> None:
    made = Recorder(idle=2)
    leases = [made.acquire() for _ in range(4)]
    for number, lease in enumerate(leases):
        made.pool.release(lease, 0.0, number)
    assert made.closed == [0, 1]


def test_without_idle_connections_none_is_kept() -> None:
    made = Recorder(idle=0)
    made.pool.release(made.acquire(), 0.0, 7)
    assert made.closed == [7]


def test_who_waits_longest_is_woken_first_and_gets_the_connection() -> None:
    made = Recorder(per_host=1)
    first, second, third = (made.acquire() for _ in range(3))
    assert [lease.is_granted for lease in (first, second, third)] == [True, False, False]
    made.pool.release(first, 0.0, 7)
    assert (second.is_granted, second.connection, third.is_granted) == (True, 7, False)
    assert made.woken == [2]
    made.pool.release(second, 0.0)
    assert (third.is_granted, third.connection) == (True, None)
    assert made.woken == [2, 3]


def test_who_has_left_the_line_is_passed_over() -> None:
    made = Recorder(per_host=1)
    first, second, third = (made.acquire() for _ in range(3))
    made.pool.release(second, 0.0)
    made.pool.release(first, 0.0)
    assert (second.is_granted, third.is_granted) == (False, True)
    assert made.woken == [3]


def test_a_lease_that_is_released_twice_counts_once() -> None:
    made = Recorder(per_host=1)
    first, second, third = (made.acquire() for _ in range(3))
    made.pool.release(first, 0.0)
    made.pool.release(first, 0.0)
    assert (second.is_granted, third.is_granted, made.pool.used) == (True, False, 1)


def test_an_address_without_connections_is_forgotten() -> None:
    made = Recorder(connections=1, keep_alive=5)
    used, waiting = made.acquire("a"), made.acquire("b")
    made.pool.release(waiting, 0.0)
    made.pool.release(used, 0.0, 7)
    assert [*made.pool._hosts] == ["a"]
    made.pool.close_expired(5.0)
    assert not made.pool._hosts
    made.pool.release(made.acquire("a"), 0.0, 7)
    made.pool.close_idle()
    assert not made.pool._hosts


def test_all_idle_connections_are_closed_also_those_that_never_expire() -> None:
    made = Recorder(keep_alive=float("inf"))
    for number, lease in enumerate([made.acquire("a"), made.acquire("a"), made.acquire("b")]):
        made.pool.release(lease, 1e9, number)
    made.pool.close_idle()
    assert sorted(made.closed) == [0, 1, 2]


def test_a_host_that_waits_does_not_hold_up_another() -> None:
    made = Recorder(per_host=1)
    made.acquire("a")
    assert not made.acquire("a").is_granted
    assert made.acquire("b").is_granted


def test_an_idle_connection_to_another_host_makes_room() -> None:
    made = Recorder(connections=1)
    made.pool.release(made.acquire("a"), 0.0, 7)
    assert made.acquire("b").is_granted
    assert made.closed == [7]


def test_without_limits_nobody_waits() -> None:
    made = Recorder(connections=None, per_host=None)
    assert all(made.acquire().is_granted for _ in range(2000))


@for_each(
    "limits",
    [
        *({"connections": 0}, {"per_host": 0}, {"idle": -1}, {"keep_alive": -1.0}),
        *({"keep_alive": float("nan")}, {"idle": None}, {"keep_alive": None}, {"connections": None, "idle": -1}),
    ],
)
def test_limits_that_make_no_sense_are_refused_by_their_names(limits: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        PoolLimits(**limits)
    assert caught.value.parameter == [*limits][-1]


class PoolMachine(RuleBasedStateMachine):
    """Any order of acquiring, giving back, breaking, giving up and waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.closed: set[int] = set()
        self.pool: Pool[int] = Pool(PoolLimits(connections=4, per_host=3, idle=2, keep_alive=5), self._close)
        self.now = 0.0
        self.leases: list[Lease[int]] = []
        self.woken: list[Lease[int]] = []
        self.idle_since: dict[int, float] = {}
        self.hosts: dict[int, str] = {}
        self.made = 0

    def _close(self, connection: int) -> None:
        assert connection not in self.closed, "closed twice"
        assert connection in self.idle_since, "only idle connections are the pool's to close"
        self.closed.add(connection)
        del self.idle_since[connection]

    @rule(host=st.sampled_from(HOSTS))
    def acquire(self, host: str) -> None:
        lease = self.pool.acquire(host, self.now, lambda: self.woken.append(lease))
        self.leases.append(lease)
        self._take()

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), reusable=st.booleans())
    def release(self, data: st.DataObject, reusable: bool) -> None:
        lease = self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1)))
        connection = None
        if reusable and lease.is_granted:
            connection = lease.connection
            if connection is None:
                connection = self.made = self.made + 1
                self.hosts[connection] = str(lease.address)
            self.idle_since[connection] = self.now
        self.pool.release(lease, self.now, connection)
        self._take()

    @rule(seconds=st.floats(0, 6))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def close_idle(self) -> None:
        self.pool.close_idle()
        assert self.pool.idle == 0

    def _take(self) -> None:
        """Look at what was granted by the last step."""
        for lease in self.leases:
            connection = lease.connection
            if lease.is_granted and connection in self.idle_since:
                assert self.hosts[connection] == lease.address
                assert self.now - self.idle_since.pop(connection) < 5, "it had expired"

    @invariant()
    def counts_what_is_used_and_idle(self) -> None:
        assert self.pool.used == sum(lease.is_granted for lease in self.leases)
        assert self.pool.idle == len(self.idle_since)

    @invariant()
    def stays_within_its_limits(self) -> None:
        assert self.pool.used + self.pool.idle <= 4
        for host in HOSTS:
            used = sum(lease.is_granted and lease.address == host for lease in self.leases)
            idle = sum(self.hosts[connection] == host for connection in self.idle_since)
            assert idle <= 2
            assert used + idle <= 3

    @invariant()
    def gives_no_connection_to_two(self) -> None:
        given = [lease.connection for lease in self.leases if lease.is_granted and lease.connection is not None]
        assert len(given) == len(set(given))
        assert not self.closed & set(given)

    @invariant()
    def wakes_only_who_was_granted(self) -> None:
        assert all(lease.is_granted or lease not in self.leases for lease in self.woken)

    @invariant()
    def lets_nobody_wait_without_reason(self) -> None:
        for lease in self.leases:
            if not lease.is_granted:
                used = sum(other.is_granted and other.address == lease.address for other in self.leases)
                assert lease.address not in [self.hosts[connection] for connection in self.idle_since]
                assert used == 3 or self.pool.used == 4


TestPoolMachine = PoolMachine.TestCase
