"""Cards of what goes wrong in target speaker extraction."""

from espnet_tse.scoring.card import Measure, MetricCard

MEASURES = [
    Measure("confusion", 1, "derived", {"speaker_model": "resemblyzer"}),
    Measure("failure", 1, "derived", {"threshold_db": 1.0}),
]

METRICS = [
    MetricCard(
        "conf_rate",
        "confusion",
        "speaker confusion rate",
        "down",
        ("inf", "ref", "intf"),
        "Share of utterances whose estimate is nearer (Resemblyzer cosine) to an interferer than to the "
        "target.",
        ceiling=0.0,
        penalty=1.0,
        low=0.0,
        high=1.0,
        natural_length=True,
    ),
    MetricCard(
        "fail_rate",
        "failure",
        "failure rate",
        "down",
        ("inf", "ref", "mix"),
        "Share of utterances with si_sdr_i below 1 dB; means something for sample-aligned outputs only.",
        penalty=1.0,
        low=0.0,
        high=1.0,
    ),
]
