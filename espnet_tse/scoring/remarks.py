"""What a reader of the table must know about a set of estimates; each remark stands beside its row."""

from collections import Counter

from espnet_tse.scoring.worker import ORACLE_DB, Record

MARK_SHARE = 0.01  # above: the row carries a dagger
ODD_SHARE = 0.10  # above: so many wrong speakers or odd lengths want saying
CLIPPED_SHARE = 0.001  # of all samples


def remarks_on(
    records: dict[str, Record],
    metrics: dict[str, dict],
    marked: list[str],
    channel: int,
    of_mixtures: bool = False,
) -> list[str]:
    """All remarks on one system.

    Args:
        metrics: column -> summary.
        marked: columns with more than 1 % of penalties or exclusions.
        channel: ``--ref_channel``.
        of_mixtures: the estimates are the mixtures themselves, whose lack of improvement is no news.
    """
    remarks = []
    if marked:
        remarks.append(f"more than 1 % penalised or excluded in {', '.join(marked)}: marked in the results")
    for flag, meaning in (
        (
            "equals_target",
            f"equal to their targets up to a gain (SI-SDR above {ORACLE_DB:.0f} dB): oracle outputs?",
        ),
        ("multichannel", f"multi-channel audio; channel {channel} was scored (--ref_channel)"),
        ("beyond_full_scale", "samples beyond +-1, clipped for networks and recognisers"),
        ("offset", "a constant offset, to which SI-SDR is blind and a network is not"),
        ("low_rate", "estimates below 16 kHz of data that are not"),
    ):
        count = sum(flag in record.flags for record in records.values())
        if count:
            remarks.append(f"{count} of {len(records)} utterances: {meaning}")
    twins = Counter(record.estimate_sha1 for record in records.values() if record.estimate_sha1)
    copies = sum(count - 1 for count in twins.values())
    if copies:
        remarks.append(
            f"{copies} of {len(records)} utterances: estimates that are copies of another utterance's"
        )
    if of_mixtures:
        metrics = {name: entry for name, entry in metrics.items() if name != "fail_rate"}
    return remarks + _odd_rates(metrics)


def _odd_rates(metrics: dict[str, dict]) -> list[str]:
    remarks = []
    for name, by in (("conf_rate", "voice"), ("conf_si_sdr", "SI-SDR")):
        share = (metrics.get(name) or {}).get("mean") or 0.0
        if share > ODD_SHARE:
            remarks.append(
                f"{100 * share:.0f} % of the estimates are nearer to an interferer than to the target by {by}: "
                "opinion scores do not see that"
            )
    share = (metrics.get("fail_rate") or {}).get("mean") or 0.0
    if share > ODD_SHARE:
        remarks.append(
            f"{100 * share:.0f} % of the estimates improve SI-SDR by less than 1 dB: failures, or outputs that are not "
            "aligned with the target (generated, late)"
        )
    share = (metrics.get("len_ratio") or {}).get("share_outside") or 0.0
    if share > ODD_SHARE:
        remarks.append(
            f"{100 * share:.0f} % of the estimates are shorter than 0.9 or longer than 1.1 of the target"
        )
    share = (metrics.get("clip_frac") or {}).get("mean") or 0.0
    if share > CLIPPED_SHARE:
        remarks.append(f"{100 * share:.1f} % of all samples are clipped")
    return remarks
