"""Why PyTorch could not read a file of weights, in a few words."""


def reason_of(error: Exception) -> str:
    """Of an error of ``torch.load``: its own text goes on with advice to read the file without the guard of weights_only."""
    refused = [line.strip() for line in str(error).splitlines() if "unsupported" in line.lower()]
    if refused:
        return refused[0][:200]
    return str(error) if isinstance(error, OSError) else f"{type(error).__name__}: no file of torch.save"
