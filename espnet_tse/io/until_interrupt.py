"""An input that Ctrl-C ends as its own end would, so that what was made of it is kept."""

import signal
from contextlib import closing
from typing import Generator, Generic, Iterator, TypeVar

Item = TypeVar("Item")


class UntilInterrupt(Generic[Item]):
    """Items of a source until it ends or Ctrl-C comes, which stops no work on an item; a second one does."""

    def __init__(self, source: Generator[Item, None, None]):
        self.source = source
        self.interrupted = False
        self.waiting = False  # for the source

    def __iter__(self) -> Iterator[Item]:
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.SIG_IGN:  # as shells have it for what runs in the background
            signal.signal(signal.SIGINT, self._note)
        try:
            with closing(self.source):
                while not self.interrupted:
                    try:
                        self.waiting = True
                        item = next(self.source)
                    except (StopIteration, KeyboardInterrupt):
                        return
                    finally:
                        self.waiting = False
                    yield item
        finally:
            signal.signal(signal.SIGINT, before)

    def _note(self, number: int, frame: object) -> None:
        again, self.interrupted = self.interrupted, True
        if again or self.waiting:
            raise KeyboardInterrupt
