"""Cards of speaker similarity."""

from espnet_tse.scoring.card import Measure, MetricCard

MEASURES = [
    Measure(
        "resemblyzer",
        1,
        "embedding",
        {"rms_dbfs": -30.0, "vad": False, "partial_frames": 160, "step_frames": 77, "coverage": 0.75},
        ("torch", "resemblyzer"),
        ("resemblyzer",),
        cost_ms=19,
    ),
]

METRICS = [
    MetricCard(
        "spk_resemblyzer",
        "resemblyzer",
        "speaker similarity to the target (Resemblyzer)",
        "up",
        ("inf", "ref"),
        "Cosine of d-vectors of estimate and clean target, both brought to -30 dBFS, no voice activity "
        "detection. Chance level (another speaker) is about 0.55, an untouched 0 dB mixture about 0.76.",
        ceiling=1.0,
        penalty=0.0,
        low=0.0,
        high=1.0,
        natural_length=True,
    ),
    MetricCard(
        "spk_resemblyzer_enroll",
        "resemblyzer",
        "speaker similarity to the enrollment (Resemblyzer)",
        "up",
        ("inf", "enroll"),
        "As spk_resemblyzer, against the enrollment instead of the target: needs no clean target.",
        penalty=0.0,
        low=0.0,
        high=1.0,
        natural_length=True,
    ),
]
