# SPDX-License-Identifier: MIT
"""Writes the pictures of this folder: `python3 make_images.py` (needs Pillow and NumPy)."""

import struct
import zlib

import numpy as np
from PIL import Image


def scene(width, height):
    """Smooth parts, hard edges and noise, so that every tap of a filter counts."""
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x / (width - 1)
    green = 255 * ((x // 3 + y // 2) % 2)
    blue = np.random.default_rng(1).integers(0, 256, (height, width))
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8))


def timm_preprocess(image, size, crop_pct):
    """Resize and CenterCrop of torchvision, as timm's evaluation transform sets them up."""
    target = int(size / crop_pct)
    width, height = image.size
    if width <= height:
        image = image.resize((target, int(target * height / width)), Image.BICUBIC)
    else:
        image = image.resize((int(target * width / height), target), Image.BICUBIC)
    left = int(round((image.width - size) / 2.0))
    top = int(round((image.height - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


def png(name, image, **options):
    image.save(name + ".png", **options)


def main():
    source = scene(31, 22)
    png("scene", source)
    for width, height in [(13, 9), (31, 9), (13, 22), (64, 45), (7, 40), (1, 1)]:
        png(f"scene_{width}x{height}", source.resize((width, height), Image.BICUBIC))
    png("scene_timm_16", timm_preprocess(source, 16, 0.9))
    png("scene_timm_13_tall", timm_preprocess(source.transpose(Image.ROTATE_90), 13, 0.875))

    # One red, one green, one blue, one white pixel, in each kind of PNG.
    colors = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    four = Image.fromarray(colors)
    png("palette", four.quantize(4))
    alpha = np.array([[[255], [128]], [[0], [255]]], np.uint8)
    png("alpha", Image.fromarray(np.concatenate([colors, alpha], -1), "RGBA"))
    png("grey", Image.fromarray(np.array([[0, 85], [170, 255]], np.uint8)))
    png("grey_16", Image.fromarray(np.array([[0, 0x5512], [0xAAFF, 0xFFFF]], np.uint16)))
    png("one_bit", Image.fromarray(np.array([[0, 1], [1, 0]], bool)))

    # Blocks of 16 x 16 in four colours, so that chroma subsampling does not mix them.
    blocks = four.resize((32, 32), Image.NEAREST)
    blocks.save("blocks.jpg", quality=95)
    blocks.save("progressive.jpg", quality=95, progressive=True)
    four.crop((0, 0, 1, 1)).save("one.jpg", quality=95)
    blocks.convert("L").save("grey.jpg", quality=95)
    blocks.convert("CMYK").save("cmyk.jpg", quality=95)
    # Held so that the picture's left edge is stored as its upper one.
    exif = Image.Exif()
    exif[0x0112] = 6
    blocks.transpose(Image.ROTATE_90).save("turned.jpg", quality=95, exif=exif)

    # A header that claims 60,000 x 60,000 pixels.
    huge = bytearray(open("scene.png", "rb").read())
    huge[16:24] = struct.pack(">II", 60000, 60000)
    huge[29:33] = struct.pack(">I", zlib.crc32(bytes(huge[12:29])))
    open("huge.png", "wb").write(huge)


if __name__ == "__main__":
    main()
