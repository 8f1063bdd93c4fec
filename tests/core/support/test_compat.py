"""torchaudio and torchvision beside any torch: both ways with fakes, and once with what is installed here."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

FAKE_AUDIO = """
    import sys
    if "torchaudio._extension" not in sys.modules:
        from pathlib import Path
        import torch
        for path in sorted((Path(__file__).parent / "lib").glob("*torchaudio*")):
            torch.ops.load_library(path)
    from . import _extension
"""
FAKE_EXTENSION = "_IS_TORCHAUDIO_EXT_AVAILABLE = True\nfail_if_no_align = 'the real one'\n"
FAKE_VISION = """
    import torch
    OPERATORS = [name for name in ("nms", "qnms") if hasattr(torch.ops.torchvision, name)]
    for name in OPERATORS:
        torch.library.register_fake(f"torchvision::{name}")(lambda dets, scores, iou_threshold: scores)
"""


def run(code: str, *paths: Path) -> str:
    """Run `code` in a new process with `paths` first on the import path, and return what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, paths), *(path for path in sys.path if path)])},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def a_real_library() -> bytes:
    """Any shared library that loads beside this Python."""
    spec = importlib.util.find_spec("pydantic_core._pydantic_core")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_bytes()


@pytest.fixture(params=["loads", "broken"])
def native(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[bool, Path]:
    """Fake packages whose native libraries load, or do not."""
    loads = request.param == "loads"
    library = a_real_library() if loads else b"no library at all"
    audio, vision = tmp_path / "torchaudio", tmp_path / "torchvision"
    (audio / "lib").mkdir(parents=True)
    vision.mkdir()
    (audio / "__init__.py").write_text(textwrap.dedent(FAKE_AUDIO))
    (audio / "_extension.py").write_text(FAKE_EXTENSION)
    (audio / "lib" / "_torchaudio.so").write_bytes(library)
    (audio / "lib" / "libtorchaudio.so").write_bytes(library)
    (vision / "__init__.py").write_text(textwrap.dedent(FAKE_VISION))
    (vision / "_C.so").write_bytes(library)
    return loads, tmp_path


def test_torchaudio(native: tuple[bool, Path]) -> None:
    loads, folder = native
    available, align, done = run(
        """
        import mmx, torchaudio
        print(torchaudio._extension._IS_TORCHAUDIO_EXT_AVAILABLE)
        print(getattr(torchaudio._extension.fail_if_no_align, "__call__", str)(len) is len)
        print(mmx.support.compat.status()["torchaudio"])
        """,
        folder,
    ).splitlines()
    assert (available, align) == (("True", "False") if loads else ("False", "True"))
    assert ("left alone" in done) is loads
    assert ("stub in place" in done) is not loads


def test_torchvision(native: tuple[bool, Path]) -> None:
    loads, folder = native
    operators, done = run(
        """
        import mmx, torchvision
        print("operators", *torchvision.OPERATORS)
        print(mmx.support.compat.status()["torchvision"])
        """,
        folder,
    ).splitlines()
    # the library that loads here is no torchvision: left alone means that nothing was defined for it
    assert operators == ("operators" if loads else "operators nms qnms")
    assert ("left alone" in done) is loads


def test_costs_nothing_until_needed_and_looking_is_not_importing(native: tuple[bool, Path]) -> None:
    _, folder = native
    printed = run(
        """
        import sys, importlib.util, mmx
        print(importlib.util.find_spec("torchaudio") is not None, importlib.util.find_spec("torchvision") is not None)
        print(sorted({"torch", "torchaudio", "numpy", "pathlib", "pluggy"} & set(sys.modules)))
        print(mmx.support.compat.status())
        mmx.support.compat.install()
        print(sum(type(finder).__module__ == "mmx.support.compat" for finder in sys.meta_path))
        """,
        folder,
    )
    assert printed.splitlines()[0] == "True True"
    assert not {"torch", "torchaudio", "numpy", "pluggy"} & set(eval(printed.splitlines()[1]))
    assert printed.splitlines()[2:] == ["{}", "1"]


def test_imported_before_mmx_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "torchaudio.py").touch()
    assert "not touched" in run("import torchaudio, mmx; print(mmx.support.compat.status()['torchaudio'])", tmp_path)


def test_without_torch_the_package_speaks_for_itself(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    (tmp_path / "torchaudio").mkdir()
    (tmp_path / "torchaudio" / "__init__.py").write_text("import torch")
    (tmp_path / "torchaudio" / "lib").mkdir()
    (tmp_path / "torchaudio" / "lib" / "_torchaudio.so").touch()
    printed = run(
        """
        import mmx
        try:
            import torchaudio
        except ImportError as error:
            print(error, mmx.support.compat.status())
        """,
        tmp_path,
    )
    assert printed == "no torch here {'torchaudio': 'not touched: no torch here'}"


def test_missing_package_is_still_missing() -> None:
    printed = run(
        """
        import sys, mmx
        sys.path[:] = [path for path in sys.path if "site-packages" not in path]
        try:
            import torchaudio
        except ModuleNotFoundError as error:
            print(error.name)
        """
    )
    assert printed == "torchaudio"


@pytest.mark.skipif(importlib.util.find_spec("torchaudio") is None, reason="torchaudio is not installed")
def test_installed_torchaudio_runs() -> None:
    printed = run(
        """
        import mmx, torchaudio, torch
        x = torch.randn(1, 16000)
        print(tuple(torchaudio.transforms.MelSpectrogram(16000, n_mels=40)(x).shape))
        print(tuple(torchaudio.transforms.MFCC(16000, melkwargs={"n_mels": 40})(x).shape))
        print(tuple(torchaudio.transforms.Resample(44100, 22050)(x).shape))
        print(tuple(torchaudio.functional.lowpass_biquad(x, 16000, 1000.0).shape))
        """
    )
    assert printed.splitlines() == ["(1, 40, 81)", "(1, 40, 81)", "(1, 8000)", "(1, 16000)"]


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="timm is not installed")
def test_installed_torchvision_timm_and_transformers_import() -> None:
    printed = run(
        """
        import mmx, torch
        from torchvision.transforms import v2
        image = torch.zeros(3, 40, 40, dtype=torch.uint8)
        print(tuple(v2.Compose([v2.CenterCrop(32), v2.ToDtype(torch.float32, scale=True)])(image).shape))
        import timm
        model = timm.create_model("test_vit.r160_in1k", pretrained=False, num_classes=5).eval()
        print(tuple(model(torch.zeros(1, 3, 160, 160)).shape))
        from transformers import Trainer
        print(Trainer.__name__)
        """
    )
    assert printed.splitlines() == ["(3, 32, 32)", "(1, 5)", "Trainer"]
