"""Every name -> class table of TSE systems; adding a part is one line here."""

from espnet_tse.encoder.shared_convnext import SharedConvNeXtEncoder
from espnet_tse.encoder.shared_transformer import SharedTransformerEncoder
from espnet_tse.extractor.bsrnn import BSRNN
from espnet_tse.extractor.dpccn import DPCCN
from espnet_tse.extractor.given_embedding import GivenEmbedding
from espnet_tse.extractor.magnitude_mask import MagnitudeMask
from espnet_tse.extractor.speaker_ge2e import SpeakerGE2E
from espnet_tse.extractor.speaker_resnet1d import SpeakerResNet1d
from espnet_tse.extractor.speaker_resnet34 import SpeakerResNet34
from espnet_tse.extractor.speaker_tcn import SpeakerTCN
from espnet_tse.extractor.speaker_unet import SpeakerUNet
from espnet_tse.extractor.spex_plus import SpExPlus
from espnet_tse.extractor.td_speakerbeam import TDSpeakerBeam
from espnet_tse.extractor.usef_sepformer import USEFSepFormer
from espnet_tse.extractor.usef_tfgridnet import USEFTFGridNet
from espnet_tse.extractor.x_tf_gridnet import XTFGridNet
from espnet_tse.frontend.codec_latent import CodecLatent
from espnet_tse.frontend.log_mel import LogMel
from espnet_tse.frontend.wavlm import WavLM
from espnet_tse.lm.decoder_only import DecoderOnlyLM
from espnet_tse.models.discriminative import Discriminative
from espnet_tse.models.laura_tse import LauraTSE
from espnet_tse.models.usef_laura_tse import USEFLauraTSE
from espnet_tse.io.choices import Choices
from espnet_tse.vocoder.conv_embedding import ConvEmbeddingVocoder
from espnet_tse.vocoder.fine_embedding import FineEmbeddingVocoder

frontend_choices = Choices("frontend", log_mel=LogMel, codec_latent=CodecLatent, wavlm=WavLM)
encoder_choices = Choices("encoder", shared_transformer=SharedTransformerEncoder, shared_convnext=SharedConvNeXtEncoder)
lm_choices = Choices("lm", decoder_only=DecoderOnlyLM)
vocoder_choices = Choices("vocoder", fine_embedding=FineEmbeddingVocoder, conv_embedding=ConvEmbeddingVocoder)
extractor_choices = Choices(
    "extractor",
    usef_tfgridnet=USEFTFGridNet,
    td_speakerbeam=TDSpeakerBeam,
    spex_plus=SpExPlus,
    bsrnn=BSRNN,
    usef_sepformer=USEFSepFormer,
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
    given=GivenEmbedding,
)
model_choices = Choices("model", laura_tse=LauraTSE, discriminative=Discriminative, usef_laura_tse=USEFLauraTSE)

TSE_CHOICES = (
    frontend_choices,
    encoder_choices,
    lm_choices,
    vocoder_choices,
    extractor_choices,
    speaker_encoder_choices,
    model_choices,
)


def slots_of(model: str | None, extractor: str | None = None) -> tuple[str, ...]:
    """The options that a model of ``model_choices`` is composed of; none for a name that is unknown."""
    slots = getattr(model_choices.classes.get(model), "slots", ())
    if getattr(extractor_choices.classes.get(extractor), "wants_speaker_encoder", False):
        slots += ("speaker_encoder",)
    return slots
