"""Units as text: equal neighbours merged, then pieces of frequent sequences (byte-pair encoding by sentencepiece)."""

import io
import json
from pathlib import Path
from typing import Iterable, Sequence

from espnet_tse.io.files import atomic_write, write_json
from espnet_tse.io.scp import DataError

FIRST_CHARACTER = 0x4E00  # units are written as characters from here on, so that sentencepiece can read them
MOST_UNITS = 20_000  # characters of that block
LONGEST = 50_000  # characters of a line to fit; sentencepiece ends the process at 65,536


class UnitPieces:
    """A model of sentencepiece over the characters of units, and whose units they are."""

    def __init__(self, model: bytes, tokenizer: str, where: str = "model"):
        """
        Args:
            tokenizer: identity of the codes that it was fitted to.
        Raises:
            DataError: ``model`` is none of sentencepiece's; names ``where``.
        """
        import sentencepiece

        self.tokenizer = tokenizer
        self.processor = sentencepiece.SentencePieceProcessor()
        try:
            self.processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise DataError(f"{where}: is no model of sentencepiece ({error}); fit it again.") from error

    @classmethod
    def load(cls, path: Path | str) -> "UnitPieces":
        """
        Raises:
            DataError: no such files, or other kinds of files.
        """
        path = Path(path)
        for file in (path, description_of(path)):
            if not file.is_file():
                raise DataError(f"{file}: no such file; fit it with --fit NUM_PIECES.")
        try:
            tokenizer = json.loads(description_of(path).read_text(encoding="utf-8"))["tokenizer"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{description_of(path)}: cannot be read ({error!r}); fit it again.") from None
        return cls(path.read_bytes(), tokenizer, str(path))

    @classmethod
    def fit(
        cls, rows: Iterable[Sequence[int]], num_units: int, num_pieces: int, tokenizer: str
    ) -> "UnitPieces":
        """Learn pieces; the same rows give the same ones, whatever the machine.

        Args:
            rows: units of some utterances.
            tokenizer: identity of the units' codec.
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
        whole = [text_of(merged(row)) for row in rows]
        lines = [line[start : start + LONGEST] for line in whole for start in range(0, len(line), LONGEST)]
        if not lines:
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
                max_sentence_length=max(10, *(len(line.encode()) for line in lines)) + 1,
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
            raise DataError(
                f"{num_pieces} pieces cannot be had of these units, which repeat too little; want fewer."
            ) from error
        return cls(written.getvalue(), tokenizer)

    def save(self, path: Path | str) -> None:
        """The model, and beside it, with ``.json`` behind its name, whose units it is of."""
        write_json(description_of(Path(path)), {"tokenizer": self.tokenizer})
        with atomic_write(path, "wb") as file:
            file.write(self.processor.serialized_model_proto())

    def check_tokenizer(self, tokenizer: str, where: str) -> None:
        """Raise DataError for units of another tokenizer than those that the pieces are of."""
        if tokenizer != self.tokenizer:
            raise DataError(
                f"{where}: units of another tokenizer ({tokenizer[:12]}) than the pieces are of ({self.tokenizer[:12]}); fit "
                "pieces to these units."
            )

    @property
    def num_pieces(self) -> int:
        return self.processor.vocab_size()

    def encode(self, units: Sequence[int]) -> list[int]:
        """Units of one utterance -> pieces, from 1 on."""
        return self.processor.encode(text_of(merged(units)), out_type=int)

    def decode(self, pieces: Sequence[int]) -> list[int]:
        """Pieces -> units, equal neighbours merged; how long each lasts is lost."""
        return [ord(character) - FIRST_CHARACTER for character in self.processor.decode(list(pieces))]


def description_of(path: Path) -> Path:
    """The file beside a model that says whose units it is of."""
    return path.with_name(f"{path.name}.json")


def merged(units: Sequence[int]) -> list[int]:
    """Without the units that repeat the one before."""
    return [unit for place, unit in enumerate(units) if place == 0 or unit != units[place - 1]]


def text_of(units: Iterable[int]) -> str:
    """One character a unit."""
    return "".join(chr(FIRST_CHARACTER + unit) for unit in units)
