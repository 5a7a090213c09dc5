"""The page's last part: what is needed to get its figures again."""

from pathlib import Path

from espnet_tse.report.html_tree import Html, element
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
) -> Html:
    """Environment and weights of the scoring, then every training and every decoding."""
    hashes = {
        name: digest
        for result in results
        for name, digest in (result.meta.get("weights_sha256") or {}).items()
    }
    facts = facts + [(f"sha256 of {name}", str(digest)) for name, digest in sorted(hashes.items())]
    parts: list[Html] = [element("h2", "Reproducibility"), fact_card(facts)]
    data = {(result.test_set, tuple(data_facts(result))) for result in results}
    for test_set, lines in sorted(data):
        if lines:
            parts += [element("h3", f"Test set {test_set}"), fact_card(list(lines))]
    for system in systems:
        parts.append(element("h3", f"Training of {system.folder.name}"))
        parts.append(fact_card(training_facts(system, logs[system.folder])))
    for result in results:
        lines = decoding_facts(result)
        if lines:
            parts += [element("h3", f"Decoding of {result.test_set} by {result.system}"), fact_card(lines)]
    return element("section", parts, id="reproducibility")


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


def fact_card(facts: list[tuple[str, str]]) -> Html:
    lines = [(element("dt", name), element("dd", element("code", value))) for name, value in facts]
    return element("dl", lines, class_="card facts")
