"""A local page to try a run: one input per field that the model reads, the answer of the task's `predict` below.

Built with Gradio (extra `demo`) from the run alone. It listens on this machine only, and its pages may fetch nothing
from elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmx.errors import DataError, UserError
from mmx.interactive.display import answer
from mmx.runs.prediction import predict

if TYPE_CHECKING:
    from mmx.model.built import Built

LOOPBACK: Final = "127.0.0.1"
_POLICY: Final = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'"
"""What a browser may load for the page: nothing from another host."""


def respond(built: Built, given: Mapping[str, str | None]) -> str:
    """Return the answer to what was given by field, as HTML with its media inside.

    Args:
        built: The run's model and task.
        given: Field -> path of a file, or a text; None or empty where nothing was given.

    Raises:
        DataError: Nothing was given, or it cannot be read.
    """
    extras = {name: value for name, value in given.items() if value}
    if not extras:
        raise DataError("nothing to predict from: give a file or a text")
    fields = built.corpus.fields
    files = [name for name in extras if fields[name] != "text"]
    files.sort(key=lambda name: fields[name] != "video")
    # A video fills the fields of its audio and subtitles too; a task that reads files itself is given one first.
    whole = files and (fields[files[0]] == "video" or hasattr(built.task, "read"))
    path = Path(extras.pop(files[0])) if whole else None
    return answer(predict(built, path, extras))._repr_html_()


def page(built: Built, title: str, warned: Sequence[str]) -> Any:
    """Return the page as a `gradio.Interface`.

    Args:
        built: The run's model and task.
        title: Shown above.
        warned: Caveats, shown below.

    Raises:
        UserError: The extra `demo` is not installed.
    """
    gradio = _gradio()
    fields = list(dict.fromkeys(built.model.fields.values()))

    def asked(*values: str | None) -> str:
        try:
            return respond(built, dict(zip(fields, values, strict=True)))
        except DataError as error:
            raise gradio.Error(str(error), print_exception=False) from error

    return gradio.Interface(
        asked,
        [_component(gradio, name, built.corpus.fields[name]) for name in fields],
        gradio.HTML(label="answer"),
        title=title,
        article="\n".join(f"- {each}" for each in warned),
        flagging_mode="never",
        analytics_enabled=False,
        api_name="predict",
    )


def launch(made: Any, port: int | None = None, *, block: bool = True) -> str:
    """Serve a page on this machine and return its address; with `block`, until it is stopped.

    Raises:
        UserError: The port is taken.
    """
    gradio = _gradio()
    from starlette.middleware import Middleware

    theme = gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    try:
        _, address, _ = made.launch(
            server_name=LOOPBACK,
            server_port=port,
            share=False,
            quiet=True,  # it would advise to share the page with the world
            prevent_thread_lock=True,
            theme=theme,
            footer_links=[],
            app_kwargs={"middleware": [Middleware(_Guarded)]},
        )
    except OSError as error:
        raise UserError(f"no page at port {port}: {error}; choose another: --port") from error
    if block:
        print(f"{address} on this machine; end it with Ctrl-C", flush=True)
        made.block_thread()
    return str(address)


class _Guarded:
    """ASGI middleware that tells browsers to load nothing for the page from other hosts."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                header = (b"content-security-policy", _POLICY.encode())
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        await self.app(scope, receive, guarded)


def _gradio() -> Any:
    """Import gradio, told before to report nothing to anybody."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import gradio
    except ImportError as error:
        raise UserError(f"a demo needs the extra `demo` ({error.name} is missing): pip install 'mmx[demo]'") from error
    return gradio


def _component(gradio: Any, name: str, modality: str) -> Any:
    if modality == "audio":
        return gradio.Audio(label=name, type="filepath", sources=["upload", "microphone"])
    if modality == "image":
        return gradio.Image(label=name, type="filepath", sources=["upload", "webcam", "clipboard"])
    if modality == "video":
        return gradio.Video(label=name, sources=["upload", "webcam"])
    if modality == "text":
        return gradio.Textbox(label=name)
    return gradio.File(label=f"{name} ({modality})", type="filepath")
