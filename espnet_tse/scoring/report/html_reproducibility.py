"""The page's last part: what is needed to get its figures again."""

from pathlib import Path

from espnet_tse.scoring.report.collect import ScoredSet
from espnet_tse.scoring.report.html_tree import Html, element
from espnet_tse.scoring.report.provenance import TrainedSystem, decoding_facts, input_digests, training_hours
from espnet_tse.scoring.report.training_curves import TrainingLog


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
    for system in systems:
        parts.append(element("h3", f"Training of {system.folder.name}"))
        parts.append(fact_card(training_facts(system, logs[system.folder])))
    for result in results:
        lines = decoding_facts(result)
        if lines:
            parts += [element("h3", f"Decoding of {result.test_set} by {result.system}"), fact_card(lines)]
    return element("section", parts, id="reproducibility")


def training_facts(system: TrainedSystem, log: TrainingLog) -> list[tuple[str, str]]:
    lines = [
        ("folder", str(system.folder)),
        ("config sha256", system.config_sha256),
        ("seed", system.seed),
        ("epochs trained", str(log.num_epochs)),
    ]
    hours = training_hours(system.folder)
    if hours is not None:
        lines.append(("training time", f"{hours:.2f} h"))
    return lines + [(f"digest of {name}", digest) for name, digest in input_digests(system.folder)]


def fact_card(facts: list[tuple[str, str]]) -> Html:
    lines = [(element("dt", name), element("dd", element("code", value))) for name, value in facts]
    return element("dl", lines, class_="card facts")
