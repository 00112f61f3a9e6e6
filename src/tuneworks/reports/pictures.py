"""Images in a report: small copies inside the page, so that it needs nothing else."""

from __future__ import annotations

import base64
from io import BytesIO

from markupsafe import Markup

from tuneworks.core.types import Picture

SIDE = 128
QUALITY = 80


def thumbnail(picture: Picture) -> Markup | None:
    """A small JPEG of the image as an HTML element; none where it can no longer be read here."""
    try:
        from PIL import Image, ImageOps
    except ModuleNotFoundError:
        return None
    try:
        with Image.open(picture.path) as opened:
            small = ImageOps.exif_transpose(opened)
            small.thumbnail((SIDE, SIDE))
            small = small.convert("RGB")
    except (OSError, ValueError):
        return None
    drawn = BytesIO()
    small.save(drawn, "JPEG", quality=QUALITY)
    source = f"data:image/jpeg;base64,{base64.b64encode(drawn.getvalue()).decode()}"
    return Markup('<img src="{}" width="{}" height="{}" alt="{}">').format(
        source, small.width, small.height, picture[:23]
    )
