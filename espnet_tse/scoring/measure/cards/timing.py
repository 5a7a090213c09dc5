"""Cards of what is scored against the times at which the target speaks (--activity)."""

from espnet_tse.scoring.measure.card import Measure, MetricCard

MEASURES = [
    Measure("timing", 2, "derived", {"frame_s": 0.01, "activity_db": 30.0, "bridge_s": 0.3}),
    Measure("timing_of_vad", 1, "derived", {"frame_s": 0.01}),
    Measure(
        "pause_leak", 1, "derived", {"collar_s": 0.1, "shortest_s": 0.25, "min_db": -100.0, "max_db": 20.0}
    ),
]

_F1 = (
    "F1 of the frames of 10 ms in which the estimate speaks, against the times of --activity at which the target does; the "
    "mean over utterances. "
)
_MIXTURE = "An unprocessed mixture in which somebody always speaks has 2 s / (1 + s), with s the target's share of the time. "

METRICS = [
    MetricCard(
        "timing_f1",
        "timing",
        "timing F1, by level",
        "up",
        ("inf", "activity"),
        _F1
        + "The estimate, its mean removed, speaks where it is less than 30 dB below its loudest frame; pauses shorter than 0.3 s count as "
        "speech.",
        _MIXTURE
        + "The level tells no voice from noise: of an estimate whose noise floor is within 30 dB everything "
        "is active.",
        ceiling=1.0,
        penalty=0.0,
        low=0.0,
        high=1.0,
        natural_length=True,
    ),
    MetricCard(
        "timing_f1_vad",
        "timing_of_vad",
        "timing F1, by a voice activity detector",
        "up",
        ("inf", "activity", "vad"),
        _F1
        + "The times of the estimate's speech are those of --vad_activity, of any voice activity detector, as it found them "
        "in the estimates.",
        _MIXTURE + "Two detectors differ by more than two systems: name the one that was used.",
        ceiling=1.0,
        penalty=0.0,
        low=0.0,
        high=1.0,
        natural_length=True,
    ),
    MetricCard(
        "pause_leak",
        "pause_leak",
        "leak in the target's pauses",
        "down",
        ("inf", "mix", "activity"),
        "10 log10((E_p / M_p) / (E_s / M_s)) with E and M the energies of estimate and mixture, p where the target is silent (0.1 s "
        "and more from the times of --activity) and s where it speaks: -100 to 20 dB. The mixture has 0 dB, whatever its "
        "level. Left out where the target pauses or speaks for less than 0.25 s.",
        "Others who speak while the target does raise the energy there: it tells how well pauses are kept, not how well "
        "voices are separated.",
        penalty=20.0,
        low=-100.0,
        high=20.0,
        unit="dB",
        natural_length=True,
    ),
]
