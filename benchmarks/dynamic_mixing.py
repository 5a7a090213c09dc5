#!/usr/bin/env python3
"""Examples a CPU second of dynamic mixing with cached audio.

python3 benchmarks/dynamic_mixing.py egs2/mini_librispeech/tse1/dump/raw/train [--crop_s 4] [--examples 2000]
"""

import argparse
import time

from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
from espnet_tse.data.mixing_conf import read_mixing_conf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source_dir")
    parser.add_argument("--crop_s", type=float, default=4.0)
    parser.add_argument("--examples", type=int, default=2000)
    args = parser.parse_args()
    conf = read_mixing_conf(f"{args.source_dir}/mixing.yaml")
    dataset = DynamicMixingDataset(args.source_dir, conf, crop_s=args.crop_s)
    dataset.example(0, 0)
    started, samples = time.process_time(), 0
    for number in range(args.examples):
        samples += len(dataset.example(1 + number // len(dataset), number % len(dataset))["mixture"])
    elapsed = time.process_time() - started
    mean_s = samples / args.examples / dataset.sample_rate
    print(f"{args.examples / elapsed:.0f} examples a CPU second, mixtures of {mean_s:.2f} s on average")


if __name__ == "__main__":
    main()
