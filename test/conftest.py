"""What holds for every test: nothing is fetched."""

import socket

import pytest

LOCAL = ("localhost", "127.0.0.1", "::1", "", None)


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch):
    """An attempt to reach another machine fails the test: browsers and processes are on this one."""
    connect, connect_ex, find = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(host: str | bytes | None) -> None:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in (*LOCAL, socket.gethostname()):
            raise AssertionError(f"a test asked for {name}; tests run without a network")

    def checked(call):
        def reach(self, address):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                check(address[0])
            return call(self, address)

        return reach

    def look_up(host, *args, **kwargs):
        check(host)
        return find(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", checked(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", checked(connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
