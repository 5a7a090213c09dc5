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
    Measure("pdnsmos", 1, "signal", _DNSMOS_SETTINGS, ("onnxruntime", "speechmos"), ("pdnsmos",), cost_ms=175),
]

_DNSMOS = "DNSMOS P.835 network, polynomial per window, then mean over windows of 9.01 s every 1 s. "
_BLIND = "Blind to who speaks: read it beside a speaker metric."

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
]
