"""What the files of a column are called in a scoring folder."""

from espnet_tse.scoring.asr.text import RATES


def files_of_column(column: str) -> list[str]:
    """Names of all files of a column: its values, its headline and, of word errors, its texts."""
    rate = column.partition("_")[0].removeprefix("d")
    return [column, f"result_{column}.txt", *(text_files(column) if rate in RATES.values() else ())]


def text_files(column: str) -> tuple[str, str, str, str]:
    """Of ``wer_<tag>``, ``dwer_<tag>`` and the like: hypotheses, raw and normalised, references and alignments."""
    rate, _, tag = column.partition("_")
    kind = f"{rate}_" if rate.startswith("d") else ""
    return f"hyp_{tag}.txt", f"hyp_{tag}.norm.txt", f"ref_{kind}{tag}.norm.txt", f"align_{kind}{tag}.txt"
