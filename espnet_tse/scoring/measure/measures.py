"""How each measure is computed: name -> a function of signals, made from weight files."""

from pathlib import Path
from typing import Any, Callable

# Samples (N,) at the measure's rate, one or two of them -> what JSON can hold, or an embedding (D,). A measure at the
# data's own rate takes that rate in Hz as its last argument.
Compute = Callable[..., Any]


def make_measure(name: str, weights: dict[str, Path]) -> Compute:
    """The function of a measure; networks are loaded and child processes started here.

    A function that owns a process has ``close``.
    """
    return _MAKERS[name](weights)


def _si_sdr(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.si_sdr import si_sdr

    return lambda target, estimate, rate: si_sdr(target, estimate)


def _sdr(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.sdr import sdr

    return lambda target, estimate, rate: sdr(target, estimate)


def _stoi(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.stoi import stoi

    return lambda target, estimate, rate: stoi(target, estimate, rate, extended=False)


def _estoi(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.stoi import stoi

    return lambda target, estimate, rate: stoi(target, estimate, rate, extended=True)


def _pesq(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.pesq import PesqProcess

    return PesqProcess()


def _pesq_nb(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.pesq import NarrowBandPesq

    return NarrowBandPesq()


def _over_suppression(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.damping import over_suppression

    return over_suppression


def _edge_losses(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.damping import edge_losses

    return edge_losses


def _false_extraction(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.false_extraction import false_extraction

    return false_extraction


def _overlap(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.activity import overlap_ratio

    return overlap_ratio


def _dnsmos(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.dnsmos import DNSMOS

    return DNSMOS(weights["dnsmos_primary"], weights["dnsmos_p808"])


def _pdnsmos(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.dnsmos import DNSMOS

    return DNSMOS(weights["pdnsmos"], None, personalised=True)


def _resemblyzer(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.resemblyzer import SpeakerEncoder

    return SpeakerEncoder(weights["resemblyzer"])


def _nisqa(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.nisqa import Nisqa

    return Nisqa(weights["nisqa"])


def _utmos(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.utmos import Utmos

    return Utmos(weights["utmos_code"].parent, weights["utmos"])


def _speech_bert_score(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.speech_bert_score import SpeechBertScore

    return SpeechBertScore(weights["hubert"])


def _wavlm_sv(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.wavlm_speaker import WavLMSpeaker

    return WavLMSpeaker(weights["wavlm_sv"])


def _wespeaker(weights: dict[str, Path]) -> Compute:
    from espnet_tse.scoring.measure.wespeaker import WeSpeaker

    return WeSpeaker(weights["wespeaker"])


_MAKERS: dict[str, Callable[[dict[str, Path]], Compute]] = {
    "si_sdr": _si_sdr,
    "sdr": _sdr,
    "pesq": _pesq,
    "pesq_nb": _pesq_nb,
    "stoi": _stoi,
    "estoi": _estoi,
    "over_suppression": _over_suppression,
    "edge_losses": _edge_losses,
    "false_extraction": _false_extraction,
    "overlap": _overlap,
    "dnsmos": _dnsmos,
    "pdnsmos": _pdnsmos,
    "resemblyzer": _resemblyzer,
    "nisqa": _nisqa,
    "utmos": _utmos,
    "speech_bert_score": _speech_bert_score,
    "wavlm_sv": _wavlm_sv,
    "wespeaker": _wespeaker,
}
