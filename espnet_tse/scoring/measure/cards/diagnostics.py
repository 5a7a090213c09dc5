"""Cards of properties of the estimate that are neither good nor bad."""

from espnet_tse.scoring.measure.card import Measure, MetricCard

MEASURES = [Measure("signal", 1, "derived", {"clip_at": 0.999}), Measure("decoding_time", 1, "derived")]

METRICS = [
    MetricCard(
        "len_ratio",
        "signal",
        "duration of the estimate / of the target",
        "none",
        ("inf", "ref"),
        "Diagnostic; the share outside 0.9..1.1 is given beside it. 0 for a missing estimate.",
        "The mean can hide errors: too short and too long estimates cancel out.",
        ceiling=1.0,
        penalty=0.0,
        natural_length=True,
    ),
    MetricCard(
        "est_dbfs",
        "signal",
        "level of the estimate",
        "none",
        ("inf",),
        "Diagnostic; RMS relative to full scale.",
        "DNSMOS, NISQA and UTMOS depend on the level: compare them only between systems of similar level. An estimate "
        "whose active frames are more than 40 dB below those of the target (without one, of the mixture), or more than "
        "20 dB and its level does not follow theirs, counts as silent in every metric.",
        unit="dBFS",
        natural_length=True,
        when="always",
    ),
    MetricCard(
        "clip_frac",
        "signal",
        "clipped share of the estimate",
        "none",
        ("inf",),
        "Diagnostic; share of samples with |x| >= 0.999.",
        "Clipping that was scaled down afterwards is not seen.",
        natural_length=True,
        when="always",
    ),
    MetricCard(
        "rtf",
        "decoding_time",
        "real-time factor of the extraction",
        "none",
        ("inf", "utt2rtf"),
        "Diagnostic; computing time over duration as recorded by the decoder (--utt2rtf), nothing is measured here. "
        "An utterance without a value is left out.",
        "Of its machine, threads and batch: compare only what ran on the same ones. Loading a model may be in "
        "it.",
        natural_length=True,
        when="always",
    ),
]
