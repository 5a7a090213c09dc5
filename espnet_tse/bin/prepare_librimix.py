"""LibriMix's audio -> data/<set>: one row a mixture and target speaker, enrolled after a named protocol."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.bin.generate_librimix import add_set_options, check_set_options, chosen_sets
from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    add_set_options(parser)
    parser.add_argument(
        "--sets", nargs="+", required=True, metavar="SET", help="one, or several that become one to train on"
    )
    parser.add_argument("--kind", default="clean", help="clean (speakers), both (and noise), single")
    parser.add_argument("--enrollment", default="own", help="own, speakerbeam, laura or espnet")
    parser.add_argument("--enrollment_lists", type=Path, help="folder of the published lists")
    parser.add_argument(
        "--targets",
        nargs="+",
        type=int,
        help="numbers of the speakers that are targets; none: all, of laura and single the first",
    )
    parser.add_argument("--training", action="store_true", help="enrollments are drawn in training")
    parser.add_argument("--output_dir", type=Path, required=True, help="data/<set>")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    check_set_options(parser, args, [args.kind])
    targets = _checked_targets(parser, args)
    if len(args.sets) > 1 and not args.training:
        parser.error("several --sets become one for --training only")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")

    def work() -> None:
        from espnet_tse.data.librimix.generation import check_origin, is_complete
        from espnet_tse.data.librimix.lists import Protocol, held_out_set, training_set
        from espnet_tse.data.prepared_set import write_set
        from espnet_tse.data.librispeech import librispeech_root
        from espnet_tse.io.scp import DataError

        librispeech = None if args.librispeech is None else librispeech_root(args.librispeech).resolve()
        lists = None if args.enrollment_lists is None else args.enrollment_lists.resolve()
        published = args.published_metadata == "true"
        protocol = Protocol(args.enrollment, targets, args.kind, librispeech, lists, published)
        parts = []
        for target, specs, digest in chosen_sets(args):
            check_origin(target, digest)
            if not is_complete(target, specs, (args.kind,)):
                raise DataError(f"{target.folder}: is not complete; run generate_librimix first.")
            parts.append((target, specs))
        prepared = training_set(parts, protocol) if args.training else held_out_set(*parts[0], protocol)
        write_set(args.output_dir, prepared)
        logging.info(
            f"{args.output_dir}: {len(prepared.lists['wav.scp'])} rows, {len(prepared.lists['spk2utt'])} speakers, "
            f"{prepared.description['list']}"
        )

    return run_command("prepare_librimix", work)


def _checked_targets(parser: argparse.ArgumentParser, args: argparse.Namespace) -> tuple[int, ...]:
    """The targets; ends with exit code 2 where protocol and targets do not go together."""
    from espnet_tse.data.librimix.lists import ENROLLMENTS
    from espnet_tse.io.nearest_name import check_known

    try:
        check_known([args.enrollment], ENROLLMENTS, where="--enrollment")
    except ValueError as error:
        parser.error(str(error))
    first_only = args.enrollment == "laura" or args.kind == "single"
    targets = tuple(sorted(set(args.targets or ([1] if first_only else range(1, args.num_speakers + 1)))))
    if targets[0] < 1 or targets[-1] > args.num_speakers:
        parser.error(f"--targets wants numbers from 1 to {args.num_speakers}")
    if first_only and targets != (1,):
        what = "LauraTSE's lists have" if args.enrollment == "laura" else "kind single has"
        parser.error(f"{what} the first speaker only; leave out --targets")
    if args.enrollment == "laura" and args.num_speakers != 2:
        parser.error("LauraTSE's lists are of two speakers")
    return targets


if __name__ == "__main__":
    sys.exit(main())
