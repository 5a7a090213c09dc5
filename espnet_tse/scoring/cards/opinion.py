"""Cards of networks that predict listeners' opinions."""

from espnet_tse.scoring.card import Measure, MetricCard

_DNSMOS_SETTINGS = {"window_s": 9.01, "hop_s": 1.0, "short": "double", "clip": 1.0}

MEASURES = [
    Measure(
        "dnsmos",
        1,
        "signal",
        _DNSMOS_SETTINGS,
        ("onnxruntime", "speechmos"),
        ("dnsmos_primary", "dnsmos_p808"),
        cost_ms=184,
    ),
    Measure(
        "pdnsmos", 1, "signal", _DNSMOS_SETTINGS, ("onnxruntime", "speechmos"), ("pdnsmos",), cost_ms=175
    ),
    Measure(
        "nisqa",
        1,
        "signal",
        {"model": "NISQA v2.0", "rate": 16000, "shortest_s": 0.15, "part_s": 50.0, "clip": 1.0},
        ("torch", "torchmetrics", "librosa"),
        ("nisqa",),
        cost_ms=44,
        extra="score-nn",
        longest_s=52.0,
    ),
    Measure(
        "utmos",
        1,
        "signal",
        {"model": "utmos22_strong", "rate": 16000, "clip": 1.0},
        ("torch", "torchaudio"),
        ("utmos_code", "utmos"),
        cost_ms=800,
        extra="score-nn",
    ),
]

_DNSMOS = "DNSMOS P.835 network, polynomial per window, then mean over windows of 9.01 s every 1 s. "
_BLIND = "Blind to who speaks: read it beside a speaker metric."
_NISQA = (
    "NISQA v2.0 at 16 kHz, the level untouched. Above 52 s the signal is cut into equal parts of at most 50 s, "
    "averaged by duration (flag `chunked:nisqa`); below 0.15 s the estimate gets the penalty. "
)


def _nisqa(name: str, title: str, position: int) -> MetricCard:
    return MetricCard(
        name,
        "nisqa",
        title,
        "up",
        ("inf",),
        _NISQA + _BLIND,
        penalty=1.0,
        low=1.0,
        high=5.0,
        unit="MOS",
        natural_length=True,
        position=position,
    )


METRICS = [
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
        position=1,
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
        position=2,
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
        position=3,
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
        position=1,
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
        position=2,
    ),
    _nisqa("nisqa", "NISQA, overall quality", 0),
    _nisqa("nisqa_noi", "NISQA, noisiness (5: no noise)", 1),
    _nisqa("nisqa_dis", "NISQA, discontinuity (5: none)", 2),
    _nisqa("nisqa_col", "NISQA, coloration (5: none)", 3),
    _nisqa("nisqa_loud", "NISQA, loudness (5: optimal)", 4),
    MetricCard(
        "utmos",
        "utmos",
        "UTMOS22, strong learner",
        "up",
        ("inf",),
        "Predicted naturalness of synthesised speech: mean frame score of wav2vec 2.0 and a BLSTM, times 2, plus 3. "
        "Trained on text-to-speech: noise and wrong words are judged as unnatural speech, if at all. "
        + _BLIND,
        penalty=1.0,
        low=1.0,
        high=5.0,
        unit="MOS",
        natural_length=True,
    ),
]
