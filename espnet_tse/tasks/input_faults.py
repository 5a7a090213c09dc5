"""What of the YAMLs that a system builds on does not fit it, before anything of them is trained."""

import argparse
from typing import Iterable

from espnet_tse.codec.load import codec_choices
from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.tasks.choices import configs_of, model_choices
from espnet_tse.tasks.inputs import Input
from espnet_tse.tasks.pretrained import check_same_part


def check_inputs(args: argparse.Namespace, inputs: Iterable[Input]) -> None:
    """Raise DataError for a tokenizer of another kind, or a system whose parts are others.

    Args:
        args: options of a system.
        inputs: what it builds on; those that are places are checked where they are opened.
    """
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
            if model.pretrained[found.name].whole:
                check_whole(args, there, found.value)
            for slot in model.pretrained[found.name].slots:
                check_same_part(vars(args), there, slot, where)


def check_whole(args: argparse.Namespace, there: dict, yaml: str) -> None:
    """Raise DataError where the settings of a system do not go with one that it runs as it is.

    Args:
        there: content of the ``yaml`` of the latter.
    """
    cls = model_choices.classes[args.model]
    try:
        configs = configs_of(there)
    except (KeyError, ValueError):  # told by a check of its own
        configs = {}
    try:
        cls.check_system(
            model_choices.config(args.model, args.model_conf), model_choices.classes[there["model"]], configs
        )
    except DataError as error:
        raise DataError(f"{args.config}: model_conf: {error} ({yaml})") from error


def check_tokenizer(codec: object, kind: type, where: str) -> None:
    """Raise DataError unless ``codec`` names a class of this kind."""
    chosen = codec_choices.classes.get(codec) if isinstance(codec, str) else None
    if chosen is None:
        raise DataError(f"{where}: is no YAML of a codec; name one.")
    if not issubclass(chosen, kind):
        raise DataError(
            f"{where}: codec {codec} is no {kind.__name__.removeprefix('Abs')}, which this system wants."
        )
