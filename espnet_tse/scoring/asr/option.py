"""``--asr`` options: which recogniser, with which weights and settings.

Forms: ``kind:path[:name=value,...]`` with the kinds ``whisper``, ``faster_whisper`` and ``hf_whisper``;
``pocketsphinx[:<grammar.jsgf>]``; ``external:<text>[,<text of the clean targets>]``.
"""

import re
from dataclasses import dataclass
from pathlib import Path

# The settings that each kind accepts.
DECODES = ("strict", "paper")
_WHISPER = ("tag", "language", "decode")
SETTINGS = {
    "whisper": _WHISPER,
    "faster_whisper": (*_WHISPER, "compute_type"),
    "hf_whisper": _WHISPER,
    "pocketsphinx": ("tag",),
    "external": ("tag",),
}
WHISPER_KINDS = ("whisper", "faster_whisper", "hf_whisper")


@dataclass(frozen=True)
class AsrSpec:
    """One ``--asr`` option. ``tag`` names the columns ``wer_<tag>`` and ``dwer_<tag>``.

    ``weights``: of a Whisper, a path or the name of a model below ``--model_dir``; after planning, a path.
    ``decode``: "strict" (greedy, one language, no fallback, the same text every time) or "paper" (the
    library's defaults).
    """

    kind: str
    tag: str
    weights: Path | None = None
    estimate_text: Path | None = None
    target_text: Path | None = None
    grammar: Path | None = None  # JSGF: the sentences that pocketsphinx may recognise
    language: str = "en"
    decode: str = "strict"
    compute_type: str = "float32"  # of faster_whisper: also int8, float16

    @property
    def smoke_test(self) -> bool:
        """Whether the recogniser is too weak to judge systems by."""
        return self.kind == "pocketsphinx"

    @property
    def measure(self) -> str:
        """Name among the measures of a plan."""
        return f"asr:{self.tag}"

    @property
    def settings(self) -> dict[str, str]:
        """What its texts depend on, besides the weights."""
        if self.kind not in WHISPER_KINDS:
            return {}
        names = [name for name in SETTINGS[self.kind] if name != "tag"]
        if self.decode == "paper":
            names.remove("language")  # detected
        return {name: getattr(self, name) for name in names}


def parse_asr(option: str, decode: str = "strict") -> AsrSpec:
    """Read an ``--asr`` option; ``decode`` applies where the option names none.

    Raises:
        ValueError: unknown kind or setting, or no path.
    """
    kind, _, rest = option.partition(":")
    if kind not in SETTINGS or (kind != "pocketsphinx" and not rest):
        raise ValueError(
            f"--asr {option}: unknown; use {', '.join(f'{kind}:<model>' for kind in WHISPER_KINDS)}, "
            "'pocketsphinx[:<grammar.jsgf>]' or 'external:<text>[,<text of the clean targets>]', where <text> "
            "is a Kaldi text file (utterance, words) written by any recogniser; settings follow a second "
            "colon, as :language=de,decode=paper,tag=mine."
        )
    path, settings = _split_settings(option, kind, rest)
    if kind == "pocketsphinx":
        return AsrSpec(kind, settings.get("tag", kind), grammar=Path(path) if path else None)
    if kind == "external":
        estimate, _, target = path.partition(",")
        return AsrSpec(
            kind,
            settings.get("tag", kind),
            estimate_text=Path(estimate),
            target_text=Path(target) if target else None,
        )
    return AsrSpec(
        kind, weights=Path(path), **{"tag": f"{kind}_{_model_name(path)}", "decode": decode} | settings
    )


def _split_settings(option: str, kind: str, rest: str) -> tuple[str, dict[str, str]]:
    path, _, last = rest.rpartition(":")
    if not re.match(r"\w+=", last):
        return rest, {}
    settings = {}
    for item in last.split(","):
        name, _, value = item.partition("=")
        if name not in SETTINGS[kind] or not value:
            raise ValueError(
                f"--asr {option}: '{item}' is no setting of {kind}; known: {', '.join(SETTINGS[kind])}."
            )
        settings[name] = value
    if settings.get("decode", "strict") not in DECODES:
        raise ValueError(f"--asr {option}: decode is one of {', '.join(DECODES)}.")
    if not re.fullmatch(r"[\w.-]+", settings.get("tag", "a")):
        raise ValueError(f"--asr {option}: a tag has letters, digits, '.', '-' and '_' only; it names files.")
    return path, settings


def _model_name(path: str) -> str:
    """ "models/faster-whisper-base" -> "base", "base.en.pt" -> "base.en"."""
    name = Path(path).name.removesuffix(".pt")
    name = re.sub(r"^(faster-)?whisper-", "", name)
    return re.sub(r"[^\w.-]", "_", name)
