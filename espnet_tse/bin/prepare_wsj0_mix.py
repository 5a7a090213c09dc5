"""WSJ0-2mix, WHAM! or WHAMR! -> data/<set>: one row a mixture and target speaker, enrolled after a named protocol."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument("--corpus", required=True, choices=("wsj0_2mix", "wham", "whamr"))
    parser.add_argument(
        "--mixtures", type=Path, required=True, help="holds wav8k/min/tr ..., as the scripts write it"
    )
    parser.add_argument("--wsj0", type=Path, required=True, help="holds si_tr_s ... as WAV: enrollments")
    parser.add_argument("--set", required=True, choices=("tr", "cv", "tt"))
    parser.add_argument("--sample_rate", type=int, default=8000, choices=(8000, 16000), help="Hz")
    parser.add_argument(
        "--mode", default="min", choices=("min", "max"), help="length: of the shorter source, the longer"
    )
    parser.add_argument(
        "--kind", default="clean", help="clean (speakers), both (and noise), single; WSJ0-2mix: clean"
    )
    parser.add_argument(
        "--room", default="reverb", choices=("anechoic", "reverb"), help="of WHAMR!'s mixtures"
    )
    parser.add_argument(
        "--target", default="anechoic", choices=("anechoic", "reverb"), help="of WHAMR!'s targets"
    )
    parser.add_argument("--enrollment", default="own", choices=("own", "spex"))
    parser.add_argument("--enrollment_lists", type=Path, help="folder of SpEx+'s lists")
    parser.add_argument(
        "--mixture_lists", type=Path, help="folder of the corpus's own lists: no other mixture is taken"
    )
    parser.add_argument(
        "--published_counts",
        default="true",
        choices=("true", "false"),
        help="want the published numbers of mixtures",
    )
    parser.add_argument(
        "--targets",
        nargs="+",
        type=int,
        help="numbers of the target speakers; none: all, of single the first",
    )
    parser.add_argument("--training", action="store_true", help="enrollments are drawn in training")
    parser.add_argument("--output_dir", type=Path, required=True, help="data/<set>")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    targets = _checked_targets(parser, args)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")

    def work() -> None:
        from espnet_tse.data.prepared_set import write_set
        from espnet_tse.data.wsj0 import wsj0_root
        from espnet_tse.data.wsj0_mix.layout import Wsj0MixSet, mixture_root
        from espnet_tse.data.wsj0_mix.lists import Protocol, held_out_set, training_set
        from espnet_tse.data.wsj0_mix.mixtures import read_mixtures

        rooms = (args.room, args.target) if args.corpus == "whamr" else ("", "")
        root = mixture_root(args.mixtures).resolve()
        target = Wsj0MixSet(args.corpus, root, args.set, args.sample_rate, args.mode, *rooms)
        published = args.published_counts == "true"
        mixtures = read_mixtures(target, args.kind, published, args.mixture_lists)
        wsj0 = wsj0_root(args.wsj0).resolve()
        protocol = Protocol(args.enrollment, targets, args.kind, wsj0, args.enrollment_lists, published)
        prepare = training_set if args.training else held_out_set
        prepared = prepare(target, mixtures, protocol)
        write_set(args.output_dir, prepared)
        logging.info(
            f"{args.output_dir}: {len(prepared.lists['wav.scp'])} rows of {len(mixtures)} mixtures, "
            f"{len(prepared.lists['spk2utt'])} speakers, {prepared.description['list']}"
        )

    return run_command("prepare_wsj0_mix", work)


def _checked_targets(parser: argparse.ArgumentParser, args: argparse.Namespace) -> tuple[int, ...]:
    """The targets; ends with exit code 2 where corpus, kind, rooms and targets do not go together."""
    from espnet_tse.data.wsj0_mix.layout import KINDS, NUM_SPEAKERS, TITLES

    if args.kind not in KINDS[args.corpus]:
        parser.error(
            f"{TITLES[args.corpus]} has the kinds {', '.join(KINDS[args.corpus])}, not '{args.kind}'"
        )
    if args.corpus == "whamr" and (args.room, args.target) == ("anechoic", "reverb"):
        parser.error(
            "an anechoic mixture has no reverberant target; leave out --target reverb or --room anechoic"
        )
    first_only = args.kind == "single"
    targets = tuple(sorted(set(args.targets or ([1] if first_only else range(1, NUM_SPEAKERS + 1)))))
    if targets[0] < 1 or targets[-1] > NUM_SPEAKERS:
        parser.error(f"--targets wants numbers from 1 to {NUM_SPEAKERS}")
    if first_only and targets != (1,):
        parser.error("kind single has the first speaker only; leave out --targets")
    return targets


if __name__ == "__main__":
    sys.exit(main())
