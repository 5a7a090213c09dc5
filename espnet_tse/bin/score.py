"""Score estimates of any system: ``score --inf_scp A/wav.scp --ref_scp spk1.scp --output_dir A/scoring``."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.schema.command_line import CommandLine, run_command

# Without a default here: what is not given is the preset's.
PRESET_OPTIONS = {
    "text_norm": "auto (whisper_en for Whisper, else basic), basic, whisper_en, whisper_basic or none",
    "unit": "word (wer) or char (cer)",
    "length": "ref (pad or cut to the target), min or strict",
    "align": "none, or xcorr: extra *_al columns",
    "level": "none, peak or rms:<dBFS>, of the estimate",
}


def str2bool(value: str) -> bool:
    """``true``/``false`` as ESPnet's options have them."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise argparse.ArgumentTypeError(f"'{value}' is neither true nor false")


class _ListMetrics(argparse.Action):
    """Print the registry and end, so that the required options need not be given."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        from espnet_tse.scoring.metric_cards import metrics_markdown, metrics_table
        from espnet_tse.scoring.weight_files import Places

        # Options given before this one say where weights lie.
        places = Places(namespace.model_dir, namespace.dnsmos_dir)
        print(metrics_markdown() if values == "markdown" else metrics_table(places), end="")
        parser.exit(0)


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse score",
        description="Score estimates against their targets; pairs by key, and a missing output never helps.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    inputs = parser.add_argument_group("inputs (Kaldi scp files, joined by key)")
    inputs.add_argument("--inf_scp", type=Path, required=True, help="estimates")
    inputs.add_argument("--ref_scp", type=Path, help="clean targets, e.g. spk1.scp")
    inputs.add_argument("--mix_scp", type=Path, help="mixtures (improvements)")
    inputs.add_argument("--enroll_scp", type=Path, help="enrollments (similarity to the enrollment)")
    inputs.add_argument(
        "--intf_scp", type=Path, nargs="+", action="extend", default=[], help="interferers (confusion rate)"
    )
    inputs.add_argument("--text", type=Path, help="transcripts of the targets (wer)")
    inputs.add_argument("--utt2spk", type=Path, help="key -> target speaker")
    outputs = parser.add_argument_group("outputs")
    outputs.add_argument("--output_dir", type=Path, required=True, help="where the result files go")
    outputs.add_argument("--system", default="", help="name in the results; default: folder of --inf_scp")
    outputs.add_argument("--test_set", default="", help="name in the results; default: folder of --ref_scp")
    what = parser.add_argument_group("what to compute")
    what.add_argument("--preset", default="offline", help="metrics and settings, see --list_metrics")
    what.add_argument("--metrics", default="", help="'a,b' replaces the preset, '+a,-b' changes it")
    what.add_argument(
        "--asr",
        action="append",
        default=[],
        help="recogniser for wer/dwer, repeatable: 'whisper:<file.pt>', 'faster_whisper:<folder>', "
        "'hf_whisper:<folder>' (each with :language=en,decode=strict,tag=name), 'pocketsphinx' (smoke test only), "
        "'external:<text>[,<text of the clean targets>]'; 'none': not those of the preset",
    )
    preset = parser.add_argument_group("settings that a preset may hold; given here, they go before it")
    for name, text in PRESET_OPTIONS.items():
        preset.add_argument(f"--{name}", default=argparse.SUPPRESS, help=text)
    what.add_argument(
        "--missing", default="error", help="error, or penalize: missing estimates get penalties"
    )
    what.add_argument("--ref_channel", type=int, default=0, help="channel of multi-channel files")
    what.add_argument(
        "--allow_upsample", action="store_true", help="opinion scores also on data below 16 kHz"
    )
    what.add_argument(
        "--model_dir",
        type=Path,
        help="folder of weights that no package carries (doc/metrics.md); never filled here",
    )
    what.add_argument(
        "--skip_unavailable", action="store_true", help="n/a where a package or weights are missing"
    )
    what.add_argument("--dnsmos_dir", type=Path, help="folder with dnsmos_models/ and pdnsmos_models/")
    what.add_argument("--ci_unit", default="utt", help="what the bootstrap resamples: utt or spk")
    how = parser.add_argument_group("how")
    how.add_argument("--nj", type=int, default=1, help="processes, one thread each; never changes a result")
    how.add_argument("--cache_dir", type=Path, help="cache shared by all systems of a test set")
    how.add_argument(
        "--resume", type=str2bool, default=True, help="false: forget this system's cached scores"
    )
    how.add_argument("--force", action="store_true", help="exit code 0 even with more than 10 %% failures")
    how.add_argument(
        "--dry_run", action="store_true", help="check everything, estimate the time, score nothing"
    )
    how.add_argument(
        "--list_metrics",
        action=_ListMetrics,
        nargs="?",
        choices=["text", "markdown"],
        default=argparse.SUPPRESS,
        help="print all metrics and presets and what they lack here (behind --model_dir, with it)",
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    """Exit codes: 0 scored, 1 data errors or too many failures, 2 usage."""
    args = vars(get_parser().parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    dry_run = args.pop("dry_run")
    from espnet_tse.scoring.costs import estimate_seconds
    from espnet_tse.scoring.plan import ScoringOptions, make_plan
    from espnet_tse.scoring.runner import JobError, run

    args["intf_scp"], args["asr"] = tuple(args["intf_scp"]), tuple(args["asr"])

    def work() -> int:
        plan = make_plan(ScoringOptions(**args))
        if dry_run:
            print(
                f"{len(plan.utterances)} utterances, {len(plan.worker.metrics)} metrics: about "
                f"{estimate_seconds(plan) / 60:.1f} CPU minutes; inputs are in order."
            )
            return 0
        return run(plan)

    try:
        return run_command("espnet-tse score", work)
    except JobError as error:
        logging.error("%s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
