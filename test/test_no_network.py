"""The guard of all tests works."""

import socket
import urllib.request

import pytest


def test_other_machines_are_out_of_reach():
    with pytest.raises(AssertionError, match="without a network"):
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)
    with pytest.raises(AssertionError, match="asked for example.com"):
        urllib.request.urlopen("http://example.com", timeout=0.1)


def test_this_machine_is_not():
    with socket.create_server(("localhost", 0)) as server:
        socket.create_connection(server.getsockname()[:2], timeout=1).close()
