"""What every metric is: one card each, from which ``--list_metrics`` and doc/metrics.md are made.

Two tables. A ``Measure`` is something computed from signals and cached (one network run may serve
four metrics); a ``MetricCard`` is a column of the results. Only the standard library is imported here,
so that ``--help`` and ``--list_metrics`` work with nothing else installed.

Raise a measure's ``version`` whenever its numbers change: caches and signatures follow it.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measure:
    """Something computed once per signal (or pair of signals) and cached by content.

    ``packages`` are distributions that must be installed, ``weights`` names of files in ``weights.py``,
    ``cost_ms`` CPU milliseconds per 5 s utterance (per window of 9.01 s for DNSMOS) for the estimate
    of the running time.
    """

    name: str
    version: int
    settings: dict = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    cost_ms: float = 0.0


@dataclass(frozen=True)
class MetricCard:
    """One column of the results.

    ``direction``: "up" (higher is better), "down" or "none" (diagnostic). ``inputs``: the scp files it
    needs, "inf" being the estimate. ``penalty``: the value an estimate-side failure gets.
    ``low``/``high``: the valid range; a value below ``low`` is raised to it, so that no output can score
    worse than a missing one (ESTOI of an uncorrelated output may come out slightly negative).
    ``natural_length``: computed on the estimate as it is, not cut to the target's length.
    """

    name: str
    measure: str
    title: str
    direction: str
    inputs: tuple[str, ...]
    definition: str
    ceiling: float | None = None
    penalty: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    natural_length: bool = False

    @property
    def version(self) -> int:
        return MEASURES[self.measure].version

    @property
    def higher_is_better(self) -> bool | None:
        return {"up": True, "down": False, "none": None}[self.direction]


def _by_name(entries: list) -> dict:
    table = {entry.name: entry for entry in entries}
    assert len(table) == len(entries), "a name stands twice in the registry"
    return table


_DNSMOS_SETTINGS = {"window_s": 9.01, "hop_s": 1.0, "short": "double", "clip": 1.0}

MEASURES: dict[str, Measure] = _by_name(
    [
        Measure("si_sdr", 1, {"zero_mean": True, "clamp_db": 100.0}, cost_ms=1.5),
        Measure("sdr", 1, {"taps": 512, "zero_mean": True, "clamp_db": 100.0}, cost_ms=24),
        Measure("pesq", 1, {"mode": "wb", "rate": 16000, "max_s": 30.0}, ("pesq",), cost_ms=69),
        Measure("pesq_nb", 1, {"mode": "nb", "rate": 8000, "max_s": 30.0}, ("pesq",), cost_ms=50),
        Measure("stoi", 1, {"extended": False, "seed": 0}, ("pystoi",), cost_ms=19),
        Measure("estoi", 1, {"extended": True, "seed": 0}, ("pystoi",), cost_ms=35),
        Measure(
            "dnsmos",
            1,
            _DNSMOS_SETTINGS,
            ("onnxruntime", "speechmos"),
            ("dnsmos_primary", "dnsmos_p808"),
            cost_ms=184,
        ),
        Measure("pdnsmos", 1, _DNSMOS_SETTINGS, ("onnxruntime", "speechmos"), ("pdnsmos",), cost_ms=175),
        Measure(
            "resemblyzer",
            1,
            {"rms_dbfs": -30.0, "vad": False, "partial_frames": 160, "step_frames": 77, "coverage": 0.75},
            ("torch", "resemblyzer"),
            ("resemblyzer",),
            cost_ms=19,
        ),
        Measure(
            "pocketsphinx",
            1,
            {"model": "en-us", "reinit": "every utterance", "maxhmmpf": 3000, "maxwpf": 5},
            ("pocketsphinx",),
            ("pocketsphinx",),
            cost_ms=1500,
        ),
        # Derived columns: arithmetic on the measures above, or on the samples themselves.
        Measure("improvement", 1),
        Measure("confusion", 1, {"speaker_model": "resemblyzer"}),
        Measure("failure", 1, {"threshold_db": 1.0}),
        Measure("signal", 1, {"clip_at": 0.999}),
        Measure("wer", 1),
    ]
)

_DNSMOS = "DNSMOS P.835 network, polynomial per window, then mean over windows of 9.01 s every 1 s. "
_BLIND = "Blind to who speaks: read it beside a speaker metric."

METRICS: dict[str, MetricCard] = _by_name(
    [
        MetricCard(
            "si_sdr",
            "si_sdr",
            "scale-invariant SDR (= SI-SNR)",
            "up",
            ("inf", "ref"),
            "Means removed; a = <e,r>/<r,r>; 10 log10(|a r|^2 / |e - a r|^2) in float64, clamped to "
            "+-100 dB. Equals 10 log10(c^2 / (1 - c^2)) of the correlation c: blind to gain and sign.",
            ceiling=100.0,
            penalty=-100.0,
            low=-100.0,
            high=100.0,
            unit="dB",
        ),
        MetricCard(
            "si_sdr_i",
            "improvement",
            "SI-SDR improvement",
            "up",
            ("inf", "ref", "mix"),
            "si_sdr(estimate) - si_sdr(mixture), on the same samples.",
            unit="dB",
        ),
        MetricCard(
            "sdr",
            "sdr",
            "SDR of BSSEval v3",
            "up",
            ("inf", "ref"),
            "One source, 512-tap filter fitted to the target, means removed, float64, clamped to +-100 dB. "
            "Forgives delays of 0 to 511 samples, no advances.",
            ceiling=100.0,
            penalty=-100.0,
            low=-100.0,
            high=100.0,
            unit="dB",
        ),
        MetricCard(
            "sdr_i",
            "improvement",
            "SDR improvement",
            "up",
            ("inf", "ref", "mix"),
            "sdr(estimate) - sdr(mixture), on the same samples.",
            unit="dB",
        ),
        MetricCard(
            "pesq",
            "pesq",
            "PESQ, wide band (ITU-T P.862.2)",
            "up",
            ("inf", "ref"),
            "At 16 kHz; the pair is scaled by its common peak. Input above 30 s is excluded (class "
            "pesq_long): the reference code crashes at about 50 bursts of speech.",
            ceiling=4.644,
            penalty=1.0,
            low=1.0,
            high=4.644,
        ),
        MetricCard(
            "pesq_nb",
            "pesq_nb",
            "PESQ, narrow band (ITU-T P.862.1)",
            "up",
            ("inf", "ref"),
            "At 8 kHz; takes the place of pesq where the data are below 16 kHz.",
            ceiling=4.549,
            penalty=1.0,
            low=1.0,
            high=4.549,
        ),
        MetricCard(
            "stoi",
            "stoi",
            "short-time objective intelligibility",
            "up",
            ("inf", "ref"),
            "pystoi, at 10 kHz inside; 0..1. Fewer than 30 active frames: excluded.",
            ceiling=1.0,
            penalty=0.0,
            low=0.0,
            high=1.0,
        ),
        MetricCard(
            "estoi",
            "estoi",
            "extended STOI",
            "up",
            ("inf", "ref"),
            "pystoi with extended=True; numpy's generator is seeded before each call, because pystoi adds "
            "noise that shows where the estimate is digital silence.",
            ceiling=1.0,
            penalty=0.0,
            low=0.0,
            high=1.0,
        ),
        MetricCard(
            "dnsmos_sig",
            "dnsmos",
            "DNSMOS P.835, speech signal",
            "up",
            ("inf",),
            _DNSMOS + _BLIND,
            penalty=1.0,
            low=1.0,
            high=5.0,
            unit="MOS",
            natural_length=True,
        ),
        MetricCard(
            "dnsmos_bak",
            "dnsmos",
            "DNSMOS P.835, background",
            "up",
            ("inf",),
            _DNSMOS + _BLIND,
            penalty=1.0,
            low=1.0,
            high=5.0,
            unit="MOS",
            natural_length=True,
        ),
        MetricCard(
            "dnsmos_ovrl",
            "dnsmos",
            "DNSMOS P.835, overall",
            "up",
            ("inf",),
            _DNSMOS + "Clean read speech reaches about 3.2. " + _BLIND,
            penalty=1.0,
            low=1.0,
            high=5.0,
            unit="MOS",
            natural_length=True,
        ),
        MetricCard(
            "dnsmos_p808",
            "dnsmos",
            "DNSMOS P.808",
            "up",
            ("inf",),
            "DNSMOS P.808 network on 120 log-mel bands, same windows. Clean read speech reaches about 3.9. "
            + _BLIND,
            penalty=1.0,
            low=1.0,
            high=5.0,
            unit="MOS",
            natural_length=True,
        ),
        MetricCard(
            "pdnsmos_sig",
            "pdnsmos",
            "personalised DNSMOS, speech signal",
            "up",
            ("inf",),
            "Personalised DNSMOS network: other talkers count as noise. " + _BLIND,
            penalty=1.0,
            low=1.0,
            high=5.0,
            unit="MOS",
            natural_length=True,
        ),
        MetricCard(
            "pdnsmos_bak",
            "pdnsmos",
            "personalised DNSMOS, background",
            "up",
            ("inf",),
            "Personalised DNSMOS network: other talkers count as noise. " + _BLIND,
            penalty=1.0,
            low=1.0,
            high=5.0,
            unit="MOS",
            natural_length=True,
        ),
        MetricCard(
            "pdnsmos_ovrl",
            "pdnsmos",
            "personalised DNSMOS, overall",
            "up",
            ("inf",),
            "Personalised DNSMOS network: other talkers count as noise. Clean read speech reaches about 3.4. "
            + _BLIND,
            penalty=1.0,
            low=1.0,
            high=5.0,
            unit="MOS",
            natural_length=True,
        ),
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
        MetricCard(
            "len_ratio",
            "signal",
            "duration of the estimate / of the target",
            "none",
            ("inf", "ref"),
            "Diagnostic; the share outside 0.9..1.1 is given beside it. 0 for a missing estimate.",
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
            "Diagnostic; RMS relative to full scale. DNSMOS depends on the level.",
            unit="dBFS",
            natural_length=True,
        ),
        MetricCard(
            "clip_frac",
            "signal",
            "clipped share of the estimate",
            "none",
            ("inf",),
            "Diagnostic; share of samples with |x| >= 0.999.",
            natural_length=True,
        ),
    ]
)

# WER columns are made per recogniser (``wer_<tag>``), so they have no fixed card; what they are is
# said here once for the documents.
WER_TEXT = {
    "wer_<tag>": "corpus word error rate (S+D+I)/N of the recogniser's text of the estimate against --text",
    "dwer_<tag>": "the same against the recogniser's own text of the clean target",
}

PRESETS: dict[str, tuple[str, ...]] = {
    # Every metric of this preset works right after installation, without a download.
    "offline": (
        "si_sdr",
        "si_sdr_i",
        "sdr",
        "sdr_i",
        "pesq",
        "stoi",
        "estoi",
        "dnsmos_sig",
        "dnsmos_bak",
        "dnsmos_ovrl",
        "dnsmos_p808",
        "pdnsmos_ovrl",
        "spk_resemblyzer",
        "spk_resemblyzer_enroll",
        "conf_rate",
        "fail_rate",
        "len_ratio",
        "est_dbfs",
        "clip_frac",
    ),
}

# Column -> position in the list its measure returns.
POSITIONS = {
    "dnsmos_sig": 0,
    "dnsmos_bak": 1,
    "dnsmos_ovrl": 2,
    "dnsmos_p808": 3,
    "pdnsmos_sig": 0,
    "pdnsmos_bak": 1,
    "pdnsmos_ovrl": 2,
}
