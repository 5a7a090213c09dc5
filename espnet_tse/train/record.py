"""What a training notes: figures, log lines, curves, files of weights; systems by epoch, codecs by step."""

from abc import ABC, abstractmethod

from espnet_tse.train.update import UpdateResult


class AbsRecord(ABC):
    """Kept by every process; only the first writes."""

    num_epochs: int  # of the whole training; after each comes a validation

    @abstractmethod
    def resume(self, states: dict) -> tuple[int, dict | None]:
        """Go on from ``states`` of a checkpoint.

        Returns:
            the epochs that are done, and the place in the next one, None at its start: ``num_batches`` and
            ``num_updates`` of it that are done, of ``total_batches``.
        """

    @abstractmethod
    def state_dict(self, epochs_done: int) -> dict:
        """What a checkpoint holds of the record."""

    def check(self, measured: dict[str, float]) -> None:
        """``measured``: the statistics of a validation, before anything is trained for them."""

    def open(self, updates_to_go: int) -> None:
        """Before the first epoch of this start."""

    @abstractmethod
    def start_epoch(self, epoch: int, num_updates: int, place: dict | None) -> None:
        """``num_updates`` are those of the whole epoch, ``place`` is as ``resume`` gave it."""

    @abstractmethod
    def add(self, result: UpdateResult, waited_s: float, passed_s: float, rates: dict[str, float]) -> None:
        """Note an update, and log where it is time to.

        Args:
            waited_s: for its data.
            passed_s: since the one before.
            rates: scale of the loss, and learning rates.
        """

    @abstractmethod
    def is_checkpoint_due(self) -> bool:
        """Whether one is to be written inside the epoch, after this update."""

    def place(self) -> dict:
        """Of an unfinished epoch, besides numbers of batches and updates."""
        return {}

    @abstractmethod
    def validated(self, epoch: int, stats: dict[str, float], weight: float) -> None:
        """End the epoch with the statistics of its validation."""

    def value_of(self, phase: str, name: str) -> float:
        """A mean over the last epoch."""
        raise NotImplementedError(f"{type(self).__name__} keeps no means.")

    def keep(self, epoch: int, weights: dict) -> None:
        """Log the epoch and write its weights."""

    def publish(self, epoch: int) -> None:
        """Say which weights are the best, once the checkpoint of the epoch is written."""

    def nothing_improves(self) -> bool:
        """Whether the training is to end before its last epoch."""
        return False

    def close(self) -> None:
        """After the last epoch."""
