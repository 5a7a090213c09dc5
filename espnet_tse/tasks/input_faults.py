"""What of the YAMLs that a system builds on does not fit it, or is lacking, before anything of them is trained."""

import argparse
from pathlib import Path
from typing import Any, Iterable, Mapping

from espnet_tse.codec.load import codec_choices
from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.models.corrector import Corrector
from espnet_tse.tasks.checkpoint import check_corrector, read_config
from espnet_tse.tasks.choices import configs_of, model_choices
from espnet_tse.tasks.decode_settings import corrector_of
from espnet_tse.tasks.inputs import Input
from espnet_tse.tasks.pretrained import check_same_part


def check_inputs(args: argparse.Namespace, inputs: Iterable[Input]) -> None:
    """Raise DataError for a tokenizer of another kind, a system whose parts are others, or what is lacking.

    Args:
        args: options of a system.
        inputs: what it builds on; places are checked where they are opened, but for what a system that is run
            as it is says of itself.
    """
    if faults := [*lacking_systems(args), *lacking_preferences(args)]:
        raise DataError("\n".join(f"{args.config}: {fault}" for fault in faults))
    model = model_choices.classes[args.model]
    for found in inputs:
        if found.config != args.config or found.form != "yaml":
            continue
        where = f"{args.config}: {found.kind}: {found.name}: {found.value}"
        there = read_chain(found.value).content
        if found.kind == "tokenizers" and found.name in model.tokenizers:
            check_tokenizer(there.get("codec"), model.tokenizers[found.name], where)
        elif found.kind == "pretrained" and found.name in model.pretrained:
            if there.get("model") not in model_choices.classes:
                raise DataError(f"{where}: is no YAML of a system.")
            for slot in model.pretrained[found.name].slots:
                check_same_part(vars(args), there, slot, where)
    check_whole(args, inputs, model_choices.config(args.model, args.model_conf), f"{args.config}: model_conf")


def lacking_systems(args: argparse.Namespace) -> list[str]:
    """Trained systems that a training would want and that no option names."""
    config = model_choices.config(args.model, args.model_conf)
    return [
        f"pretrained: lacks {name}, the trained system {place.role or 'that it begins with'} (model {args.model}, "
        f"model_conf {args.model_conf}); name its YAML or folder, as pretrained: {{{name}: exp/tse_...}}"
        for name, place in model_choices.classes[args.model].pretrained.items()
        if not (args.pretrained or {}).get(name)
        and (place.frozen(config) or (place.required(config) and not args.init_param))
    ]


def lacking_preferences(args: argparse.Namespace) -> list[str]:
    """What to do where ``dpo_beta`` would find no preferences; sets that the options name may hold some."""
    beta = (args.model_conf or {}).get("dpo_beta")
    if not beta or args.preferences or args.train_data_dir:
        return []
    return [
        f"model_conf: dpo_beta {beta} learns from preferences, which a recipe makes where the YAML says how; add preferences: "
        "{num_utterances: 200} (doc/gentse.md), or name sets of espnet-tse make-preferences by --train_data_dir and "
        "--valid_data_dir"
    ]


def check_whole(args: argparse.Namespace, inputs: Iterable[Input], settings: object, where: str) -> None:
    """Raise DataError where settings do not go with a system that is run as it is, as far as one is there.

    Args:
        args, inputs: of ``check_inputs``.
        settings: a ``Config`` or a ``Decode`` of the model.
        where: begins the message.
    """
    model = model_choices.classes[args.model]
    for found in inputs:
        place = model.pretrained.get(found.name) if found.kind == "pretrained" else None
        there = content_of(found) if found.config == args.config and place and place.whole else None
        if there is None:
            continue
        try:
            configs = configs_of(there)
        except (KeyError, ValueError):  # told by a check of its own
            configs = {}
        try:
            model.check_system(settings, model_choices.classes[there["model"]], configs)
        except DataError as error:
            raise DataError(f"{where}: {error} ({found.value})") from error


def content_of(system: Input) -> Mapping[str, Any] | None:
    """Of a system's YAML, or of the folder that it was trained into; None of what is not here as such."""
    if system.form == "yaml":
        return read_chain(system.value).content
    folder = Path(system.value)
    return read_config(folder) if (folder / "config.yaml").is_file() else None


def check_decoding_inputs(config: str, to_train: Iterable[str], model: str | None = None) -> None:
    """Raise DataError where a decoding YAML names a corrector that is not there, or something else.

    Args:
        to_train: YAMLs of systems that are trained before, into folders named by them.
        model: folder of the system that decodes, where it is trained already.
    """
    corrector = corrector_of(config)
    if corrector is None:
        return
    if model is not None and Path(corrector).resolve() == Path(model).resolve():
        raise DataError(f"{config}: corrector: {corrector} is this system itself; leave it out.")
    yamls = {f"tse_{Path(yaml).stem}": yaml for yaml in to_train}
    yaml = None if Path(corrector).exists() else yamls.get(Path(corrector).name)
    if yaml is None:
        try:
            check_corrector(corrector)
        except DataError as error:
            raise DataError(f"{config}: {error}") from error
    elif not issubclass(
        model_choices.classes.get(model := read_chain(yaml).content.get("model"), object), Corrector
    ):
        raise DataError(
            f"{config}: corrector: {corrector} will be a system of model {model} ({yaml}); name one of model corrector."
        )


def check_tokenizer(codec: object, kind: type, where: str) -> None:
    """Raise DataError unless ``codec`` names a class of this kind."""
    chosen = codec_choices.classes.get(codec) if isinstance(codec, str) else None
    if chosen is None:
        raise DataError(f"{where}: is no YAML of a codec; name one.")
    if not issubclass(chosen, kind):
        raise DataError(
            f"{where}: codec {codec} is no {kind.__name__.removeprefix('Abs')}, which this system wants."
        )
