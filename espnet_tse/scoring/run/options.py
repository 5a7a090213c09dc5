"""The options of a scoring run; ``score`` makes its command line of them."""

from dataclasses import asdict, dataclass
from pathlib import Path

from espnet_tse.io.option_fields import option
from espnet_tse.scoring.measure.weight_files import Places

# Key of a group of options -> its title in the help.
GROUPS = {
    "inputs": "inputs (Kaldi scp files, joined by key)",
    "outputs": "outputs",
    "what": "what to compute",
    "preset": "settings that a preset may hold; given here, they override it",
    "how": "how",
}


def _of_preset(text: str) -> str:
    """An option without a default of its own: what is not given is the preset's."""
    return option(text, "preset", "", shows_default=False)


@dataclass(frozen=True)
class ScoringOptions:
    """What the user asked for; fields are the command-line options of ``score``.

    "" stands for what the preset says (``with_preset``).
    """

    inf_scp: Path | None = option("estimates", "inputs")
    output_dir: Path = option("where the result files go", "outputs")
    inf_dir: Path | None = option("folder of estimates, instead of --inf_scp", "inputs", None)
    inf_pattern: str = option("path of an utterance's file below --inf_dir", "inputs", "{utt}.wav")
    ref_scp: Path | None = option("clean targets, e.g. spk1.scp", "inputs", None)
    mix_scp: Path | None = option("mixtures (improvements)", "inputs", None)
    enroll_scp: Path | None = option("enrollments (similarity to the enrollment)", "inputs", None)
    intf_scp: tuple[Path, ...] = option("interferers (confusion rate)", "inputs", ())
    absent: str = option(
        "list of the utterances whose target says nothing, or 'silent': those whose target is digital silence",
        "inputs",
        "",
    )
    activity: Path | None = option(
        "when the targets speak, lines 'key START-END ...' in seconds, 'key none' or 'key unknown' (timing_f1, "
        "pause_leak); those of 'none' are --absent as well",
        "inputs",
        None,
    )
    vad_activity: Path | None = option(
        "when the estimates speak, such lines of any voice activity detector (timing_f1_vad)", "inputs", None
    )
    text: Path | None = option("transcripts of the targets (wer)", "inputs", None)
    intf_text: tuple[Path, ...] = option("transcripts of the interferers (leak)", "inputs", ())
    utt2spk: Path | None = option("key -> target speaker", "inputs", None)
    intf_utt2spk: tuple[Path, ...] = option("key -> interfering speaker", "inputs", ())
    spk2gender: Path | None = option("speaker -> gender (bucket of gender pairs)", "inputs", None)
    external: tuple[str, ...] = option(
        "NAME=PATH[:FIELD][,up|down], repeatable: a column of scores computed elsewhere, from Kaldi lines or JSON "
        "lines (VERSA, ESPnet)",
        "inputs",
        (),
    )
    utt2rtf: Path | None = option("key -> real-time factor of its extraction (rtf)", "inputs", None)
    preset: str = option("metrics and settings; see --list_metrics", "what", "offline")
    metrics: str = option("'a,b' replaces the preset, '+a,-b' changes it", "what", "")
    asr: tuple[str, ...] = option(
        "recogniser for wer/dwer, repeatable: 'whisper:<file.pt>', 'faster_whisper:<folder>', "
        "'hf_whisper:<folder>' (each with :language=en,decode=strict,tag=name), 'pocketsphinx' (smoke test only), "
        "'external:<text>[,<text of the clean targets>]'; 'none': not those of the preset",
        "what",
        (),
    )
    text_norm: str = _of_preset(
        "auto (whisper_en for Whisper, else basic), basic, whisper_en, whisper_basic or none"
    )
    unit: str = _of_preset("word (wer) or char (cer)")
    length: str = _of_preset("ref (pad or cut to the target), min or strict")
    align: str = _of_preset("none, or xcorr: extra *_al columns")
    level: str = _of_preset("none, peak or rms:<dBFS>, of the estimate")
    missing: str = option("error, or penalize: missing estimates get penalties", "what", "error")
    ref_channel: int = option("channel of files with several; a file with one is used as it is", "what", 0)
    allow_upsample: bool = option("opinion scores also on data below 16 kHz", "what", False)
    skip_unavailable: bool = option("n/a where a package or weights are missing", "what", False)
    model_dir: Path | None = option(
        "folder of weights that no package carries (doc/metrics.md); never filled here", "what", None
    )
    dnsmos_dir: Path | None = option("folder with dnsmos_models/ and pdnsmos_models/", "what", None)
    ci_unit: str = option("what the bootstrap resamples: utt or spk", "what", "utt")
    flag: tuple[str, ...] = option(
        "remark on the row, repeatable, e.g. 'oracle: target's own codes'", "outputs", ()
    )
    candidates: int = option(
        "number of candidates that each estimate was chosen from; the row is flagged", "outputs", 1
    )
    system: str = option("name in the results; default: the folder of --inf_scp", "outputs", "")
    test_set: str = option("name in the results; default: the folder of --ref_scp", "outputs", "")
    cache_dir: Path | None = option("cache shared by all systems of a test set", "how", None)
    resume: bool = option("false: forget this system's cached scores", "how", True)
    nj: int = option("processes, one thread each; never changes a result", "how", 1)
    shard: str = option(
        "K/N: score every N-th utterance, into the caches only; a final run without it writes the results",
        "how",
        "",
    )
    force: bool = option(
        "exit with code 0 even with more than 10 %% failures; compare different protocols", "how", False
    )

    @property
    def places(self) -> Places:
        """Where weights are looked for."""
        return Places(self.model_dir, self.dnsmos_dir)


def plain_options(options: ScoringOptions) -> dict:
    """Options as JSON values, without those that scoring again can do without."""
    ignored = ("nj", "shard", "cache_dir", "resume", "output_dir", "system", "test_set")
    content = {k: v for k, v in asdict(options).items() if k not in ignored}
    return {
        k: [str(x) for x in v] if isinstance(v, tuple) else str(v) if isinstance(v, Path) else v
        for k, v in content.items()
    }


def deciding_options(plain: dict) -> dict:
    """Those of ``plain_options`` that can change a result: of weights the signature says more than their place."""
    return {name: value for name, value in plain.items() if name != "model_dir"}
