"""Check YAMLs before hours are spent: keys, names and values of systems, codecs and decoding."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Callable, Sequence

from espnet_tse.io.command_line import CommandLine, announce, imports_to_stderr, run_command
from espnet_tse.tasks.inputs import Input


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse check-config",
        description=__doc__,
        epilog="The checks are those of training and decoding themselves; nothing is written. "
        "Exit code: 0 all is well, 2 faults were found or wrong usage.",
    )
    parser.add_argument("--tse_config", metavar="YAML", help="of a system")
    parser.add_argument("--tse_args", default="", help="options that follow it, one quoted string")
    parser.add_argument(
        "--prerequisite_config", metavar="YAML", nargs="+", default=[], help="of further systems"
    )
    parser.add_argument("--codec_config", metavar="YAML", nargs="+", default=[], help="of codecs")
    parser.add_argument(
        "--codec_args", default="", help="options that follow the first of them, one quoted string"
    )
    meaning = "of decoding, by the system of --tse_config or --model if given"
    parser.add_argument("--inference_config", metavar="YAML", help=meaning)
    parser.add_argument(
        "--inference_args",
        default="",
        help="options of 'espnet-tse extract' that follow it, one quoted string",
    )
    parser.add_argument(
        "--model", metavar="FOLDER", help="the system that decodes where it is trained already"
    )
    meaning = (
        "print what the YAMLs build on instead of checking them: YAML, kind, name, yaml or place, value, "
        "separated by tabs"
    )
    parser.add_argument("--print_inputs", action="store_true", help=meaning)
    parser.add_argument(
        "--acoustic",
        metavar="PLACE",
        help="with --print_inputs: every acoustic tokenizer, a folder or a YAML",
    )
    meaning = "with --print_inputs: of sets that are mixed while training, for the lists that they name"
    parser.add_argument("--mixing_config", metavar="YAML", nargs="+", default=[], help=meaning)
    parser.add_argument("unnamed", nargs="*", help=argparse.SUPPRESS)
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if args.unnamed:
        yaml = args.unnamed[0]
        parser.error(
            f"say what {yaml} is of: --tse_config {yaml}, --codec_config {yaml} or --inference_config {yaml}"
        )
    if args.print_inputs:
        return 2 if run_command(parser.prog, lambda: print_inputs(args)) else 0
    checks: list[tuple[str, Callable[[], object]]] = []
    # Holds the options of the system of --tse_config, and what it builds on, once its check has found no fault.
    systems: list[tuple[argparse.Namespace, list[Input]]] = []
    for config, options in zip(args.codec_config, [args.codec_args, *[""] * len(args.codec_config)]):
        checks.append((config, lambda config=config, options=options: check_codec(config, options)))
    for config in args.prerequisite_config:
        checks.append((config, lambda config=config: check_system(config)))
    if args.tse_config:
        checks.append((args.tse_config, lambda: systems.append(check_system(args.tse_config, args.tse_args))))
    if args.inference_config or args.inference_args:
        checks.append((args.inference_config or "--inference_args", lambda: check_decoding(args, *systems)))
    if not checks:
        parser.error("name a YAML: --tse_config, --codec_config, --prerequisite_config or --inference_config")
    announce(f"checking {', '.join(config for config, _ in checks)} (loading PyTorch and ESPnet)")
    passed = [passes(check) for _, check in checks]
    return 0 if all(passed) else 2


def print_inputs(args: argparse.Namespace) -> None:
    from espnet_tse.io.yaml_file import read_yaml
    from espnet_tse.tasks.inputs import files_of, inputs_of, inputs_of_decoding, lists_of, refuse_same_names

    systems = [(config, "") for config in args.prerequisite_config]
    if args.tse_config:
        systems.append((args.tse_config, args.tse_args))
    found = [part for config, words in systems for part in inputs_of(config, words_of(words), args.acoustic)]
    yamls = [config for config, _ in systems] + [part.value for part in found if part.form == "yaml"]
    yamls += [config for config in (*args.codec_config, args.inference_config) if config]
    refuse_same_names(dict.fromkeys(yaml for yaml in yamls if yaml != args.inference_config))
    if args.inference_config or args.inference_args:
        found += inputs_of_decoding(args.inference_config, words_of(args.inference_args))
    found += [part for config in args.mixing_config for part in lists_of(config, read_yaml(config))]
    for part in dict.fromkeys([*found, *(file for yaml in dict.fromkeys(yamls) for file in files_of(yaml))]):
        print(part.line())


def words_of(options: str) -> list[str]:
    """The words of one quoted string of options."""
    from espnet_tse.io.scp import DataError

    try:
        return shlex.split(options)
    except ValueError as error:
        raise DataError(f"options {options!r}: {error}; close the quotes.") from None


def passes(check: Callable[[], object]) -> bool:
    """Whether a check finds no fault; its errors are already printed."""
    from espnet_tse.io.scp import DataError

    try:
        check()
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return False
    except SystemExit as end:  # of a parser, after its message
        return end.code == 0
    return True


def check_codec(config: str, options: str) -> None:
    from espnet_tse.bin import codec_train

    unused = ["--train_data_dir=.", "--valid_data_dir=.", "--output_dir=."]
    codec_train.read_conf(
        codec_train.get_parser().parse_args(["--config", config, *unused, *words_of(options)])
    )


def check_decoding(
    args: argparse.Namespace, system: tuple[argparse.Namespace, list[Input]] | None = None
) -> None:
    """As settings of a system, given by its options and what it builds on, or trained; without these by itself."""
    from espnet_tse.bin import extract
    from espnet_tse.io.scp import DataError

    with imports_to_stderr():
        from espnet_tse.tasks.choices import configs_of, model_choices
        from espnet_tse.tasks.decode_settings import check_alone, check_for_system, read_task_settings
        from espnet_tse.tasks.input_faults import check_decoding_inputs, check_whole

    lists = ["--mixture_scp=-", "--enroll_scp=-", "--output_dir=-"]
    given = extract.parse([*lists, *words_of(args.inference_args)])
    config = given.inference_config or args.inference_config
    if config is not None:
        check_decoding_inputs(config, args.prerequisite_config, args.model)
    if args.model is not None:
        system = trained_system(args.model)
    if system is None:
        if config is not None:
            check_alone(config)
        return
    system, inputs = system
    if system.print_config:
        return
    model, where = model_choices.classes[system.model], config or "--inference_args"
    settings = read_task_settings(config, model, given.task)
    check_whole(system, inputs, settings, where)
    try:
        remarks = check_for_system(settings, model, configs_of(vars(system)), where)
    except DataError as error:
        raise DataError(
            "\n".join(f"{fault} ({system.config})" for fault in str(error).splitlines())
        ) from error
    for remark in remarks:
        print(f"note: {where}: {remark} ({system.config})", file=sys.stderr)


def trained_system(folder: str) -> tuple[argparse.Namespace, list[Input]]:
    """As ``check_system``, of a system that is there."""
    from espnet_tse.tasks.checkpoint import read_config
    from espnet_tse.tasks.inputs import inputs_of

    options, config = read_config(Path(folder)), str(Path(folder) / "config.yaml")
    return argparse.Namespace(**{**options, "config": config, "print_config": False}), inputs_of(config)


def check_system(config: str, options: str = "") -> tuple[argparse.Namespace, list[Input]]:
    from espnet_tse.tasks.inputs import inputs_of

    inputs = inputs_of(config, words_of(options))  # first, for it takes no time: files that are not there
    with imports_to_stderr():
        from espnet_tse.tasks.input_faults import check_inputs
        from espnet_tse.tasks.tse import TSETask
    args = TSETask.parse(["--config", config, *words_of(options)], get_parser().prog)
    if not args.print_config:
        check_inputs(args, inputs)
    return args, inputs


if __name__ == "__main__":
    sys.exit(main())
