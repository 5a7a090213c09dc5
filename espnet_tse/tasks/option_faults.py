"""What is wrong with the options of a training, before anything of it is opened."""

import argparse
import dataclasses
import math
from typing import Mapping, Sequence

from espnet2.utils.nested_dict_action import NestedDictAction

from espnet_tse.data.mixing_conf import MIXED_TASKS, MixingConf
from espnet_tse.encoder.latents import AbsLatentEncoder
from espnet_tse.io.chain_parser import unknown_keys
from espnet_tse.io.choices import checked
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.slots import nothing
from espnet_tse.io.yaml_chain import YamlChain
from espnet_tse.tasks.build import build_model, build_part, check_kind
from espnet_tse.tasks.choices import TABLES, all_options, model_choices, slots_of
from espnet_tse.tasks.preference_conf import PreferenceConf
from espnet_tse.tasks.pretrained import faults_of_pretrained
from espnet_tse.train.optimization import faults_of_optimization
from espnet_tse.train.options import faults_of

WANTED = {
    "int": "a whole number",
    "int_or_none": "a whole number or none",
    "float": "a number",
    "float_or_none": "a number or none",
    "str2bool": "true or false",
}  # by type of an option


def faults_of_arguments(args: argparse.Namespace, chain: YamlChain | None) -> list[str]:
    """What is wrong with the values of all options together; those of a YAML with its file.

    Args:
        chain: the YAML that they come from, if there is one.
    """
    faults = [*faults_of_choices(args), *faults_of_optimization(args), *faults_of_pretrained(args)]
    if chain is not None:
        faults = [f"{chain.where(fault)}: {fault}" for fault in faults]
    return [
        *faults,
        *faults_of_mixing(args),
        *faults_of_preferences(args),
        *faults_of_stored_passes(args),
        *faults_of_lengths(args),
        *faults_of(args),
    ]


def faults_of_config(config: Mapping[str, object], parser: argparse.ArgumentParser) -> list[str]:
    """What is wrong with the content of a YAML that is no file yet.

    Args:
        parser: of training; it takes the values as defaults.
    """
    actions = [action for action in parser._actions if action.dest in config]
    faults = [fault for action in actions for fault in faults_of_value(action, config[action.dest])]
    if faults:
        return faults
    parser.set_defaults(**config)
    return faults_of_arguments(parser.parse_args([]), None)


def faults_of_yaml(chain: YamlChain, actions: Sequence[argparse.Action]) -> list[str]:
    """What is wrong with keys, choices and values of the ``--config`` file and its bases, with their file."""
    # The list of all known options is the parser's --help; here it would bury the fault.
    faults = [
        fault.split("; known:")[0] + "; --help lists all options" for fault in unknown_keys(chain, actions)
    ]
    conf = chain.content
    if "criterions" in conf:  # nothing of ours has this key
        faults.append(
            f"{chain.where('criterions')}: criterions: is a key of ESPnet's TSE task; espnet-tse import-espnet "
            "translates its YAMLs"
        )
    for action in actions:
        if action.dest in conf:
            faults += [
                f"{chain.where(fault)}: {fault}" for fault in faults_of_value(action, conf[action.dest])
            ]
    return faults


def faults_of_value(action: argparse.Action, value: object) -> list[str]:
    """What is wrong with a value of a YAML; ESPnet checks types and choices of the command line's only."""
    name = action.dest
    if isinstance(action, NestedDictAction) and not isinstance(value, dict):
        return [f"{name}: want 'key: value' pairs, got {value!r}"]
    kind, several = getattr(action.type, "__name__", "value"), takes_several(action)
    if value is None:
        required = action.default is not None and (several or kind in ("int", "float", "str2bool"))
        return [f"{name} is null, want {wanted_of(kind, several)}"] if required else []
    if isinstance(value, (list, dict)):
        fits = several and isinstance(value, list) or isinstance(action, NestedDictAction)
        return [] if fits else [f"{name}: want {wanted_of(kind, several)}, got {value!r}"]
    try:
        typed = action.type(str(value)) if action.type else value
    except (TypeError, ValueError, argparse.ArgumentTypeError):
        return [f"{name}: '{value}' is not {WANTED.get(kind, f'what {kind} reads')}"]
    try:
        if action.choices:
            check_known([typed], [str(choice) for choice in action.choices], where=name)
    except ValueError as error:
        return [str(error)]
    return []


def takes_several(action: argparse.Action) -> bool:
    """Whether the value of an option is a list."""
    return action.nargs not in (None, 0) or isinstance(action, argparse._AppendAction)


