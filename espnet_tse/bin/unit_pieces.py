"""Units -> text of pieces: equal neighbours merged, frequent sequences joined."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse unit-pieces",
        description="Kaldi text of units as stage 5 writes them (one codebook), a line 'key piece piece ...' an "
        "utterance. --fit learns the pieces of the training set first; other sets are written with the same --model.",
    )
    parser.add_argument("--codes", required=True, help="semantic.scp of stage 5")
    parser.add_argument("--model", required=True, help="file of the pieces; --fit writes it")
    parser.add_argument("--fit", type=int, metavar="NUM_PIECES", help="learn so many pieces of --codes")
    parser.add_argument("--output", help="text file to write")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if args.fit is None and args.output is None:
        parser.error("give --fit NUM_PIECES, --output TEXT, or both")
    return run_command(parser.prog, lambda: run(args))


def run(args: argparse.Namespace) -> None:
    from espnet_tse.codec.unit_pieces import UnitPieces
    from espnet_tse.io.files import atomic_write

    rows, num_units, tokenizer = read_units(Path(args.codes))
    if args.fit is not None:
        UnitPieces.fit(rows.values(), num_units, args.fit, tokenizer).save(args.model)
    pieces = UnitPieces.load(args.model)
    pieces.check_tokenizer(tokenizer, args.codes)
    encoded = {key: pieces.encode(units) for key, units in rows.items()}
    if args.output is not None:
        with atomic_write(args.output) as file:
            file.writelines(f"{key} {' '.join(map(str, row))}\n" for key, row in encoded.items())
    frames, written = (sum(map(len, kept.values())) for kept in (rows, encoded))
    print(
        f"{args.codes}: {len(rows)} utterances, {frames} units written as {written} pieces of a vocabulary of {pieces.num_pieces}"
    )


def read_units(scp: Path) -> tuple[dict[str, list[int]], int, str]:
    """Key -> units, how many there may be, and the identity of their tokenizer.

    Raises:
        DataError: codes of several codebooks, units that the tokenizer does not have, or a file that cannot be read.
    """
    import numpy as np

    from espnet_tse.codec.manifest import codes_identity
    from espnet_tse.io.scp import DataError, read_scp
    from espnet_tse.schema.manifest import read_manifest, streams_in

    manifest = read_manifest(scp.parent)
    entries, spec = read_scp(scp), streams_in(manifest).get(scp.stem)
    if spec is None or getattr(spec, "num_codebooks", 0) != 1:
        raise DataError(f"{scp}: want codes of one codebook, as the stream 'semantic' of units.")
    rows = {}
    for key, path in entries.items():
        try:
            units = np.load(path, allow_pickle=False)[:, 0]
        except (OSError, ValueError, IndexError, EOFError) as error:
            raise DataError(
                f"{scp}: {key}: {path} cannot be read ({error}); run stage 5 (token) again."
            ) from error
        kind = np.issubdtype(units.dtype, np.integer)
        if not kind or units.size and not 0 <= units.min() <= units.max() < spec.codebook_size:
            raise DataError(
                f"{scp}: {key}: {path} holds {units.dtype} that are no numbers below {spec.codebook_size}; run stage 5 "
                "(token) with --force true."
            )
        rows[key] = units.tolist()
    return rows, spec.codebook_size, codes_identity(manifest)


if __name__ == "__main__":
    sys.exit(main())
