"""What a reader of the table must know about a set of estimates."""

from collections import defaultdict

from espnet_tse.scoring.run.scene import SAME_DB
from espnet_tse.scoring.run.worker import Record

ODD_SHARE = 0.10  # above: wrong speakers or odd lengths are remarked on
CLIPPED_SHARE = 0.001  # of all samples
# Flag of an utterance -> what it means.
FLAGS = {
    "equals_target": f"equal to their targets up to a gain (SI-SDR above {SAME_DB:.0f} dB): oracle outputs?",
    "mixture_is_target": f"the mixture is its own target up to a gain (SI-SDR above {SAME_DB:.0f} dB): nothing to extract, "
    "improvements and failure rate leave them out; does --mix_scp list the mixtures?",
    "equals_mixture": "the estimates are the mixtures: nothing was extracted",
    "multichannel": "multi-channel audio; channel {channel} was scored (--ref_channel)",
    "beyond_full_scale": "samples beyond +-1, clipped for networks and recognisers",
    "offset": "a constant offset, to which SI-SDR is blind and a network is not",
    "low_rate": "estimates below 16 kHz of data that are not",
}


def remarks_on(
    records: dict[str, Record],
    metrics: dict[str, dict],
    marked: list[str],
    channel: int,
    named_mixture: bool = False,
) -> list[str]:
    """All remarks on one system.

    Args:
        metrics: column -> summary.
        marked: columns with more than 1 % of penalties or exclusions.
        channel: ``--ref_channel``.
        named_mixture: the row says that its estimates are the mixtures, so neither that nor their
            lack of improvement is remarked on.
    """
    remarks = []
    if marked:
        remarks.append(f"more than 1 % penalised or excluded in {', '.join(marked)}: marked in the results")
    remarks += _absent_targets(records) + _flagged(records, channel, named_mixture)
    remarks += _unreadable(records) + _copies(records)
    if named_mixture or all("equals_mixture" in record.flags for record in records.values()):
        metrics = {name: entry for name, entry in metrics.items() if name != "fail_rate"}
    return remarks + _odd_rates(records, metrics)


def _absent_targets(records: dict[str, Record]) -> list[str]:
    absent = sum(record.target_absent and not record.absent_fault for record in records.values())
    if not absent:
        return []
    return [
        f"{absent} of {len(records)} utterances: the target is absent (--absent); only false extraction is scored"
    ]


def _flagged(records: dict[str, Record], channel: int, named_mixture: bool) -> list[str]:
    """How many utterances carry each flag."""
    remarks = []
    for flag, meaning in FLAGS.items():
        count = sum(flag in record.flags for record in records.values())
        if count and not (named_mixture and flag == "equals_mixture"):
            remarks.append(f"{count} of {len(records)} utterances: {meaning.format(channel=channel)}")
    return remarks


def _unreadable(records: dict[str, Record]) -> list[str]:
    faults = {key: record.estimate_fault or "" for key, record in records.items()}
    unreadable = sorted(key for key, fault in faults.items() if fault.startswith("unreadable"))
    if not unreadable:
        return []
    return [
        f"{len(unreadable)} of {len(records)} utterances: unreadable estimates, penalised; first "
        f"'{unreadable[0]}' (file 'failed')"
    ]


def _copies(records: dict[str, Record]) -> list[str]:
    """Equal estimates: of several mixtures, or of one mixture for several targets.

    Of one mixture for one target, listed twice, they are right; where they are the mixture that is said elsewhere.
    """
    by_estimate: dict[str, list[Record]] = defaultdict(list)
    for record in records.values():
        if record.estimate_sha1:
            by_estimate[record.estimate_sha1].append(record)
    foreign = deaf = 0
    for twins in by_estimate.values():
        targets: dict[str, list[str]] = defaultdict(list)  # mixture -> the targets that it has here
        for record in twins:
            targets[_mixture_of(record)].append(record.target_sha1 or record.key)
        foreign += len(twins) - max(map(len, targets.values()))
        if "equals_mixture" not in twins[0].flags:
            deaf += sum(len(set(names)) - 1 for names in targets.values())
    remarks = []
    if foreign:
        remarks.append(
            f"{foreign} of {len(records)} utterances: estimates that are copies of another utterance's"
        )
    if deaf:
        remarks.append(
            f"{deaf} of {len(records)} utterances: the estimate is the same as for another target of the mixture, as if "
            "the enrollment were not heard"
        )
    return remarks


def _mixture_of(record: Record) -> str:
    """What names a mixture: its samples; without --mix_scp the key, which may name a target behind a "#"."""
    return record.mixture_sha1 or record.key.partition("#")[0]


def _share_measured(records: dict[str, Record], name: str) -> float:
    """Share of the utterances in which a metric of 0 and 1 was measured as 1; a penalty is not measured."""
    outcomes = [record.outcomes[name] for record in records.values() if name in record.outcomes]
    outcomes = [outcome for outcome in outcomes if outcome.applicable and not outcome.excluded]
    found = sum(outcome.value > 0.5 and not outcome.penalised for outcome in outcomes)
    return found / len(outcomes) if outcomes else 0.0


def _odd_rates(records: dict[str, Record], metrics: dict[str, dict]) -> list[str]:
    remarks = []
    for name, by in (("conf_rate", "voice"), ("conf_si_sdr", "SI-SDR")):
        share = _share_measured(records, name)
        if share > ODD_SHARE:
            failed = (metrics.get(name) or {}).get("n_penalized") or 0
            remarks.append(
                f"{100 * share:.0f} % of the estimates are nearer to an interferer than to the target by {by}: "
                "opinion scores do not see that"
                + (" (without the failed ones, which the rate counts as well)" if failed else "")
            )
    share = _share_measured(records, "fail_rate") if "fail_rate" in metrics else 0.0
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
