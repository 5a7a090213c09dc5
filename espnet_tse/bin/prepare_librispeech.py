"""Subsets of LibriSpeech -> a source directory, whose mixtures are made while training."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument("--librispeech", type=Path, required=True, help="holds train-clean-100 ...")
    parser.add_argument(
        "--subsets", nargs="+", required=True, help="train-clean-100 train-clean-360 train-other-500"
    )
    parser.add_argument(
        "--published_counts",
        default="true",
        choices=("true", "false"),
        help="want the published numbers of utterances",
    )
    parser.add_argument("--mixing", type=Path, required=True, help="how mixtures are made: a mixing.yaml")
    parser.add_argument("--output_dir", type=Path, required=True, help="data/<set>")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")

    def work() -> None:
        from espnet_tse.data.librispeech import find_utterances, librispeech_root, transcripts_of
        from espnet_tse.data.mixing_conf import read_mixing_conf
        from espnet_tse.data.scp_fields import MIXING_YAML, MIXTURE_SCP, turned_round
        from espnet_tse.io.files import atomic_write
        from espnet_tse.io.replaced_folder import replaced_folder
        from espnet_tse.io.scp import write_scp

        read_mixing_conf(args.mixing)  # before the search: its faults should not cost minutes
        root = librispeech_root(args.librispeech).resolve()
        published = args.published_counts == "true"
        utterances = [
            utterance
            for subset in dict.fromkeys(args.subsets)
            for utterance in find_utterances(root, subset, published)
        ]
        speakers = {utterance.key: utterance.speaker for utterance in utterances}
        words: dict[str, str] = {}
        for chapter in {utterance.chapter: utterance for utterance in utterances}.values():
            words |= transcripts_of(chapter)
        with replaced_folder(args.output_dir, [root / subset for subset in args.subsets]) as folder:
            write_scp(folder / MIXTURE_SCP, {utterance.key: utterance.path for utterance in utterances})
            write_scp(folder / "utt2spk", speakers)
            write_scp(folder / "spk2utt", turned_round(speakers))
            if speakers.keys() <= words.keys():
                write_scp(folder / "text", {key: words[key] for key in speakers})
            with atomic_write(folder / MIXING_YAML) as file:
                file.write(args.mixing.read_text(encoding="utf-8"))
        logging.info(
            f"{args.output_dir}: {len(utterances)} utterances of {len(set(speakers.values()))} speakers, mixed while training"
        )

    return run_command("prepare_librispeech", work)


if __name__ == "__main__":
    sys.exit(main())
