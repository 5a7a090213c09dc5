"""Units as text: equal neighbours merged, then pieces of frequent sequences (byte-pair encoding by sentencepiece)."""

import io
from pathlib import Path
from typing import Iterable, Sequence

from espnet_tse.io.files import atomic_write
from espnet_tse.io.scp import DataError

FIRST_CHARACTER = 0x4E00  # units are written as characters from here on, so that sentencepiece can read them
MOST_UNITS = 20_000  # characters of that block


class UnitPieces:
    """A model of sentencepiece over the characters of units."""

    def __init__(self, model: bytes, where: str = "model"):
        """
        Raises:
            DataError: ``model`` is none of sentencepiece's; names ``where``.
        """
        import sentencepiece

        self.processor = sentencepiece.SentencePieceProcessor()
        try:
            self.processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise DataError(f"{where}: is no model of sentencepiece ({error}); fit it again.") from error

    @classmethod
    def load(cls, path: Path | str) -> "UnitPieces":
        """
        Raises:
            DataError: no such file, or another kind of file.
        """
        path = Path(path)
        if not path.is_file():
            raise DataError(f"{path}: no such file; fit it with --fit NUM_PIECES.")
        return cls(path.read_bytes(), str(path))

    @classmethod
    def fit(cls, rows: Iterable[Sequence[int]], num_units: int, num_pieces: int) -> "UnitPieces":
        """Learn pieces; the same rows give the same ones, whatever the machine.

        Args:
            rows: units of some utterances.
            num_units: K, of the tokenizer; each of them is a piece, seen or not.
            num_pieces: of the vocabulary, the unknown piece included.
        Raises:
            DataError: fewer pieces than units, or more than these rows give.
        """
        import sentencepiece

        if num_units > MOST_UNITS:
            raise DataError(f"{num_units} units are more than can be written as text, {MOST_UNITS}.")
        if num_pieces <= num_units:
            raise DataError(
                f"{num_pieces} pieces are too few: one is for what is unknown and each of {num_units} units is one."
            )
        lines = [text_of(merged(row)) for row in rows]
        if not any(lines):
            raise DataError("there are no units to fit pieces to.")
        written = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                # Each unit once more: one that never occurs would not be a piece, required_chars or not.
                sentence_iterator=iter(
                    [*lines, *map(chr, range(FIRST_CHARACTER, FIRST_CHARACTER + num_units))]
                ),
                model_writer=written,
                model_type="bpe",
                vocab_size=num_pieces,
                character_coverage=1.0,
                # Longer lines would be left out without a word.
                max_sentence_length=max(len(line.encode()) for line in lines) + 1,
                num_threads=1,  # the pieces depend on it
                normalization_rule_name="identity",
                add_dummy_prefix=False,
                remove_extra_whitespaces=False,
                max_sentencepiece_length=16,
                bos_id=-1,
                eos_id=-1,
                unk_id=0,
                minloglevel=2,
            )
        except RuntimeError as error:  # of a vocabulary that cannot be filled
            raise DataError(f"{num_pieces} pieces cannot be had of these units: {error}") from error
        return cls(written.getvalue())

    def save(self, path: Path | str) -> None:
        with atomic_write(path, "wb") as file:
            file.write(self.processor.serialized_model_proto())

    @property
    def num_pieces(self) -> int:
        return self.processor.vocab_size()

    def encode(self, units: Sequence[int]) -> list[int]:
        """Units of one utterance -> pieces, from 1 on."""
        return self.processor.encode(text_of(merged(units)), out_type=int)

    def decode(self, pieces: Sequence[int]) -> list[int]:
        """Pieces -> units, equal neighbours merged; how long each lasts is lost."""
        return [ord(character) - FIRST_CHARACTER for character in self.processor.decode(list(pieces))]


def merged(units: Sequence[int]) -> list[int]:
    """Without the units that repeat the one before."""
    return [unit for place, unit in enumerate(units) if place == 0 or unit != units[place - 1]]


def text_of(units: Iterable[int]) -> str:
    """One character a unit."""
    return "".join(chr(FIRST_CHARACTER + unit) for unit in units)
