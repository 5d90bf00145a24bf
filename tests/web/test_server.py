"""The listening socket, and what signals mean to a serving process."""

from __future__ import annotations

import signal
import socket

import pytest

from bookstrack.assembly import Running
from bookstrack.errors import ConfigurationProblem
from bookstrack.web.listening import open_socket
from bookstrack.web.server import Stopping


def test_any_free_port():
    with open_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 1).close()


def test_both_kinds_of_addresses():
    try:
        listener = open_socket("::1", 0)
    except ConfigurationProblem:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert listener.family is socket.AF_INET6


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_somebody_else(host):
    with pytest.raises(ConfigurationProblem) as caught:
        open_socket(host, 0)
    assert caught.value.variable == "BOOKSTRACK_PORT"
    assert caught.value.message.startswith(f"BOOKSTRACK_PORT: cannot listen on {host}:0: ")


def test_the_first_signal_begins_the_grace_and_handlers_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    running, ends = Running(started=0.0), []
    with Stopping(grace_s=60, supervised=True, exit_after=ends.append) as stopping:
        stopping.tell(running)
        assert (stopping.asked, stopping.left, running.draining) == (False, 60, False)
        signal.raise_signal(signal.SIGTERM)
        assert (stopping.asked, running.draining) == (True, True)
        assert 59 < stopping.left <= 60
        signal.raise_signal(signal.SIGINT)  # a supervised process leaves it to the supervisor
        assert ends == [61]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_signal_during_the_start_is_not_lost():
    running, ends = Running(started=0.0), []
    with Stopping(grace_s=60, supervised=False, exit_after=ends.append) as stopping:
        signal.raise_signal(signal.SIGINT)
        stopping.tell(running)
    assert running.draining is True
