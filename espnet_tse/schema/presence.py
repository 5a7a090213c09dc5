"""Whether an enrolled voice is in a mixture, as an extraction tells it."""

from dataclasses import dataclass, fields
from typing import Any, Mapping

MEASURES = ("similarity", "level_db")
SHORT_SPEECH_S = 1.0  # an enrollment with less speech tells little of a voice
# Of less speech, or of a shorter output, a verdict is wrong far more often than the error rates say.
JUDGED_S = 2.0


@dataclass(frozen=True)
class PresenceThreshold:
    """From where on a system's output has the enrolled voice; ``presence`` in a packed system's ``manifest.json``."""

    measure: str  # of MEASURES, the one that separates better on the development set
    threshold: float  # where both errors are equal on the development set
    miss_rate: float  # on the test set: mixtures with the voice whose output falls below
    false_alarm_rate: float  # on the test set: mixtures without the voice whose output does not
    num_present: int  # rows of the test set
    num_absent: int

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "PresenceThreshold":
        """
        Raises:
            ValueError: not these fields, or values that are none.
        """
        names = [field.name for field in fields(cls)]
        if set(content) != set(names):
            raise ValueError(f"has {', '.join(content)}, wants {', '.join(names)}")
        if content["measure"] not in MEASURES:
            raise ValueError(f"measure is {content['measure']!r}, wants one of {', '.join(MEASURES)}")
        for name in names[1:]:
            if isinstance(content[name], bool) or not isinstance(content[name], (int, float)):
                raise ValueError(f"{name} is {content[name]!r}, wants a number")
        return cls(**content)


@dataclass(frozen=True)
class Presence:
    """What is known of one extraction."""

    enrollment_s: float
    speech_s: float  # of the enrollment
    similarity: (
        float | None
    )  # cosine of speaker embeddings of enrollment and estimate, where they were compared
    level_db: float  # of the estimate against the mixture, before it is brought to the mixture's level
    present: bool | None = None  # None where the system has no threshold, and of less than JUDGED_S

    def sentence(self, threshold: PresenceThreshold | None) -> str:
        """For a user: what ``espnet-tse extract`` prints."""
        heard = enrollment_in_words(self.enrollment_s, self.speech_s)
        measured = f"similarity {self.similarity:.2f}, level {round(self.level_db)} dB"
        if threshold is None:
            return f"{heard}; output against it: {measured}"
        if self.present is None:
            return (
                f"{heard}; whether the output has the enrolled voice cannot be said of less than {JUDGED_S:.0f} s of "
                f"speech or of mixture ({measured})"
            )
        verdict, rate, which = (
            ("likely", threshold.false_alarm_rate, "without")
            if self.present
            else ("unlikely", threshold.miss_rate, "with")
        )
        return (
            f"{heard}; output has the enrolled voice: {verdict} ({measured}; wrong for {100 * rate:.0f} % of test mixtures "
            f"{which} it)"
        )


def enrollment_in_words(duration_s: float, speech_s: float) -> str:
    return f"enrollment: {duration_s:.1f} s, {100 * speech_s / duration_s:.0f} % speech"
