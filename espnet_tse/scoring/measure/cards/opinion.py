"""Cards of networks that predict listener ratings."""

from espnet_tse.scoring.measure.card import Measure, MetricCard

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
        tools=("onnx",),
    ),
    Measure(
        "pdnsmos",
        1,
        "signal",
        _DNSMOS_SETTINGS,
        ("onnxruntime", "speechmos"),
        ("pdnsmos",),
        cost_ms=175,
        tools=("onnx",),
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
_BLIND = (
    "Blind to who speaks: the interferer alone scores as well as the target; read it beside a speaker metric."
)
_LEVEL = (
    "Follows the level: clean speech at a tenth of full scale loses 0.2 of OVRL, at a hundredth 0.8. Of "
    "files of 9 to 11 s "
    "one window is heard and the tail is not. "
)
_NISQA = (
    "NISQA v2.0 at 16 kHz, the level unprocessed. Above 52 s the signal is cut into equal parts of at most 50 s, "
    "averaged by duration (flag `chunked:nisqa`); below 0.15 s the estimate gets the penalty. "
)


def _opinion(
    name: str, measure: str, title: str, definition: str, position: int = 0, trap: str = ""
) -> MetricCard:
    """A mean opinion score predicted by a network from the estimate alone."""
    return MetricCard(
        name,
        measure,
        title,
        "up",
        ("inf",),
        definition.strip(),
        trap + _BLIND,
        penalty=1.0,
        low=1.0,
        high=5.0,
        unit="MOS",
        natural_length=True,
        position=position,
    )


_P808 = "DNSMOS P.808 network on 120 log-mel bands, same windows. Clean read speech reaches about 3.9. "
_PERSONALISED = "Personalised DNSMOS network: other talkers count as noise. "
_UTMOS = (
    "Predicted naturalness of synthesised speech: mean frame score of wav2vec 2.0 and a BLSTM, times 2, "
    "plus 3."
)
_UTMOS_TRAP = "Trained on text-to-speech: noise and wrong words are judged as unnatural speech, if at all. "
_NISQA_TRAP = "Trained on speech of telephone and internet calls; it has seen no generated speech. It depends on the level. "
_PERSONALISED_TRAP = "It hears no enrollment and cannot know which of two talkers was wanted. " + _LEVEL

METRICS = [
    _opinion("dnsmos_sig", "dnsmos", "DNSMOS P.835, speech signal", _DNSMOS, 0, _LEVEL),
    _opinion("dnsmos_bak", "dnsmos", "DNSMOS P.835, background", _DNSMOS, 1, _LEVEL),
    _opinion(
        "dnsmos_ovrl",
        "dnsmos",
        "DNSMOS P.835, overall",
        _DNSMOS + "Clean read speech reaches about 3.2. ",
        2,
        "Of mixtures it rises again below 5 dB of input SIR. " + _LEVEL,
    ),
    _opinion(
        "dnsmos_p808",
        "dnsmos",
        "DNSMOS P.808",
        _P808,
        3,
        "A published 'DNSMOS' of 3.7 or more can hardly be a mean OVRL and may be this one. " + _LEVEL,
    ),
    _opinion(
        "pdnsmos_sig",
        "pdnsmos",
        "personalised DNSMOS, speech signal",
        _PERSONALISED,
        0,
        _PERSONALISED_TRAP,
    ),
    _opinion(
        "pdnsmos_bak", "pdnsmos", "personalised DNSMOS, background", _PERSONALISED, 1, _PERSONALISED_TRAP
    ),
    _opinion(
        "pdnsmos_ovrl",
        "pdnsmos",
        "personalised DNSMOS, overall",
        _PERSONALISED + "Clean read speech reaches about 3.4. ",
        2,
        _PERSONALISED_TRAP,
    ),
    _opinion("nisqa", "nisqa", "NISQA, overall quality", _NISQA, 0, _NISQA_TRAP),
    _opinion("nisqa_noi", "nisqa", "NISQA, noisiness (5: no noise)", _NISQA, 1, _NISQA_TRAP),
    _opinion("nisqa_dis", "nisqa", "NISQA, discontinuity (5: none)", _NISQA, 2, _NISQA_TRAP),
    _opinion("nisqa_col", "nisqa", "NISQA, coloration (5: none)", _NISQA, 3, _NISQA_TRAP),
    _opinion("nisqa_loud", "nisqa", "NISQA, loudness (5: optimal)", _NISQA, 4, _NISQA_TRAP),
    _opinion("utmos", "utmos", "UTMOS22, strong learner", _UTMOS, trap=_UTMOS_TRAP),
]
