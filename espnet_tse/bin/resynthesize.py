"""Encode and decode utterances with a codec: the upper bound of systems that predict its codes."""

import sys
from typing import Sequence

from espnet_tse.bin.encode_codes import get_parser as coding_parser
from espnet_tse.bin.encode_codes import run


def get_parser():
    parser = coding_parser("espnet-tse resynthesize", __doc__)
    parser.add_argument(
        "--num_codebooks", type=int, metavar="n", help="decode from the first n codebooks (default: all)"
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    return run(get_parser(), cmd, resynthesize=True)


if __name__ == "__main__":
    sys.exit(main())
