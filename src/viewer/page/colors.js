// SPDX-License-Identifier: MIT
// Colours of numbers. The maps are those of `anycapture plot`.
const kNotFinite = { nan: [255, 0, 170], infinite: [255, 150, 0] };

function bytesOfText(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

// Blue below zero, red above it.
function divergingColors() {
  const stops = [[33, 102, 172], [146, 197, 222], [247, 247, 247], [244, 165, 130], [178, 24, 43]];
  const colors = new Uint8Array(768);
  for (let i = 0; i < 256; ++i) {
    const place = i / 255 * (stops.length - 1), lower = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; ++c) {
      const low = stops[lower][c];
      colors[3 * i + c] = Math.round(low + (place - lower) * (stops[lower + 1][c] - low));
    }
  }
  return colors;
}

const colorMaps = {
  viridis: bytesOfText(page.colors.viridis),
  magma: bytesOfText(page.colors.magma),
  grey: bytesOfText(page.colors.grey),
  difference: divergingColors(),
};

// Of what is NaN or infinite; null of any other number.
function colorOfNotFinite(value) {
  if (value - value === 0) return null;
  return value !== value ? kNotFinite.nan : kNotFinite.infinite;
}

// Writes the colour of `value` at pixel `at` of `pixels`, opaque.
function paint(pixels, at, value, range, colors) {
  const to = 4 * at;
  pixels[to + 3] = 255;
  const color = colorOfNotFinite(value);
  if (color) {
    pixels[to] = color[0]; pixels[to + 1] = color[1]; pixels[to + 2] = color[2];
    return;
  }
  const t = (value - range.low) * range.factor;
  const from = 3 * (t <= 0 ? 0 : t >= 255 ? 255 : (t + 0.5) | 0);
  pixels[to] = colors[from]; pixels[to + 1] = colors[from + 1]; pixels[to + 2] = colors[from + 2];
}

// The numbers at the two ends of the colours.
function rangeOf(low, high) {
  return { low, high, factor: high > low ? 255 / (high - low) : 0 };
}

function endsOf(values, ends = { low: Infinity, high: -Infinity }) {
  for (let i = 0; i < values.length; ++i) {
    const value = values[i];
    if (value - value !== 0) continue;
    if (value < ends.low) ends.low = value;
    if (value > ends.high) ends.high = value;
  }
  return ends;
}

// Of attention, from 0; of a difference, as far on both sides.
function sequential(ends) {
  return ends.high < ends.low ? rangeOf(0, 1) : rangeOf(Math.min(0, ends.low), ends.high);
}

function symmetric(ends) {
  const most = ends.high < ends.low ? 0 : Math.max(Math.abs(ends.low), Math.abs(ends.high));
  return most > 0 ? rangeOf(-most, most) : rangeOf(-1, 1);
}
