"""``espnet-tse <command>``: one entry to every command line of the package."""

import argparse
import importlib
import sys

# Command -> (module, one line of help). Modules are imported only when their command runs, so
# that ``espnet-tse --help`` starts without torch.
COMMANDS = {
    "extract": ("extract", "extract a speaker: mixture + enrollment -> estimate"),
    "validate": ("validate", "check data directories"),
    "tokenize": ("encode_codes", "waveforms -> codec codes"),
    "train": ("tse_train", "train a TSE system"),
    "score": ("score", "score estimates, of any system"),
    "report": ("report", "RESULTS.md and report.html of an experiment folder"),
    "pack": ("pack", "one archive of a trained system"),
    "new-recipe": ("new_recipe", "create a recipe for a corpus"),
    "doctor": ("doctor", "check the installation"),
}


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="espnet-tse",
        description="Target speaker extraction: data, training, extraction, scoring.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n"
        + "\n".join(f"  {name:<12}{help_}" for name, (_, help_) in COMMANDS.items())
        + "\n\n'espnet-tse <command> --help' tells a command's options.",
    )
    parser.add_argument("command", choices=list(COMMANDS), metavar="command")
    return parser


def main() -> int:
    args = get_parser().parse_args(sys.argv[1:2])
    module, _ = COMMANDS[args.command]
    program = importlib.import_module(f"espnet_tse.bin.{module}")
    return program.main(sys.argv[2:]) or 0


if __name__ == "__main__":
    sys.exit(main())
