"""Presets of the scorer: lists of metrics."""

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
        "conf_si_sdr",
        "fail_rate",
        "over_suppression",
        "onset_loss",
        "offset_loss",
        "absent_leak",
        "absent_activity",
        "len_ratio",
        "est_dbfs",
        "clip_frac",
    ),
}
