#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes digits.safetensors: the handwritten digits that scikit-learn carries.

    pip install scikit-learn safetensors numpy
    python3 make_digits.py [digits.safetensors]

`images` is U8 (1797, 8, 8), ink 0..16; `labels` is U8 (1797,).
"""

import pathlib
import sys

import numpy as np
from safetensors.numpy import save_file
from sklearn.datasets import load_digits


def main():
    default = pathlib.Path(__file__).with_name("digits.safetensors")
    path = sys.argv[1] if len(sys.argv) > 1 else default
    digits = load_digits()
    images = digits.images.astype(np.uint8)
    assert images.shape == (1797, 8, 8) and images.max() == 16
    assert (images == digits.images).all()
    save_file(
        {"images": images, "labels": digits.target.astype(np.uint8)},
        path,
        metadata={
            "source": "UCI Optical Recognition of Handwritten Digits, doi:10.24432/C50P49, test part",
            "authors": "E. Alpaydin and C. Kaynak",
            "licence": "CC BY 4.0",
        },
    )


main()
