"""Cards of metrics that compare sample by sample with the target."""

from espnet_tse.scoring.measure.card import Measure, MetricCard

MEASURES = [
    Measure("si_sdr", 1, "pair", {"zero_mean": True, "clamp_db": 100.0}, cost_ms=1.5, rate=None),
    Measure("sdr", 2, "pair", {"taps": 512, "zero_mean": False, "clamp_db": 100.0}, cost_ms=24, rate=None),
    Measure("pesq", 1, "pair", {"mode": "wb", "rate": 16000, "max_s": 30.0}, ("pesq",), cost_ms=69),
    Measure(
        "pesq_nb", 1, "pair", {"mode": "nb", "rate": 8000, "max_s": 30.0}, ("pesq",), cost_ms=50, rate=None
    ),
    Measure("stoi", 1, "pair", {"extended": False, "seed": 0}, ("pystoi",), cost_ms=19, rate=None),
    Measure("estoi", 1, "pair", {"extended": True, "seed": 0}, ("pystoi",), cost_ms=35, rate=None),
    Measure("improvement", 2, "derived"),
]

METRICS = [
    MetricCard(
        "si_sdr",
        "si_sdr",
        "scale-invariant SDR (= SI-SNR)",
        "up",
        ("inf", "ref"),
        "Means removed; a = <e,r>/<r,r>; 10 log10(|a r|^2 / |e - a r|^2) in float64, clamped to "
        "+-100 dB. Equals 10 log10(c^2 / (1 - c^2)) of the correlation c: blind to gain and sign.",
        "A delay of one sample brings a clean file to 5 dB, a correct spectrogram with another phase to -18 dB: it "
        "says nothing about generated outputs. 16-bit files reach 67 to 87 dB at most, depending on their level.",
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
        "si_sdr(estimate) - si_sdr(mixture), on the same samples. A mixture that is its own target (SI-SDR above "
        "60 dB) is left out, and named in the warnings.",
        "Grows with the difficulty of the list: mixtures of a low input SIR have more to gain. Compare on "
        "one list only.",
        unit="dB",
    ),
    MetricCard(
        "sdr",
        "sdr",
        "SDR of BSSEval v3",
        "up",
        ("inf", "ref"),
        "One source, 512-tap filter fitted to the target, means kept as in BSSEval, float64, clamped to +-100 dB.",
        "Forgives what a filter of 512 samples can undo, equalisers and delays of 0 to 511 samples, but no "
        "advances: 10 samples early is -3.5 dB. A constant offset of the estimate counts as distortion, to which "
        "si_sdr is blind; one of the target counts as signal.",
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
        "sdr(estimate) - sdr(mixture), on the same samples; leaves out what si_sdr_i leaves out.",
        "As si_sdr_i.",
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
        "It aligns by itself: a short delay is not seen. Near its floor it does not rank: faint "
        "noise may score 1.26 where a 0 dB mixture has 1.08. Other tools count a refused pair as 0 or leave it out.",
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
        "At 8 kHz, to which signals at other rates are resampled first: as pesq(8000, target, estimate, 'nb') of the "
        "package pesq. Takes the place of pesq where the data are below 16 kHz.",
        "Higher than pesq on the same files (a 10 dB noise: 1.34 and 1.02): never compare the two. The package also "
        "takes 16 kHz in this mode, pesq(16000, ..., 'nb'): another value, on mixtures of read speech lower by "
        "0.1 on average and up to 0.2 apart.",
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
        "An unprocessed 0 dB mixture has about 0.72. Some tools print it times 100.",
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
        "pystoi with extended=True; the noise that it adds is drawn from a fixed seed, because it shows where the "
        "estimate is digital silence.",
        "Delays count: a clean file 10 ms late has 0.76, 100 ms late about 0. An unprocessed 0 dB mixture has "
        "about 0.53.",
        ceiling=1.0,
        penalty=0.0,
        low=0.0,
        high=1.0,
    ),
]
