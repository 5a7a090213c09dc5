"""What a packed system says of itself: README.md, the card that the hub shows, and LICENCES.md."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

import yaml

from espnet_tse.io.scp import DataError
from espnet_tse.report.collect import collect_results, results_below
from espnet_tse.report.group_tables import build_groups
from espnet_tse.report.results_file import group_markdown
from espnet_tse.scoring.result.markdown import escape
from espnet_tse.tasks.choices import slots_of
from espnet_tse.tasks.hub import PLACE

UNKNOWN = "not stated"
# Of speaker encoders whose weights others have trained, and which a system holds.
BORROWED_ENCODERS = {
    "ge2e": "Resemblyzer 0.1.4, Apache-2.0",
    "wavlm": "microsoft/wavlm-base-plus-sv, whose card names no licence",
}


@dataclass(frozen=True)
class Card:
    """What the two texts are made of."""

    name: str
    config: Mapping[str, Any]  # the packed config.yaml
    sample_rate: int  # Hz
    num_parameters: int
    licences: dict[str, str]  # part -> licence; the first is the system's own
    about: str = ""  # Markdown: the data, and what else the packer wants to say
    results: str = ""  # Markdown: tables
    extra: tuple[str, ...] = field(default=())  # names of further files in the pack


def licences_of(
    licence: str | None,
    config: Mapping[str, Any],
    tokenizers: Mapping[str, dict],
    systems: Mapping[str, dict],
) -> dict[str, str]:
    """Part -> its licence.

    Args:
        licence: of the system's own weights.
        tokenizers, systems: name -> manifest of what is packed with it.
    """
    own = {"weights of this system": licence or UNKNOWN}
    encoder = BORROWED_ENCODERS.get(config.get("speaker_encoder") or "")
    return {
        **own,
        **({"speaker encoder, whose weights are among them": encoder} if encoder else {}),
        **({"front-end model": "see the card of its makers"} if has_frontend(config) else {}),
        **{f"tokenizer {name}": manifest.get("licence") or UNKNOWN for name, manifest in tokenizers.items()},
        **{f"system {name} inside": manifest.get("licence") or UNKNOWN for name, manifest in systems.items()},
    }


def has_frontend(config: Mapping[str, Any]) -> bool:
    """Whether a front-end that is a model of its own is packed with the system."""
    return bool((config.get("frontend_conf") or {}).get("model_dir"))


def results_of(folder: Path) -> str:
    """The tables of what was scored below a system's folder; "" where nothing was."""
    if not results_below(folder):
        return ""
    lines: list[str] = []
    for tables in build_groups(collect_results(folder)):
        lines += [f"### {escape(tables.group.test_set)}", *group_markdown(tables), ""]
    return "\n".join(lines).strip()


def read_about(path: Path | None) -> str:
    """The text of ``--about``.

    Raises:
        DataError: no such file, or no UTF-8 text.
    """
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}); fix --about.") from error


def card_markdown(card: Card) -> str:
    """README.md."""
    config = card.config
    choices = {option: config[option] for option, _ in slots_of("model", config)}
    parts = "\n".join(f"| {option} | `{value}` |" for option, value in choices.items())
    own = next(iter(card.licences.values()))
    front = {
        "library_name": "espnet_tse",
        "pipeline_tag": "audio-to-audio",
        **hub_licence(own),
        "tags": ["target-speaker-extraction", "speech", "espnet", *dict.fromkeys(map(str, choices.values()))],
    }
    files = ", ".join(f"[{name}]({name})" for name in ("LICENCES.md", *card.extra))
    return (
        "\n".join(
            [
                f"---\n{yaml.safe_dump(front, sort_keys=False)}---",
                f"# {card.name}\n",
                "A system for target speaker extraction: it pulls one person's voice out of a recording in which several people "
                "talk, given a few seconds of that voice alone. Trained with espnet_tse; `config.yaml` holds every setting.\n",
                f"| | |\n|---|---|\n| sample rate | {card.sample_rate} Hz; other rates are resampled |\n"
                f"| parameters | {card.num_parameters / 1e6:.2f} M |\n{parts}\n",
                "## How to use\n",
                f"```bash\nespnet-tse extract mixture.wav enrollment.wav -o out.wav --model {PLACE}\n```\n",
                f'```python\nfrom espnet_tse import Extractor\n\nextractor = Extractor.from_pretrained("{PLACE}")\n'
                "estimate = extractor(mixture, enrollment, sample_rate)  # (N,) float, as long as the mixture\n```\n",
                f"## Results\n\n{card.results or 'None were scored when this was packed.'}\n",
                f"## Data\n\n{card.about or 'Whoever packed this has not described its training data.'}\n",
                f"## Licences\n\n{licence_table(card.licences)}\n",
                f"See also {files}.",
            ]
        )
        + "\n"
    )


def licences_markdown(card: Card) -> str:
    """LICENCES.md."""
    return (
        f"# Licences of what is in {card.name}\n\n{licence_table(card.licences)}\n\n"
        "The data that it was trained on have licences of their own: README.md, section Data. The code that runs it, espnet_tse, "
        "is under Apache-2.0 and not part of these files.\n"
    )


def licence_table(licences: Mapping[str, str]) -> str:
    rows = "\n".join(f"| {escape(part)} | {escape(licence)} |" for part, licence in licences.items())
    return f"| part | licence |\n|---|---|\n{rows}"


def hub_licence(licence: str) -> dict[str, str]:
    """The hub's own keys: it knows licences by short names in lower case, all else is ``other``."""
    if licence == UNKNOWN:
        return {}
    if re.fullmatch(r"[A-Za-z]+(-[A-Za-z0-9.]+)+|MIT", licence):
        return {"license": licence.lower()}
    return {"license": "other", "license_name": licence}
