"""Translate a YAML of ESPnet2's TSE task (td_speakerbeam), and import the weights trained with it."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, imports_to_stderr, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse import-espnet",
        description=__doc__,
        epilog="Keys without a counterpart are told on stderr, each with what serves instead (doc/from_espnet.md).",
    )
    parser.add_argument(
        "config", type=Path, help="conf/train.yaml of a recipe, or config.yaml of exp/enh_..."
    )
    meaning = "Hz, of the audio it is trained on: ESPnet's YAMLs do not say it (their sample_rate is of noise mixing)"
    parser.add_argument("--sample_rate", type=int, required=True, help=meaning)
    parser.add_argument(
        "--output", type=Path, help="the YAML to write; none: stdout, or nothing with --checkpoint"
    )
    parser.add_argument(
        "--checkpoint", type=Path, help="weights that were trained with it, as valid.loss.best.pth"
    )
    parser.add_argument(
        "--output_dir", type=Path, help="with --checkpoint: the system's folder, as exp/tse_imported"
    )
    parser.add_argument("--licence", default="not stated", help="of the weights; kept beside them")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if (args.checkpoint is None) != (args.output_dir is None):
        parser.error("--checkpoint and --output_dir go together")
    if args.output is not None and args.output.resolve() == args.config.resolve():
        parser.error(f"--output {args.output} is the YAML that is translated; name another file")
    if args.sample_rate < 1:
        parser.error(f"--sample_rate {args.sample_rate}: want Hz, as 8000")
    return run_command(parser.prog, lambda: import_config(args))


def import_config(args: argparse.Namespace) -> None:
    import yaml

    announce("loading ESPnet")
    with imports_to_stderr():
        from espnet_tse.tasks.espnet_config import translate_config
        from espnet_tse.tasks.idle_options import INSTEAD
        from espnet_tse.tasks.imported_system import build_imported
        from espnet_tse.tasks.option_faults import faults_of_config
        from espnet_tse.tasks.tse import TSETask

    from espnet_tse.io.files import atomic_write

    parser = TSETask.get_parser()
    defaults = {action.dest: parser.get_default(action.dest) for action in parser._actions}
    translation = translate_config(args.config, args.sample_rate, INSTEAD, defaults)
    model = build_imported(translation.config, args.config)
    if args.checkpoint is not None:
        import_weights(args, translation, model)
    faults = [f"training would refuse it: {fault}" for fault in faults_of_config(translation.config, parser)]
    for remark in [*translation.remarks, *faults]:
        print(f"{args.config}: {remark}", file=sys.stderr)
    text = f"# Of ESPnet's {args.config.name}, by espnet-tse import-espnet.\n"
    text += yaml.safe_dump(translation.config, sort_keys=False)
    if args.output is not None:
        with atomic_write(args.output) as file:
            file.write(text)
    elif args.checkpoint is None:
        print(text, end="")


def import_weights(args: argparse.Namespace, translation, model) -> None:
    from espnet_tse.tasks.espnet_weights import weight_map
    from espnet_tse.tasks.imported_system import save_imported
    from espnet_tse.tasks.weight_map import read_state

    weights = weight_map(model.extractor, translation.extractor_conf)
    state = weights.translated(read_state(args.checkpoint), model.state_dict(), args.checkpoint)
    save_imported(args.output_dir, translation.config, state, args.checkpoint, args.licence)
    print(f"{args.output_dir}: {len(state)} tensors of {args.checkpoint}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
