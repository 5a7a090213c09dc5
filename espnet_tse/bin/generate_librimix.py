"""LibriMix's metadata, LibriSpeech and WHAM!'s noise -> LibriMix's audio, in LibriMix's layout, bit for bit."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from espnet_tse.io.command_line import CommandLine, run_command

if TYPE_CHECKING:
    from espnet_tse.data.librimix.layout import LibriMixSet
    from espnet_tse.data.librimix.metadata import MixtureSpec

GIB = 1 << 30


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        description=__doc__,
        epilog="Without --shard and --check, everything is done at once. What is there already is kept; a file of "
        "another length is an error.",
    )
    add_set_options(parser)
    parser.add_argument(
        "--sets", nargs="+", required=True, metavar="SET", help="train-360 train-100 dev test"
    )
    parser.add_argument(
        "--kinds", nargs="+", default=["clean"], help="clean (speakers), both (and noise), single"
    )
    parser.add_argument("--wham_noise", type=Path, help="folder of WHAM!'s noise, for kinds with noise")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--shard", metavar="J/N", help="make only this part of the mixtures")
    group.add_argument("--check", action="store_true", help="check that all is there, with its durations")
    group.add_argument(
        "--dry_run", action="store_true", help="tell how many files and bytes would be written"
    )
    return parser


def add_set_options(parser: argparse.ArgumentParser) -> None:
    """What names LibriMix sets; shared by ``prepare_librimix``."""
    parser.add_argument(
        "--librimix", type=Path, required=True, help="Libri2Mix: holds wav16k/min/train-100 ..."
    )
    parser.add_argument("--metadata", type=Path, required=True, help="LibriMix's metadata/Libri2Mix")
    parser.add_argument("--librispeech", type=Path, help="holds train-clean-100 ...")
    parser.add_argument("--num_speakers", type=int, default=2, help="of a mixture")
    parser.add_argument("--sample_rate", type=int, default=16000, choices=(8000, 16000), help="Hz")
    parser.add_argument(
        "--mode", default="min", choices=("min", "max"), help="length: of the shortest source, the longest"
    )
    parser.add_argument(
        "--published_metadata",
        default="true",
        choices=("true", "false"),
        help="want the published numbers of mixtures, and of the utterances that enrollments are drawn from",
    )


def check_set_options(
    parser: argparse.ArgumentParser, args: argparse.Namespace, kinds: Sequence[str]
) -> None:
    """End with exit code 2 where names are wrong."""
    from espnet_tse.data.librimix.layout import KINDS
    from espnet_tse.data.librimix.metadata import SUBSETS
    from espnet_tse.io.nearest_name import check_known

    try:
        check_known(args.sets, SUBSETS, where="--sets")
        check_known(kinds, KINDS, where="kinds")
    except ValueError as error:
        parser.error(str(error))
    if args.num_speakers < 2:
        parser.error("--num_speakers must be at least 2")


def chosen_sets(args: argparse.Namespace) -> list[tuple["LibriMixSet", list["MixtureSpec"], str]]:
    """Each set with its mixtures and the digest of its metadata.

    Raises:
        DataError: of the metadata.
    """
    from espnet_tse.data.librimix.layout import LibriMixSet
    from espnet_tse.data.librimix.metadata import metadata_path, read_metadata
    from espnet_tse.io.files import sha256_of

    found = []
    for name in dict.fromkeys(args.sets):
        specs = read_metadata(args.metadata, args.num_speakers, name, args.published_metadata == "true")
        target = LibriMixSet(args.librimix.resolve(), args.num_speakers, name, args.sample_rate, args.mode)
        found.append((target, specs, sha256_of(metadata_path(args.metadata, args.num_speakers, name))))
    return found


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    kinds = tuple(dict.fromkeys(args.kinds))
    check_set_options(parser, args, kinds)
    if args.librispeech is None and not args.dry_run:
        parser.error("--librispeech is required, but for --dry_run")
    from espnet_tse.io.scp import DataError
    from espnet_tse.io.shard import parse_shard

    try:
        shard = parse_shard(args.shard) if args.shard else (1, 1)
    except DataError as error:
        parser.error(str(error))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")
    if args.librispeech is not None:
        from espnet_tse.data.librispeech import librispeech_root

        args.librispeech = librispeech_root(args.librispeech)

    def work() -> None:
        if args.dry_run:
            _tell_sizes(args, kinds)
            return
        if not args.check:
            _generate(args, kinds, shard)
        if args.shard is None:
            _check(args, kinds)

    return run_command("generate_librimix", work)


def _generate(args: argparse.Namespace, kinds: tuple[str, ...], shard: tuple[int, int]) -> None:
    from espnet_tse.data.librimix import generation
    from espnet_tse.data.librimix.noise_speeds import make_noise, require_noises
    from espnet_tse.io.shard import take_shard

    corpora = generation.Corpora(args.librispeech, args.wham_noise)
    for target, specs, digest in chosen_sets(args):
        generation.check_origin(target, digest)
        if generation.is_complete(target, specs, kinds):
            logging.info(f"{target.folder}: all {len(specs)} mixtures are there")
            continue
        generation.require_sources(take_shard(specs, shard), args.librispeech)
        if set(kinds) - {"clean"}:
            # Each shard makes the noises of its own mixtures, so that no two write one.
            require_noises(specs, args.wham_noise)
            for name in require_noises(take_shard(specs, shard), args.wham_noise):
                make_noise(args.wham_noise, name)
        generation.claim(target, digest)
        made = generation.generate(target, specs, kinds, corpora, shard)
        logging.info(f"{target.folder}: {made} mixtures made, shard {shard[0]} of {shard[1]}")


def _check(args: argparse.Namespace, kinds: tuple[str, ...]) -> None:
    from espnet_tse.data.librimix import generation

    for target, specs, digest in chosen_sets(args):
        generation.check_origin(target, digest)
        generation.remove_remains(target, kinds)
        hours = generation.check_set(target, specs, kinds, args.librispeech)
        logging.info(
            f"{target.folder}: {len(specs)} mixtures of {target.num_speakers} speakers, {hours:.2f} h, "
            f"{', '.join(target.signals(kinds))}: all there, durations as in the metadata"
        )


def _tell_sizes(args: argparse.Namespace, kinds: tuple[str, ...]) -> None:
    from espnet_tse.data.librimix.sizes import estimate, free_bytes, on_one_disk

    total, noisy = 0, []
    for target, specs, _ in chosen_sets(args):
        told = estimate(target, specs, kinds, args.librispeech)
        total += told.num_bytes
        if told.num_missing and set(kinds) - {"clean"}:
            noisy += specs
        print(
            f"{target.folder}: {told.num_mixtures} mixtures, {told.hours:.1f} h ({told.mean_s:.1f} s each, "
            f"{'lengths of LibriSpeech' if told.sampled else 'published mean: LibriSpeech was not found'}), "
            f"{', '.join(target.signals(kinds))}; {told.num_missing} to be made, {told.num_bytes / GIB:.2f} GiB"
        )
    of_noises = _tell_noises(noisy, args.wham_noise) if noisy else 0
    if of_noises and on_one_disk(args.librimix, args.wham_noise):
        total += of_noises
    elif of_noises and of_noises > free_bytes(args.wham_noise):
        _warn(f"too little room below {args.wham_noise}")
    free = free_bytes(args.librimix)
    print(f"{total / GIB:.2f} GiB would be written, {free / GIB:.1f} GiB are free there")
    if total > free:
        _warn(f"too little room below {args.librimix}")


def _tell_noises(specs: list["MixtureSpec"], wham_noise: Path | None) -> int:
    """Bytes of the noises at other speeds; what would end the run is told as well."""
    from espnet_tse.data.librimix.noise_speeds import require_noises
    from espnet_tse.data.librimix.sizes import estimate_noises
    from espnet_tse.io.scp import DataError

    try:
        require_noises(specs, wham_noise)
    except DataError as error:
        _warn(str(error))
    if wham_noise is None:
        return 0
    number, num_bytes = estimate_noises(specs, wham_noise)
    if number:
        print(f"{number} noises at other speeds, {num_bytes / GIB:.2f} GiB in {wham_noise}")
    return num_bytes


def _warn(message: str) -> None:
    print(f"generate_librimix: warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
