"""Arrays -> pictures on a page, each with its caption as its text alternative.

In: two-dimensional arrays of numbers. Out: HTML whose pictures are PNG data addresses. The PNG is stored, not
compressed: compressors differ from machine to machine, and nbval compares what a page shows byte by byte.
"""

from __future__ import annotations

import base64
import html
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Photos:
    """Pictures side by side: HTML in a notebook, their captions as text."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def photos(images: Sequence[ArrayLike], captions: Sequence[str], width: int = 144) -> Photos:
    """Show `images` in grey, side by side.

    Args:
        images: arrays of shape (height, width); each is scaled by itself, its least number black, its
            greatest white.
        captions: one for each image; it stands below the picture and is its text alternative.
        width: of each picture on the page, in CSS pixels.

    Returns:
        An object that a notebook shows as HTML. The same arrays give the same bytes on every machine.

    Raises:
        ValueError: if an image is not two-dimensional, or there are more or fewer captions than images.

    >>> photos([[[0, 1], [2, 3]]], ["four greys"])
    Photos: four greys (2 x 2)
    """
    import numpy as np

    arrays = [np.asarray(image, dtype=np.float64) for image in images]
    if len(arrays) != len(captions):
        raise ValueError(f"{len(arrays)} images but {len(captions)} captions; give each image its own")
    figures, words = [], []
    for array, caption in zip(arrays, captions, strict=True):
        if array.ndim != 2:
            raise ValueError(f"an image of shape {array.shape} for {caption!r}; expected (height, width)")
        low, high = np.min(array), np.max(array)
        grey = np.rint((array - low) * (255 / ((high - low) or 1))).astype(np.uint8)
        source = base64.b64encode(_png(grey.tobytes(), *grey.shape)).decode()
        label = html.escape(caption)
        figures.append(
            f'<figure style="margin:0"><img alt="{label}" src="data:image/png;base64,{source}" '
            f'style="width:{width}px;max-width:100%;image-rendering:pixelated">'
            f'<figcaption style="width:{width}px;font-size:.85em">{label}</figcaption></figure>'
        )
        words.append(f"{caption} ({grey.shape[0]} x {grey.shape[1]})")
    return Photos(
        '<div style="display:flex;flex-wrap:wrap;gap:12px">' + "".join(figures) + "</div>",
        "Photos: " + ", ".join(words),
    )


def _png(pixels: bytes, height: int, width: int) -> bytes:
    """Return 8-bit grey `pixels` as a PNG file whose data is stored in blocks of at most 65,535 bytes."""
    rows = b"".join(b"\0" + pixels[at * width : (at + 1) * width] for at in range(height))
    cuts = [rows[at : at + 0xFFFF] for at in range(0, len(rows), 0xFFFF)]
    blocks = b"".join(
        struct.pack("<BHH", at == len(cuts) - 1, len(cut), len(cut) ^ 0xFFFF) + cut for at, cut in enumerate(cuts)
    )

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", b"\x78\x01" + blocks + struct.pack(">I", zlib.adler32(rows)))
        + chunk(b"IEND", b"")
    )
