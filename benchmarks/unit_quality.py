#!/usr/bin/env python3
"""What units tell about the words that were said and about who said them: lower bounds of their mutual information.

python3 ../../../benchmarks/unit_quality.py dump/codes_units_mini/train/semantic.scp dump/raw/train
In the folder of a recipe whose sentences all have as many words (mini_espeak). A logistic regression predicts the word of each
place, or the speaker, from how often each unit occurs in each twelfth of the utterance; the entropy of what is predicted less the
cross entropy on held-out utterances is a lower bound of the mutual information (Barber and Agakov, 2003). Words are held out with
their speakers, speakers by utterance.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold

from espnet_tse.io.command_line import run_command
from espnet_tse.io.scp import read_scp, read_text

WINDOWS, FOLDS = 12, 5


def features_of(path: str, num_units: int) -> np.ndarray:
    """(WINDOWS * num_units,) square roots of the shares of each unit in each window."""
    units = np.load(path, allow_pickle=False)[:, 0].astype(np.int64)
    window = np.arange(len(units)) * WINDOWS // len(units)
    counts = np.zeros((WINDOWS, num_units), dtype=np.float32)
    np.add.at(counts, (window, units), 1.0)
    return np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)).ravel()


def bits(features: np.ndarray, labels: np.ndarray, folds) -> tuple[float, float, float]:
    """Lower bound of the mutual information, entropy of the labels, accuracy on held-out utterances."""
    names, counts = np.unique(labels, return_counts=True)
    entropy = -float(np.sum(counts / len(labels) * np.log2(counts / len(labels))))
    costs, hits = [], []
    for train, test in folds:
        model = LogisticRegression(max_iter=300, C=1.0).fit(features[train], labels[train])
        place = {name: index for index, name in enumerate(model.classes_)}
        probabilities = model.predict_proba(features[test])
        own = [
            probabilities[row, place[name]] if name in place else 1e-12
            for row, name in enumerate(labels[test])
        ]
        costs += list(-np.log2(np.maximum(own, 1e-12)))
        hits += list(model.classes_[probabilities.argmax(axis=1)] == labels[test])
    return entropy - float(np.mean(costs)), entropy, float(np.mean(hits))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("codes_scp", type=Path, help="<stream>.scp of stage 5")
    parser.add_argument("data_dir", type=Path, help="text and utt2spk of the same utterances")
    parser.add_argument("--utterances", type=int, default=960, help="at most, evenly taken")
    args = parser.parse_args()
    started = time.process_time()
    codes, text, speakers = (
        read_scp(args.codes_scp),
        read_text(args.data_dir / "text"),
        read_text(args.data_dir / "utt2spk"),
    )
    keys = sorted(codes)[:: max(1, len(codes) // args.utterances)][: args.utterances]
    words = np.array([text[key].split() for key in keys])
    who = np.array([speakers[key] for key in keys])
    num_units = 1 + max(int(np.load(codes[key], allow_pickle=False).max()) for key in keys)
    features = np.stack([features_of(codes[key], num_units) for key in keys])
    print(f"{args.codes_scp}: {len(keys)} utterances, {len(set(who))} speakers, {num_units} units")
    print("| | bits, at least | of | accuracy |\n|:---|---:|---:|---:|")
    total = np.zeros(2)
    for place in range(words.shape[1]):
        folds = GroupKFold(FOLDS).split(features, words[:, place], who)
        found, entropy, accuracy = bits(features, words[:, place], folds)
        total += max(found, 0.0), entropy
        print(f"| word {place + 1} | {found:.2f} | {entropy:.2f} | {accuracy:.3f} |", flush=True)
    print(f"| all words | {total[0]:.2f} | {total[1]:.2f} | |")
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(features, who)
    found, entropy, accuracy = bits(features, who, folds)
    print(f"| speaker | {found:.2f} | {entropy:.2f} | {accuracy:.3f} |")
    print(f"{time.process_time() - started:.0f} CPU-s")


if __name__ == "__main__":
    sys.exit(run_command("unit_quality", main))
