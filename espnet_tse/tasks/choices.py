"""Every name -> class table of TSE systems; adding a part is one line here."""

from typing import Any, Iterator, Mapping

from espnet_tse.encoder.adapter import AcousticAdapterEncoder, AdapterEncoder
from espnet_tse.encoder.latents import LatentSequence, LatentSpeaker
from espnet_tse.encoder.masked_mel import ConvMaskedMel, LSTMMaskedMel
from espnet_tse.encoder.mixture_mel import MixtureMel
from espnet_tse.encoder.mixture_spectrum import MixtureSpectrum
from espnet_tse.encoder.shared_convnext import SharedConvNeXtEncoder
from espnet_tse.encoder.shared_transformer import SharedTransformerEncoder
from espnet_tse.extractor.bsrnn import BSRNN
from espnet_tse.extractor.bsrnn_attention import BSRNNAttention
from espnet_tse.extractor.bsrnn_context import BSRNNContext
from espnet_tse.extractor.bsrnn_map import BSRNNMap
from espnet_tse.extractor.dpccn import DPCCN
from espnet_tse.extractor.given_embedding import GivenEmbedding
from espnet_tse.extractor.magnitude_mask import MagnitudeMask
from espnet_tse.extractor.speaker_ge2e import SpeakerGE2E
from espnet_tse.extractor.speaker_resnet1d import SpeakerResNet1d
from espnet_tse.extractor.speaker_resnet34 import SpeakerResNet34
from espnet_tse.extractor.speaker_tcn import SpeakerTCN
from espnet_tse.extractor.speaker_unet import SpeakerUNet
from espnet_tse.extractor.speaker_wavlm import SpeakerWavLM
from espnet_tse.extractor.spex_plus import SpExPlus
from espnet_tse.extractor.td_speakerbeam import TDSpeakerBeam
from espnet_tse.extractor.usef_sepformer import USEFSepFormer
from espnet_tse.extractor.usef_sepformer_released import ReleasedUSEFSepFormer
from espnet_tse.extractor.usef_tfgridnet import USEFTFGridNet
from espnet_tse.extractor.x_tf_gridnet import XTFGridNet
from espnet_tse.flow.latent_diffusion import LatentDiffusion
from espnet_tse.flow.map_diffusion import MapDiffusion
from espnet_tse.flow.mel_flow import MelFlow
from espnet_tse.flow.spectral_corrector import SpectralCorrector
from espnet_tse.flow.spectral_flow import SpectralFlow
from espnet_tse.frontend.codec_latent import CodecLatent
from espnet_tse.frontend.log_mel import LogMel
from espnet_tse.frontend.wavlm import SSL, WavLM
from espnet_tse.io.choices import Choices
from espnet_tse.lm.decoder_only import DecoderOnlyLM
from espnet_tse.lm.masked_lm import MaskedLM
from espnet_tse.lm.stream_lm import StreamLM
from espnet_tse.lm.task_lm import TaskLM
from espnet_tse.models.corrector import Corrector
from espnet_tse.models.diffusion_tse import DPMTSE, DiffTSE
from espnet_tse.models.discriminative import Discriminative
from espnet_tse.models.flow_tse import FlowTSE
from espnet_tse.models.gentse import GenTSE, GenTSESemantic
from espnet_tse.models.laura_tse import LauraTSE
from espnet_tse.models.mask2flow import Mask2Flow, MelMask, VocodedMask2Flow
from espnet_tse.models.masked_tse import MaskedTSE
from espnet_tse.models.solo_speech import SoloSpeech
from espnet_tse.models.speaker_selector import SpeakerSimilarity
from espnet_tse.models.unise import UniSE
from espnet_tse.models.usef_laura_tse import USEFLauraTSE
from espnet_tse.vocoder.codec_decoder import CodecDecoder
from espnet_tse.vocoder.conv_embedding import ConvEmbeddingVocoder
from espnet_tse.vocoder.fine_embedding import FineEmbeddingVocoder
from espnet_tse.vocoder.inverse_stft import InverseSTFT
from espnet_tse.vocoder.latent_decoder import LatentDecoder
from espnet_tse.vocoder.mel_vocoder import TrainedMelVocoder
from espnet_tse.vocoder.mixture_phase import MixturePhase

