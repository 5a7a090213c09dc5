"""How an extraction is carried out, whatever the system; each model adds settings of its own."""

import math
from dataclasses import dataclass, fields

SHORTEST_CHUNK_S, SHORTEST_OVERLAP_S = 0.1, 0.001  # s; below, no system has a frame
LEVELS = ("mixture_rms", "mixture_peak", "none")
ENROLLED = ("tse", "rtse")  # the tasks with an enrollment


@dataclass(frozen=True)
class DecodeConf:
    """The shared part of a decoding YAML; a model's ``Decode`` derives from it."""

    task: str = "tse"  # one of ``schema.tse_batch.TASKS`` that the model was made for
    seed: int = 0  # with the utterance id it seeds each row's own draws
    max_chunk_s: float = 15.0  # longer mixtures are extracted in overlapping chunks
    overlap_s: float = 1.0  # of neighbouring chunks, cross-faded
    level: str | None = None  # what the estimate's level follows; None leaves it to the system
    candidates: int = 1  # estimates drawn for each mixture, of which the selector keeps one
    selector: str = "speaker_similarity"  # how one of several candidates is chosen
    corrector: str | None = None  # folder of a trained corrector, which has the last word

    def __post_init__(self):
        if faults := self.faults():
            raise ValueError("; ".join(faults) + ".")

    def faults(self) -> list[str]:
        """What is wrong with the values; classes that derive from this add theirs."""
        faults = []
        if self.level is not None and self.level not in LEVELS:
            faults.append(f"level '{self.level}' is none of {list(LEVELS)}")
        faults += self.faults_of_chunks()
        if self.corrector == "":
            faults.append("corrector is empty; name the folder of a trained one, or leave it out")
        if self.candidates < 1:
            faults.append(f"candidates is {self.candidates}, want 1 or more")
        elif self.candidates > 1 and not self.draws:
            faults.append(
                f"candidates: {self.candidates} would all be the same, since nothing is drawn; {self.undrawn}"
            )
        elif self.candidates > 1 and self.task not in ENROLLED:
            faults.append(
                f"candidates: {self.candidates} are compared with an enrollment, and task {self.task} has none; leave it out"
            )
        return faults

    def faults_of_chunks(self) -> list[str]:
        """What is wrong with their lengths; None, of settings that leave them to a system, is not."""
        chunk, overlap, faults = self.max_chunk_s, self.overlap_s, []
        if chunk is not None and not SHORTEST_CHUNK_S <= chunk < math.inf:
            faults.append(f"max_chunk_s is {chunk}, want seconds, {SHORTEST_CHUNK_S} or more")
        longest = math.inf if chunk is None else chunk / 2
        if overlap is not None and not SHORTEST_OVERLAP_S <= overlap < longest:
            faults.append(
                f"overlap_s {overlap} must lie between {SHORTEST_OVERLAP_S} and half of max_chunk_s {chunk}"
            )
        return faults

    @property
    def undrawn(self) -> str:
        """What to do about candidates that do not differ."""
        return "leave it out"

    @property
    def draws(self) -> bool:
        """Whether two extractions with different seeds may differ."""
        return False

    @property
    def wants_truth(self) -> bool:
        """Whether an extraction is handed the clean target, whose scores are then no result of extraction."""
        return False

    def changed(self, *names: str) -> list[str]:
        """``name: value`` of the settings that differ from their defaults, as in a YAML."""
        defaults = {field.name: field.default for field in fields(self)}
        values = {name: getattr(self, name) for name in names if getattr(self, name) != defaults[name]}
        return [
            f"{name}: {str(value).lower() if isinstance(value, bool) else value}"
            for name, value in values.items()
        ]
