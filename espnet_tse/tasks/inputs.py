"""What YAMLs build on, for the stages that make it and for their done marks; imports no torch."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping, Sequence

from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_chain import Setting, folder_of, read_chain
from espnet_tse.scoring.result.decoding import ORACLE

KINDS = ("tokenizers", "pretrained")
PREFERENCES = "preferences"  # settings by which a stage makes the sets of a training by preference
MIXING = "mixing"  # keys of mixing.yaml that a system has otherwise
LISTS = "lists"  # of noise and rooms, which mixing.yaml or ``mixing`` names
STORED_PASSES = "stored_passes"  # of training mixtures that are made and encoded before it
# Options of the first release, which knew one codec and one front-end -> current mapping and name. They still
# are short forms on the command line, and stand in the config.yaml of older systems.
MOVED = {
    "codec_dir": ("tokenizers", "acoustic"),
    "front_end_dir": ("pretrained", "front_end"),
    "train_codes": ("train_tokens", "acoustic"),
    "valid_codes": ("valid_tokens", "acoustic"),
}


@dataclass(frozen=True)
class Input:
    """One thing that a system builds on."""

    config: str  # YAML of the system
    # Of KINDS; ``preferences`` for one of their settings, ``lists``, ``stored_passes``, ``file`` for the YAML and each of its
    # bases; of a decoding YAML ``corrector``, ``task``, and ``truth`` for a setting that reads the true targets.
    kind: str
    name: str
    value: str  # a folder, an archive or a hub id; or a YAML, as a path from here

    @property
    def form(self) -> str:
        """``yaml`` where a stage has to train it, else ``place``."""
        return "yaml" if self.value.endswith((".yaml", ".yml")) else "place"

    def line(self) -> str:
        """For the shell: config, kind, name, form and value, separated by tabs; none is empty."""
        return "\t".join((self.config, self.kind, self.name, self.form, self.value))


def inputs_of(config: str, words: Sequence[str] = (), acoustic: str | None = None) -> list[Input]:
    """What a system and the systems that it begins with build on; those of such a system come before it.

    Args:
        config: YAML of a system.
        words: options that follow it on the command line and win.
        acoustic: takes the place of every tokenizer of this name.
    Raises:
        DataError: a YAML is missing or faulty, names are no mapping, or systems begin with each other in a
            circle.
    """
    return list(dict.fromkeys(_walk(config, words, acoustic, ())))


def refuse_same_names(yamls: Iterable[str]) -> None:
    """Raise DataError where two YAMLs have one name: folders below exp/ are named by it."""
    seen: dict[str, str] = {}
    for path in yamls:
        name = Path(path).stem
        if os.path.realpath(seen.setdefault(name, path)) != os.path.realpath(path):
            raise DataError(
                f"{seen[name]} and {path} are both named '{name}' and would be trained into one folder of "
                "exp/; rename one."
            )


def files_of(config: str) -> list[Input]:
    """A YAML of any kind and its bases: a change in one of them is a change of the YAML."""
    return [Input(config, "file", "-", str(file)) for file in read_chain(config).files]


def lists_of(config: str, settings: Mapping[str, Any]) -> list[Input]:
    """The lists of noise and rooms that the settings of mixing in a YAML name."""
    return [
        Input(config, LISTS, name, value)
        for name, value in settings.items()
        if str(name).endswith("_scp") and isinstance(value, str) and value
    ]


def inputs_of_decoding(config: str | None, words: Sequence[str] = ()) -> list[Input]:
    """What a decoding wants besides a system: a trained corrector, the truth for each setting that reads it; and its task.

    Args:
        config: YAML of decoding, None for the defaults.
        words: options of ``espnet-tse extract`` that follow it and win.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--inference_config", default=config)
    parser.add_argument("--task")
    given = parser.parse_known_args(words)[0]
    content = {} if given.inference_config is None else read_chain(given.inference_config).content
    config = given.inference_config or "-"
    corrector = content.get("corrector")
    named = (
        [Input(config, "corrector", "corrector", corrector)]
        if corrector and isinstance(corrector, str)
        else []
    )
    return [
        *named,
        *(Input(config, "truth", str(name), ORACLE) for name, value in content.items() if value == ORACLE),
        Input(config, "task", "-", given.task or str(content.get("task", "tse"))),
    ]