frontend_choices = Choices("frontend", log_mel=LogMel, codec_latent=CodecLatent, wavlm=WavLM, ssl=SSL)
encoder_choices = Choices(
    "encoder",
    shared_transformer=SharedTransformerEncoder,
    shared_convnext=SharedConvNeXtEncoder,
    adapter=AdapterEncoder,
    acoustic_adapter=AcousticAdapterEncoder,
    masked_mel_lstm=LSTMMaskedMel,
    masked_mel_conv=ConvMaskedMel,
    latent_sequence=LatentSequence,
    latent_speaker=LatentSpeaker,
    mixture_mel=MixtureMel,
    mixture_spectrum=MixtureSpectrum,
)
lm_choices = Choices(
    "lm",
    decoder_only=DecoderOnlyLM,
    stream_lm=StreamLM,
    task_lm=TaskLM,
    masked_lm=MaskedLM,
    mel_flow=MelFlow,
    latent_diffusion=LatentDiffusion,
    spectral_flow=SpectralFlow,
    map_diffusion=MapDiffusion,
)
vocoder_choices = Choices(
    "vocoder",
    fine_embedding=FineEmbeddingVocoder,
    conv_embedding=ConvEmbeddingVocoder,
    codec_decoder=CodecDecoder,
    mixture_phase=MixturePhase,
    latent_decoder=LatentDecoder,
    inverse_stft=InverseSTFT,
    mel_vocoder=TrainedMelVocoder,
)
extractor_choices = Choices(
    "extractor",
    usef_tfgridnet=USEFTFGridNet,
    td_speakerbeam=TDSpeakerBeam,
    spex_plus=SpExPlus,
    bsrnn=BSRNN,
    bsrnn_attention=BSRNNAttention,
    bsrnn_context=BSRNNContext,
    bsrnn_map=BSRNNMap,
    usef_sepformer=USEFSepFormer,
    usef_sepformer_released=ReleasedUSEFSepFormer,
    dpccn=DPCCN,
    x_tf_gridnet=XTFGridNet,
    magnitude_mask=MagnitudeMask,
)
speaker_encoder_choices = Choices(
    "speaker_encoder",
    tcn=SpeakerTCN,
    resnet1d=SpeakerResNet1d,
    resnet34=SpeakerResNet34,
    unet=SpeakerUNet,
    ge2e=SpeakerGE2E,
    wavlm=SpeakerWavLM,
    given=GivenEmbedding,
)
corrector_choices = Choices("corrector", spectral_corrector=SpectralCorrector)
model_choices = Choices(
    "model",
    laura_tse=LauraTSE,
    discriminative=Discriminative,
    usef_laura_tse=USEFLauraTSE,
    gentse_semantic=GenTSESemantic,
    gentse=GenTSE,
    unise=UniSE,
    masked_tse=MaskedTSE,
    mel_mask=MelMask,
    mask2flow=Mask2Flow,
    mask2flow_vocoder=VocodedMask2Flow,
    solo_speech=SoloSpeech,
    flow_tse=FlowTSE,
    dpm_tse=DPMTSE,
    diff_tse=DiffTSE,
    corrector=Corrector,
)

# Name of a table, as the slots of a class say it -> the table.
TABLES = {
    choices.option: choices
    for choices in (
        frontend_choices,
        encoder_choices,
        lm_choices,
        vocoder_choices,
        extractor_choices,
        speaker_encoder_choices,
        corrector_choices,
        model_choices,
    )
}
# How the best of several candidates is chosen, a decoding setting.
SELECTORS = {"speaker_similarity": SpeakerSimilarity}


def all_options() -> dict[str, str]:
    """Every option that names a part -> the name of its table: the tables' own names and all slots'."""
    options = {table: table for table in TABLES}
    for choices in TABLES.values():
        for cls in choices.classes.values():
            options |= {slot.name: slot.table for slot in cls.slots.values()}
    return options


def slots_of(option: str, config: Mapping[str, Any], table: str | None = None) -> Iterator[tuple[str, str]]:
    """(option, table) of a part and of all that it is composed of.

    Args:
        option: as ``model``.
        config: of a system: ``<option>`` and ``<option>_conf`` of each part. Names that are unknown, and
            blocks that are refused, have no parts.
        table: of the part; None where it has the option's name.
    """
    yield option, table or option
    choices = TABLES[table or option]
    name = config.get(option)
    cls = choices.classes.get(name) if isinstance(name, str) else None
    if cls is None:
        return
    try:
        settings = choices.config(config[option], config.get(f"{option}_conf") or {}, option)
    except ValueError:
        return
    for slot in cls.slots.values():
        if slot.when(settings):
            yield from slots_of(slot.name, config, slot.table)


def configs_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Option -> checked ``Config`` of every part of a system; ``model`` is the model's own.

    Raises:
        ValueError: unknown names or keys, values out of range.
    """
    return {
        option: TABLES[table].config(config[option], config.get(f"{option}_conf") or {}, option)
        for option, table in slots_of("model", config)
    }
