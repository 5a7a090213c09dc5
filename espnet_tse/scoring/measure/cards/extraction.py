"""Cards of the typical failures of target speaker extraction."""

from espnet_tse.scoring.measure.card import Measure, MetricCard

MEASURES = [
    Measure("confusion", 1, "derived", {"speaker_model": "resemblyzer"}),
    Measure("source_confusion", 2, "derived"),
    Measure("failure", 2, "derived", {"threshold_db": 1.0}),
    Measure(
        "over_suppression",
        1,
        "pair",
        {"bands": 24, "n_fft": 512, "hop": 256, "suppressed_db": 10.0, "gain": "weighted median"},
        cost_ms=6,
    ),
    Measure("edge_losses", 2, "pair", {"edge_s": 0.1, "activity_db": 30.0, "max_db": 60.0}, cost_ms=1),
    Measure(
        "false_extraction", 2, "absence", {"activity_db": 30.0, "min_db": -100.0, "max_db": 20.0}, cost_ms=1
    ),
    Measure("overlap", 2, "scene", {"frame_s": 0.01, "activity_db": 30.0}, cost_ms=1),
]

_ACTIVE = "A frame of 10 ms is active where it is less than 30 dB below the loudest, means removed. "
_ABSENT = (
    "Only for utterances whose target is absent (--absent), where silence is the right answer; of the estimate as it was "
    "given, before --level. "
)

METRICS = [
    MetricCard(
        "conf_rate",
        "confusion",
        "wrong-speaker rate, by voice",
        "down",
        ("inf", "ref", "intf"),
        "Share of utterances whose estimate is nearer (cosine of the best speaker model among the metrics, else "
        "Resemblyzer) to an interferer than to the target. A failed estimate counts as one. Outputs need not "
        "be sample-aligned.",
        "Unreliable for similar voices and for estimates below a second; about half of the unprocessed 0 dB "
        "mixtures count as wrong.",
        ceiling=0.0,
        penalty=1.0,
        low=0.0,
        high=1.0,
        natural_length=True,
    ),
    MetricCard(
        "conf_si_sdr",
        "source_confusion",
        "wrong-speaker rate, by SI-SDR",
        "down",
        ("inf", "ref", "intf"),
        "Share of utterances whose estimate has a higher SI-SDR against an interferer (padded or cut to the target's length) "
        "than against the target. A failed estimate counts as one. Exact for outputs that are sample-aligned.",
        "For generative outputs both SI-SDRs are noise and the rate tends to a half: read conf_rate there.",
        ceiling=0.0,
        penalty=1.0,
        low=0.0,
        high=1.0,
    ),
    MetricCard(
        "fail_rate",
        "failure",
        "failure rate",
        "down",
        ("inf", "ref", "mix"),
        "Share of utterances with si_sdr_i below 1 dB; leaves out what that leaves out.",
        "Meaningful only for sample-aligned outputs; a mixture at 20 dB has little to gain and counts as failed.",
        penalty=1.0,
        low=0.0,
        high=1.0,
    ),
    MetricCard(
        "over_suppression",
        "over_suppression",
        "over-suppression ratio",
        "down",
        ("inf", "ref"),
        "Share of the target's energy in cells (24 mel bands every 16 ms) where the estimate, after the one gain "
        "that most cells ask for, is more than 10 dB weaker.",
        "Blind to what is added: a mixture loses nothing. A wrong speaker and noise score near 1, for the "
        "target is gone.",
        ceiling=0.0,
        penalty=1.0,
        low=0.0,
        high=1.0,
    ),
    MetricCard(
        "onset_loss",
        "edge_losses",
        "onset damping",
        "down",
        ("inf", "ref"),
        "Level lost in the first 100 ms of the target's activity against its middle, relative to the target: "
        "10 log10(G_middle / G_onset) with G the energy of estimate over target, from 0 (a boost makes up for "
        "nothing) to 60 dB. " + _ACTIVE + "Targets that are active for less than 0.4 s are excluded.",
        "Energy of an interferer fills the loss: read it beside the wrong-speaker rates.",
        ceiling=0.0,
        penalty=60.0,
        low=0.0,
        high=60.0,
        unit="dB",
    ),
    MetricCard(
        "offset_loss",
        "edge_losses",
        "offset damping",
        "down",
        ("inf", "ref"),
        "As onset_loss, in the last 100 ms of the target's activity: 60 dB where an output stops early.",
        "As onset_loss; reverberation or ringing in the output fills it as well.",
        ceiling=0.0,
        penalty=60.0,
        low=0.0,
        high=60.0,
        unit="dB",
        position=1,
    ),
    MetricCard(
        "absent_leak",
        "false_extraction",
        "false extraction, level",
        "down",
        ("inf", "mix", "absent"),
        _ABSENT + "Energy of the estimate relative to the mixture, means removed, -100 to 20 dB. An output "
        "that is missing or cannot be read gets the penalty.",
        "Follows the output's level: a system that is quiet everywhere looks good here (read est_dbfs).",
        penalty=20.0,
        low=-100.0,
        high=20.0,
        unit="dB",
        natural_length=True,
        when="absent",
    ),
    MetricCard(
        "absent_activity",
        "false_extraction",
        "false extraction, activity",
        "down",
        ("inf", "mix", "absent"),
        _ABSENT
        + "Share of the mixture's active frames in which the estimate is active too, both by the mixture's "
        "threshold. " + _ACTIVE.strip(),
        "Counts how often, not how loud: hum above the threshold is as bad as speech.",
        penalty=1.0,
        low=0.0,
        high=1.0,
        natural_length=True,
        position=1,
        when="absent",
    ),
]
