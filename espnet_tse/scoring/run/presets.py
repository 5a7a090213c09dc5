"""Presets of the scorer: which metrics, and the defaults of options, as a paper or toolkit has them.

A preset never changes what a metric is. An option given by the user overrides the preset's, and is recorded.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Preset:
    """``options``: defaults of options of ``score``. ``asr``: recognisers, unless the user names others.

    ``decode``: of Whisper recognisers. ``source``: where the settings are published. ``notes``: what must be known to
    compare with the published numbers.
    """

    metrics: tuple[str, ...]
    source: str
    notes: str = ""
    options: dict[str, str] = field(default_factory=dict)
    asr: tuple[str, ...] = ()
    decode: str = "strict"


# Defaults where neither the user nor the preset gives a value.
DEFAULTS = {"length": "ref", "align": "none", "level": "none", "text_norm": "auto", "unit": "word"}

_DAMAGE = ("over_suppression", "onset_loss", "offset_loss", "absent_leak", "absent_activity")
_DIAGNOSTICS = ("len_ratio", "est_dbfs", "clip_frac")
_DNSMOS = ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl")

PRESETS: dict[str, Preset] = {
    "offline": Preset(
        (
            "si_sdr",
            "si_sdr_i",
            "sdr",
            "sdr_i",
            "pesq",
            "stoi",
            "estoi",
            *_DNSMOS,
            "dnsmos_p808",
            "pdnsmos_ovrl",
            "spk_resemblyzer",
            "spk_resemblyzer_enroll",
            "conf_rate",
            "conf_si_sdr",
            "fail_rate",
            *_DAMAGE,
            *_DIAGNOSTICS,
        ),
        source="this toolkit",
        notes="The default: every metric works right after installation, without a download.",
    ),
    "laura": Preset(
        (*_DNSMOS, "nisqa", "sbs", "spk_wavlm", "spk_wespeaker", "spk_wespeaker01", *_DIAGNOSTICS),
        source="LauraTSE and its evaluation code (arXiv:2601.06006)",
        notes="Libri2Mix test, 16 kHz, min, mix_clean, speaker 1 only (3000 utterances). The published dWER is "
        "`mean_utt` of dwer_whisper_base (Whisper base with the library's random fallback, texts as they "
        "stand); its WeSpeaker column is spk_wespeaker01. Published for the unprocessed mixture: SIG 3.383, "
        "BAK 3.098, OVRL 2.653, NISQA 2.453, SpeechBERTScore 0.572, dWER 0.792, WavLM 0.847, WeSpeaker 0.759: "
        "score it first.",
        options={"text_norm": "none"},
        asr=("whisper:base",),
        decode="paper",
    ),
    "solospeech": Preset(
        ("si_sdr", "pesq", "estoi", "dnsmos_ovrl", "dnsmos_p808", "spk_wavlm", *_DIAGNOSTICS),
        source="SoloSpeech (arXiv:2505.19314) and its code",
        notes="Libri2Mix 16 kHz with WHAM noise (mix_both). Its one DNSMOS column is too high for an OVRL, so P808 is "
        "given too. WER by Whisper large-v3-turbo; no text normaliser is named. Its inference picks the best of 8 "
        "candidates by the speaker model that also measures it.",
        asr=("whisper:large-v3-turbo",),
    ),
    "gentse": Preset(
        (*_DNSMOS, "nisqa", "utmos", "sbs", "spk_resemblyzer", "spk_wavlm", *_DIAGNOSTICS),
        source="GenTSE (arXiv:2512.20978), from summaries",
        notes="Libri2Mix. SECS is read as Resemblyzer's similarity, which a summary names; WavLM's stands beside it.",
        asr=("whisper:base",),
    ),
    "unise": Preset(
        (*_DNSMOS, "nisqa", "utmos", "spk_wavlm", *_DIAGNOSTICS),
        source="UniSE (arXiv:2510.20441), from summaries",
        notes="Libri2Mix; SI-SDR and PESQ are not reported, because the output is synthesised again.",
    ),
    "mask2flow": Preset(
        _DIAGNOSTICS,
        source="Mask2Flow-TSE (arXiv:2603.12837), from its abstract",
        notes="Libri2Mix clean and noisy; one WER column for each size of Whisper, against --text.",
        asr=("whisper:tiny", "whisper:base", "whisper:small", "whisper:medium", "whisper:large-v2"),
    ),
    "wesep": Preset(
        ("si_sdr", "sdr", "stoi", "estoi", "pesq", *_DNSMOS, "dnsmos_p808", *_DIAGNOSTICS),
        source="WeSep's score tools, a port of ESPnet's",
        notes="It demands equal lengths, prints STOI and ESTOI times 100, and leaves PESQ's failures out of its "
        "files. Its SIR and SAR need all sources of the mixture and are not computed here.",
        options={"length": "strict"},
    ),
    "usef": Preset(
        ("si_sdr", "si_sdr_i", "sdr", "sdr_i", "pesq", *_DIAGNOSTICS),
        source="USEF-TSE (arXiv:2409.02615), its eval scripts",
        notes="It cuts both signals to the shorter one.",
        options={"length": "min"},
    ),
    "real_tse": Preset(
        (
            *("dnsmos_p808", "spk_wespeaker_enroll", "spk_resemblyzer_enroll"),
            *("absent_leak", "absent_activity", "timing_f1", "timing_f1_vad", "pause_leak"),
            *_DIAGNOSTICS[1:],
        ),
        source="REAL-TSE challenge, its kit",
        notes="Real recordings: no clean target. The kit's TER is wer_whisper_large-v2 (--unit char: Chinese) or that of "
        "FireRedASR-AED-L, whose texts --asr external: reads; its timing F1 is timing_f1_vad by FireRedVAD, whose times "
        "--vad_activity reads; its SIM is to the enrollment, by a model that we do not know. OVRL was left out by the "
        "organisers: its correlation with listeners was 0.003.",
        asr=("whisper:large-v2",),
    ),
    "versa": Preset(
        ("si_sdr", "sdr", "pesq", "stoi", "dnsmos_ovrl", "dnsmos_p808", "utmos", *_DIAGNOSTICS),
        source="VERSA (shinjiwlab/versa)",
        notes="It cuts both signals to the shorter one, takes DNSMOS of the signal divided by its peak, counts a PESQ "
        "failure as 0 and leaves silent files out. Its SpeechBERTScore is WavLM large, layer 14, and is not `sbs`.",
        options={"length": "min", "level": "peak"},
    ),
}
