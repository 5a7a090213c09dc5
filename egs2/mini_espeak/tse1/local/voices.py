"""The speakers of mini_espeak: voice variant x accent x pitch x rate, disjoint between the sets."""

import random

from espeak_synthesis import Voice

from espnet_tse.io.scp import DataError

# espeak-ng's variants sound from plausible to novelty. Kept are those of which a speech recogniser
# (pocketsphinx with a grammar of the sentences) got at least half of the words of clean speech.
FEMALE_VARIANTS = ["f1", "f2", "f3", "f4", "f5", "anika", "aunty", "steph", "steph2", "steph3"]
MALE_VARIANTS = [
    *("m1", "m2", "m3", "m4", "m5", "m6", "m8", "Denis", "Gene", "Reed", "adam", "benjamin", "david"),
    *("ed", "edward", "john", "michel", "miguel", "pablo", "sandro", "Hugo", "Diogo", "victor"),
]
# The clearest of them (two thirds of the words) speak in dev and test, so that a word error rate
# of the extracted speech tells about the extraction and not about the voice.
CLEAR_FEMALE_VARIANTS = ["f2", "f5", "f3", "f1", "anika", "steph2"]
CLEAR_MALE_VARIANTS = ["m5", "michel", "edward", "sandro", "m6", "Reed", "m3", "Hugo", "benjamin"]

ACCENTS = [
    *("en-US", "en", "en-GB-x-rp", "en-GB-scotland"),
    *("en-US-nyc", "en-029", "en-GB-x-gbclan", "en-GB-x-gbcwmd"),
]
CLEAR_ACCENTS = ["en-US", "en", "en-GB-x-rp"]
PITCHES = [24, 36, 48, 60, 72]  # of espeak-ng's 0..100; a variant's own is 50


def _draw(
    draw: random.Random, name: str, count: int, variants: list[str], accents: list[str], used: set
) -> list[Voice]:
    """``count`` voices of a set, as evenly over the variants as possible, no (variant, accent) twice."""
    voices = []
    queue: list[str] = []
    while len(voices) < count:
        if not queue:
            queue = [v for v in variants if any((v, a) not in used for a in accents)]
            if not queue:
                raise DataError(
                    f"{name}: only {len(voices)} of {count} speakers of one sex can be made of "
                    f"{len(variants)} variants x {len(accents)} accents; ask for fewer speakers "
                    f"(--{name}_speakers)."
                )
            draw.shuffle(queue)
        variant = queue.pop()
        accent = draw.choice([a for a in accents if (variant, a) not in used])
        used.add((variant, accent))
        # The pitches of a set spread over the range, and a variant that comes round again has moved on.
        number = len(voices)
        pitch = PITCHES[(2 * number + number // len(variants)) % len(PITCHES)] + draw.randint(-4, 4)
        voices.append(Voice(variant, accent, pitch, draw.randint(35, 75), draw.randint(112, 148)))
    return voices


def make_speakers(num_train: int, num_dev: int, num_test: int, seed: int) -> dict[str, dict[str, Voice]]:
    """The speakers of each set, half female, half male.

    Dev and test are drawn first, so that their speakers do not depend on the size of train; within
    them no two speakers share a variant while there are enough variants.

    Returns:
        set name -> speaker id -> voice; ids sort as the sets train, dev, test.
    Raises:
        DataError: more speakers are wanted than (variant, accent) pairs exist.
    """
    draw = random.Random(seed)
    used: set[tuple[str, str]] = set()
    sizes = {"test": num_test, "dev": num_dev, "train": num_train}
    voices = {}
    for name, count in sizes.items():
        clear = name != "train"
        females = CLEAR_FEMALE_VARIANTS if clear else FEMALE_VARIANTS
        males = CLEAR_MALE_VARIANTS if clear else MALE_VARIANTS
        accents = CLEAR_ACCENTS if clear else ACCENTS
        half = count // 2
        female = _draw(draw, name, half, females, accents, used)
        male = _draw(draw, name, count - half, males, accents, used)
        mixed = female + male
        draw.shuffle(mixed)
        voices[name] = mixed
    speakers: dict[str, dict[str, Voice]] = {}
    number = 0
    for name in ("train", "dev", "test"):
        speakers[name] = {}
        for voice in voices[name]:
            number += 1
            speakers[name][f"esp{number:03d}"] = voice
    return speakers
