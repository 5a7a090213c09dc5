"""The page's last part: what is needed to reproduce its figures."""

from pathlib import Path

from markupsafe import Markup

from espnet_tse.report.page_templates import render
from espnet_tse.report.provenance import TrainedSystem, decoding_facts, input_digests, training_hours
from espnet_tse.report.training_curves import TrainingLog
from espnet_tse.scoring.result.scored_set import ScoredSet

# Fields of meta.protocol.
DATA_FACTS = ("list", "mode", "kind", "n", "keys_sha256", "reference_sha256")


def reproducibility_section(
    facts: list[tuple[str, str]],
    systems: list[TrainedSystem],
    logs: dict[Path, TrainingLog],
    results: list[ScoredSet],
) -> Markup:
    """Environment and weights of the scoring, then the data, every training and every decoding."""
    cards = [("", facts + weight_facts(results))]
    data = {(result.test_set, tuple(data_facts(result))) for result in results}
    cards += [(f"Test set {test_set}", list(lines)) for test_set, lines in sorted(data) if lines]
    cards += [
        (f"Training of {each.folder.name}", training_facts(each, logs[each.folder])) for each in systems
    ]
    for result in results:
        if lines := decoding_facts(result):
            cards.append((f"Decoding of {result.test_set} by {result.system}", lines))
    return render("reproducibility.html", cards=cards)


def weight_facts(results: list[ScoredSet]) -> list[tuple[str, str]]:
    """Digests of the networks that scored."""
    hashes: dict[str, str] = {}
    for result in results:
        hashes |= result.meta.get("weights_sha256") or {}
    return [(f"sha256 of {name}", str(digest)) for name, digest in sorted(hashes.items())]


def data_facts(result: ScoredSet) -> list[tuple[str, str]]:
    """What was scored on, equal for all systems of a table: the list and digests of its keys and targets."""
    recorded = result.meta.get("protocol") or {}
    names = {name: name.replace("_sha256", " sha256") for name in DATA_FACTS}
    return [(names[name], str(recorded[name])) for name in DATA_FACTS if recorded.get(name) is not None]


def training_facts(system: TrainedSystem, log: TrainingLog) -> list[tuple[str, str]]:
    lines = [
        ("folder", str(system.folder)),
        ("config sha256", system.config_sha256),
        ("seed", system.seed),
        (f"{log.unit}s trained", str(log.length)),
    ]
    hours = training_hours(system.folder)
    if hours is not None:
        lines.append(("training time", f"{hours:.2f} h"))
    return lines + [(f"digest of {name}", digest) for name, digest in input_digests(system.folder)]
