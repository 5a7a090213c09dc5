"""Cards of speaker similarity."""

from espnet_tse.scoring.measure.card import Measure, MetricCard

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
    Measure(
        "wavlm_sv",
        1,
        "embedding",
        {"model": "WavLMForXVector", "batch": 1, "shortest_s": 0.325, "repeat_to_s": 0.5, "clip": 1.0},
        ("torch", "transformers"),
        ("wavlm_sv",),
        cost_ms=796,
        extra="score-nn",
    ),
    Measure(
        "wespeaker",
        1,
        "embedding",
        {"mel_bins": 80, "window": "hamming", "dither": 0, "scale": 32768, "vad": False}
        | {"shortest_s": 0.3, "repeat_to_s": 0.5, "clip": 1.0},
        ("onnxruntime", "torchaudio"),
        ("wespeaker",),
        cost_ms=1105,
    ),
]


def _pair(
    name: str, measure: str, model: str, definition: str, trap: str, mapped: bool = False
) -> list[MetricCard]:
    """The two columns of a speaker model: against the clean target and against the enrollment."""
    limits = {"penalty": 0.0, "low": 0.0, "high": 1.0, "natural_length": True, "mapped": mapped}
    return [
        MetricCard(
            name,
            measure,
            f"speaker similarity to the target ({model})",
            "up",
            ("inf", "ref"),
            definition,
            trap,
            ceiling=1.0,
            **limits,
        ),
        MetricCard(
            f"{name}_enroll",
            measure,
            f"speaker similarity to the enrollment ({model})",
            "up",
            ("inf", "enroll"),
            f"As {name}, against the enrollment instead of the target: needs no clean target.",
            "Two recordings of one speaker differ: even the clean target stays below 1 (Resemblyzer 0.86). "
            "" + trap,
            **limits,
        ),
    ]


METRICS = [
    *_pair(
        "spk_resemblyzer",
        "resemblyzer",
        "Resemblyzer",
        "Cosine of d-vectors of estimate and clean target, both brought to -30 dBFS, no voice activity "
        "detection.",
        "Chance level (another speaker) is about 0.55 and not 0, an unprocessed 0 dB mixture has about 0.76.",
    ),
    *_pair(
        "spk_wavlm",
        "wavlm_sv",
        "WavLM-SV",
        "Cosine of x-vectors of WavLM, fine-tuned for speaker verification, each signal alone (padding in a batch "
        "leaks through the group norm). Below 0.325 s a signal is repeated to 0.5 s.",
        "An unprocessed two-speaker mixture has about 0.85 (published). A system that picks its best "
        "candidate by this model "
        "flatters itself.",
    ),
    *_pair(
        "spk_wespeaker",
        "wespeaker",
        "WeSpeaker ResNet221-LM",
        "Cosine of embeddings of 80 Kaldi filterbanks (Hamming window, samples times 32768, time mean removed), no "
        "voice activity detection. Below 0.3 s a signal is repeated to 0.5 s.",
        "Its own command line used to print raw cosines and now prints mapped ones: state which. Pauses count, "
        "because none are removed.",
    ),
    *_pair(
        "spk_wespeaker01",
        "wespeaker",
        "WeSpeaker ResNet221-LM, mapped",
        "(cosine + 1) / 2 of spk_wespeaker, as current WeSpeaker prints it; the column of LauraTSE.",
        "Its chance level is 0.5 and an unprocessed two-speaker mixture has about 0.76 (published): do not "
        "compare with raw "
        "cosines.",
        mapped=True,
    ),
]
