import os
import signal
import time

import pytest

from espnet_tse.io.until_interrupt import UntilInterrupt


@pytest.fixture(autouse=True)
def interrupts_are_heard():
    """Also where the tests run in the background of a shell, which ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_without_an_interrupt_all_items_come():
    items = UntilInterrupt(iter_of(range(3)))
    assert list(items) == [0, 1, 2] and not items.interrupted


def iter_of(values):
    yield from values


def test_an_interrupt_during_work_ends_the_items_behind_it():
    handler, items, done = signal.getsignal(signal.SIGINT), UntilInterrupt(iter_of(range(10))), []
    for item in items:
        if item == 2:
            interrupt()
        done.append(item)
    assert done == [0, 1, 2] and items.interrupted and signal.getsignal(signal.SIGINT) is handler


def test_an_interrupt_while_waiting_closes_the_source():
    closed = []

    def source():
        try:
            yield 0
            interrupt()
            time.sleep(10)
            yield 1
        finally:
            closed.append(True)

    items = UntilInterrupt(source())
    assert list(items) == [0] and items.interrupted and closed


def test_a_second_interrupt_is_an_ordinary_one():
    with pytest.raises(KeyboardInterrupt):
        for _ in UntilInterrupt(iter_of(range(10))):
            interrupt()
            interrupt()


def test_what_ignores_interrupts_goes_on_doing_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        items = UntilInterrupt(iter_of(range(3)))
        for _ in items:
            interrupt()
        assert not items.interrupted and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
