"""espnet_tse: target speaker extraction in ESPnet style."""

__version__ = "0.1.0"
__all__ = ["Extractor", "__version__"]


def __getattr__(name: str):
    # Imported on first use, so that the command lines start without torch.
    if name == "Extractor":
        from espnet_tse.tasks.extractor import Extractor

        return Extractor
    raise AttributeError(f"module 'espnet_tse' has no attribute '{name}'")