def _walk(config: str, words: Sequence[str], acoustic: str | None, above: tuple[str, ...]) -> Iterator[Input]:
    if config in above:
        raise DataError(
            f"{config}: pretrained leads back to it ({' -> '.join([*above, config])}); remove one of them."
        )
    given, settings = options_of(words), read_chain(config).settings
    for kind in KINDS:
        for name, value in {**values_of(settings.get(kind), kind), **given[kind]}.items():
            if kind == "tokenizers" and name == "acoustic" and acoustic is not None:
                value = acoustic
            found = Input(config, kind, name, value)
            if kind == "pretrained" and found.form == "yaml":
                yield from _walk(value, (), acoustic, (*above, config))
            yield found
    mixing = settings.get(MIXING)
    of_yaml = mixing.value if mixing is not None and isinstance(mixing.value, dict) else {}
    yield from lists_of(config, {**of_yaml, **given[MIXING]})
    stored = settings.get(STORED_PASSES)
    passes = given_passes(words) or (None if stored is None else str(stored.value))
    if passes not in (None, "0"):
        yield Input(config, STORED_PASSES, "-", passes)
    setting = settings.get(PREFERENCES)
    if setting is not None and isinstance(setting.value, dict):  # another form is refused when it is checked
        for name, value in setting.value.items():
            yield Input(config, PREFERENCES, str(name), str(value))


def options_of(words: Sequence[str]) -> dict[str, dict[str, str]]:
    """Kind -> names and values that a command line gives."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for kind in (*KINDS, MIXING):
        parser.add_argument(f"--{kind}", action="append", default=[])
    for option in MOVED:
        parser.add_argument(f"--{option}")
    args, _ = parser.parse_known_args(words)
    given: dict[str, dict[str, str]] = {kind: {} for kind in (*KINDS, MIXING)}
    for kind in (*KINDS, MIXING):
        for pair in getattr(args, kind):
            given[kind] |= pair_of(pair, kind)
    for option, (kind, name) in MOVED.items():
        if kind in given and getattr(args, option):
            given[kind][name] = getattr(args, option)
    return given


def given_passes(words: Sequence[str]) -> str | None:
    """``stored_passes`` of a command line."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(f"--{STORED_PASSES}")
    return parser.parse_known_args(words)[0].stored_passes


def pair_of(word: str, kind: str) -> dict[str, str]:
    """``name=place``, or ``{name: place}``, which the parser of training takes too."""
    name, sign, place = word.partition("=")
    if sign and not word.startswith("{"):
        return {name: place}
    import yaml

    try:
        content = yaml.safe_load(word)
    except yaml.YAMLError:
        content = None
    if not isinstance(content, dict):
        raise DataError(f"--{kind} {word}: want NAME=PLACE, as acoustic=exp/codec_mini.")
    return {str(name): str(place) for name, place in content.items()}


def values_of(setting: Setting | None, kind: str) -> Mapping[str, str]:
    """Name -> value of a YAML's mapping; YAMLs are named relative to the file itself, as ``base`` is."""
    if setting is None or setting.value is None:
        return {}
    if not isinstance(setting.value, dict) or not all(
        isinstance(text, str) and text for pair in setting.value.items() for text in pair
    ):
        raise DataError(
            f"{setting.file}: {kind} is {setting.value!r}, want names and places, as {{name: exp/x}}."
        )
    values = {}
    for name, value in setting.value.items():
        beside = folder_of(setting.file) / value
        values[name] = shortest(beside) if value.endswith((".yaml", ".yml")) and beside.is_file() else value
        if values[name].endswith((".yaml", ".yml")) and not Path(values[name]).is_file():
            raise DataError(
                f"{setting.file}: {kind}: {name}: {value}: no such file ({beside}); fix the path."
            )
    return values


def shortest(path: Path) -> str:
    """The path without ``x/..``, where it leads to the same file, so that a file has one name."""
    short = os.path.normpath(path)
    return short if os.path.exists(short) and os.path.samefile(short, path) else str(path)
