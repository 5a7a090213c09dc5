"""The page of ``espnet-tse demo``, made with Gradio."""

import os
from typing import Any

from espnet_tse.io.scp import DataError
from espnet_tse.tasks.demo import NAMES, Demo, opened_picture

INSTALL = "pip install -e '.[demo]'"


def gradio_library() -> Any:
    """The package ``gradio``, told to ask nobody on the internet.

    Raises:
        DataError: it is not installed.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        import gradio
    except ImportError:
        raise DataError(f"the demo needs gradio: {INSTALL}") from None
    return gradio


def build_page(demo: Demo) -> Any:
    """Two inputs, a button, the estimate, spectrograms and figures."""
    gradio = gradio_library()
    # Not "share", which sends recordings to another server.
    heard = {"type": "numpy", "buttons": ["download"]}
    given = {"sources": ["upload", "microphone"], **heard}
    wants_enrollment = demo.extractor.wants_enrollment

    def pressed(mixture, enrollment=None):
        try:
            heard = demo.extract(mixture, enrollment)
        except DataError as error:
            raise gradio.Error(str(error), title="Nothing was extracted") from error
        names = NAMES if wants_enrollment else (NAMES[0], NAMES[2])
        gallery = [(opened_picture(png), name) for png, name in zip(heard.pictures, names)]
        return heard.estimate, gallery, heard.words

    with gradio.Blocks(title="espnet_tse", analytics_enabled=False) as page:
        gradio.Markdown(
            f"# Target speaker extraction\nSystem `{demo.name}`, {demo.extractor.sample_rate} Hz. Give a recording in which several "
            "people talk, and a few seconds of the wanted voice alone."
        )
        with gradio.Row():
            inputs = [gradio.Audio(label="Mixture", **given)]
            if wants_enrollment:
                inputs.append(gradio.Audio(label="Enrollment", **given))
        button = gradio.Button("Extract", variant="primary")
        estimate = gradio.Audio(label="Estimate", interactive=False, **heard)
        words = gradio.Markdown()
        gallery = gradio.Gallery(
            label="Spectrograms, 0 to 8 kHz at most", columns=len(inputs) + 1, height=320
        )
        button.click(pressed, inputs, [estimate, gallery, words], api_name="extract", concurrency_limit=1)
    return page


def serve(demo: Demo, host: str, port: int, wait: bool = True) -> Any:
    """Show the page until Ctrl-C, or, without ``wait``, until the page that is returned is closed.

    Raises:
        DataError: gradio is not installed, or the port is taken.
    """
    gradio = gradio_library()
    # Fonts of the system: the default ones would be fetched from another server.
    theme = gradio.themes.Default(font=["sans-serif"], font_mono=["monospace"])
    page = build_page(demo)
    try:
        page.launch(
            prevent_thread_lock=True,
            server_name=host,
            server_port=port,
            share=False,
            inbrowser=False,
            show_error=True,
            quiet=True,
            theme=theme,
        )
    except OSError as error:
        raise DataError(
            f"--port {port} is taken, or --host {host} is no address of this machine; name another one."
        ) from error
    print(f"http://{host}:{port} (Ctrl-C ends it)", flush=True)
    if wait:
        page.block_thread()
    return page
