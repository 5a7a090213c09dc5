"""``espnet-tse <command>``: one entry to every command line of the package."""

import argparse
import importlib
import sys

from espnet_tse.io.command_line import CommandLine, stopped
from espnet_tse.io.nearest_name import check_known

# Command -> (module, one line of help). Modules are imported only when their command runs, so
# that ``espnet-tse --help`` starts without torch.
COMMANDS = {
    "extract": ("extract", "extract a speaker: mixture + enrollment -> estimate"),
    "validate": ("validate", "check data directories"),
    "import-codec": ("import_codec", "a released FunCodec or BiCodec -> a codec folder"),
    "import-espnet": ("import_espnet", "a YAML and weights of ESPnet's TSE task -> ours"),
    "import-system": ("import_system", "published weights of another system -> ours"),
    "tokenize": ("encode_codes", "waveforms -> codec codes"),
    "unit-pieces": ("unit_pieces", "units -> text of pieces (byte-pair encoding)"),
    "resynthesize": ("resynthesize", "waveforms -> codes -> waveforms, a codec's upper bound"),
    "train": ("tse_train", "train a TSE system"),
    "make-preferences": ("make_preferences", "pairs of better and worse outputs, for training by preference"),
    "score": ("score", "score estimates, of any system"),
    "analyse-di": ("analyse_di", "how much of what a system changes is removed, how much added"),
    "front-end-asr": ("front_end_asr", "word error rates with and without an extractor in front"),
    "report": ("report", "RESULTS.md and report.html of an experiment folder"),
    "pack": ("pack", "one archive of a trained system"),
    "upload": ("upload", "a packed system -> a repository of the Hugging Face hub"),
    "export": ("export", "a discriminative system -> ONNX"),
    "demo": ("demo", "a page in the browser: extract and listen"),
    "new-recipe": ("new_recipe", "create a recipe for a corpus"),
    "check-config": ("check_config", "check YAMLs of systems, codecs and decoding"),
    "doctor": ("doctor", "check the installation"),
}


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse",
        usage="espnet-tse [-h] [--version] command [options]",
        description="Target speaker extraction: data, training, extraction, scoring.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n"
        + "\n".join(f"  {name:<18}{help_}" for name, (_, help_) in COMMANDS.items())
        + "\n\n'espnet-tse <command> --help' lists a command's options.",
    )
    parser.add_argument("command", nargs="?")
    parser.add_argument("--version", action="store_true", help="print the version, and the commit of a clone")
    return parser


def main() -> int:
    parser = get_parser()
    args = parser.parse_args(sys.argv[1:2])
    if args.version:
        print(version())
        return 0
    if args.command is None:
        parser.error(f"want a command: {', '.join(COMMANDS)}")
    try:
        check_known([args.command], COMMANDS, where="command")
    except ValueError as error:
        parser.error(str(error))
    module, _ = COMMANDS[args.command]
    try:
        program = importlib.import_module(f"espnet_tse.bin.{module}")
        return program.main(sys.argv[2:]) or 0
    except KeyboardInterrupt:  # while it loads, or of a command that has no end of its own for it
        return stopped(f"{parser.prog} {args.command}")


def version() -> str:
    """``espnet-tse 0.1.0``, and the commit where the package lies in a clone."""
    from espnet_tse import __version__
    from espnet_tse.scoring.result.source_version import source_commit

    commit = source_commit()
    return f"espnet-tse {__version__}" + (f" (commit {commit})" if commit else "")


if __name__ == "__main__":
    sys.exit(main())