def wanted_of(kind: str, several: bool) -> str:
    """What an option wants, by the name of its type."""
    return "a list" if several else WANTED.get(kind, "one value")


def faults_of_mixing(args: argparse.Namespace) -> list[str]:
    """What is wrong with the names in ``mixing``; values are checked together with those of the set."""
    if not isinstance(args.mixing, Mapping):
        return [f"mixing: want 'key: value' pairs, got {args.mixing!r}"]
    try:
        check_known(args.mixing, [field.name for field in dataclasses.fields(MixingConf)], "mixing")
        if "tasks" in args.mixing:
            MixingConf(tasks=args.mixing["tasks"])
        if args.model in model_choices.classes and "tasks" in args.mixing:
            known = [task for task in MIXED_TASKS if task in model_choices.classes[args.model].tasks]
            check_known(args.mixing["tasks"], known, f"mixing: tasks of model {args.model}")
    except ValueError as error:
        return [str(error) if str(error).startswith("mixing") else f"mixing: {error}"]
    return []


def faults_of_preferences(args: argparse.Namespace) -> list[str]:
    """What is wrong with ``preferences``."""
    if not args.preferences:
        return []
    try:
        checked(PreferenceConf, args.preferences, "preferences")
    except ValueError as error:
        return [str(error)]
    if not (args.model_conf or {}).get("dpo_beta"):
        return [
            f"preferences: model {args.model} would not learn from them; set dpo_beta in the model_conf of a gentse, or leave "
            "them out"
        ]
    return []


def faults_of_stored_passes(args: argparse.Namespace) -> list[str]:
    """What is wrong with ``stored_passes``."""
    passes = args.stored_passes
    if not isinstance(passes, int) or passes < 0:
        return [f"stored_passes is {passes!r}, want a whole number of 0 or more"]
    if not passes:
        return []
    faults = []
    encoder = TABLES["encoder"].classes.get(args.encoder)
    if encoder is None or not issubclass(encoder, AbsLatentEncoder):
        faults.append(
            f"stored_passes: encoder {args.encoder} reads no stored latents, as latent_sequence does; leave it out"
        )
    if args.mixing:
        faults.append("stored_passes: mixtures are made by mixing.yaml of the set alone; leave out mixing")
    return faults


def faults_of_lengths(args: argparse.Namespace) -> list[str]:
    """Which lengths of training examples are not seconds above 0."""
    lengths = {name: getattr(args, name) for name in ("crop_s", "enrollment_s", "max_batch_s")}
    return [
        f"--{name} is {value}, want seconds above 0, as 3.0, or leave it out"
        for name, value in lengths.items()
        if value is not None and not (isinstance(value, (int, float)) and 0.0 < value < math.inf)
    ]


def faults_of_choices(args: argparse.Namespace) -> list[str]:
    """What is wrong with the names and the blocks of all parts, and with the names of tokenizers."""
    config = vars(args)
    used, faults = dict(slots_of("model", config)), []
    for option, table in used.items():
        try:
            if config[option] is None:
                known = ", ".join(sorted(TABLES[table].classes))
                raise ValueError(f"--{option} is required; one of: {known}")
            TABLES[table].config(config[option], config[f"{option}_conf"], option)
        except ValueError as error:
            faults.append(str(error))
    if not faults:
        # With a part that is refused it is not known either what it is composed of.
        unused = [option for option in all_options() if option not in used and config[option] is not None]
        faults += [
            f"{option}: this system has none; leave out {option}: {config[option]}" for option in unused
        ]
    return faults or faults_of_whole(config)


def faults_of_whole(config: dict) -> list[str]:
    """What only a built system shows: windows and hops, a speaker loss without embedding, unfit encoders.

    Parts that take a tokenizer are left out, for it need not be there yet.
    """
    model = model_choices.classes[config["model"]]
    try:
        for option in ("tokenizers", "train_tokens", "valid_tokens"):
            check_known(config[option] or {}, model.tokenizers, where=option)
        if lacking := [name for name in model.tokenizers if not config["tokenizers"].get(name)]:
            raise ValueError(
                f"tokenizers: lacks {', '.join(lacking)}, which model {config['model']} builds on; name a "
                f"folder, or the YAML of one, as tokenizers: {{{lacking[0]}: codec_mini.yaml}}"
            )
        if not model.tokenizers:
            build_model(config)
        settings = model_choices.config(config["model"], config["model_conf"])
        for slot in model.slots.values():
            check_kind(slot, config)
            alone = model.tokenizers and slot.given is nothing and not slot.deferred
            if alone and slot.when(settings):
                build_part(slot.name, slot.table, config, {})
    except ValueError as error:
        return [str(error)]
    return []
