// SPDX-License-Identifier: MIT
// What the drawings share.
const ui = (id) => document.getElementById(id);

// A context whose unit is a CSS pixel, over the whole canvas, cleared.
function contextOf(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.max(1, Math.round(width * ratio)), h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w; canvas.height = h;
    canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext('2d');
  context.setTransform(w / width, 0, 0, h / height, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// A canvas of a pixel a value. `write` gives all of `data`, of which alpha is 0 at first.
function fillCanvas(canvas, cols, rows, write) {
  if (canvas.width !== cols || canvas.height !== rows || !canvas.pixels) {
    canvas.width = cols; canvas.height = rows;
    canvas.context = canvas.getContext('2d');
    canvas.pixels = canvas.context.createImageData(cols, rows);
  }
  write(canvas.pixels.data);
  canvas.context.putImageData(canvas.pixels, 0, 0);
}

// Such a canvas, drawn scaled.
class Cells {
  constructor() {
    this.canvas = document.createElement('canvas');
  }

  fill(cols, rows, write) {
    fillCanvas(this.canvas, cols, rows, (pixels) => write(pixels.fill(0)));
  }

  draw(context, x, y, width, height) {
    context.imageSmoothingEnabled = false;
    context.drawImage(this.canvas, x, y, width, height);
  }
}

let palette = null;  // the theme's colours

function colorsOfTheme() {
  if (palette) return palette;
  const style = getComputedStyle(document.documentElement);
  palette = {};
  for (const name of ['ground', 'card', 'ink', 'quiet', 'line', 'accent', 'soft', 'mark', 'other',
    'line-a', 'line-b']) {
    palette[name] = style.getPropertyValue(`--${name}`).trim();
  }
  return palette;
}

const kFont = 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif';

function number(value) {
  if (value !== value) return 'NaN';
  if (value === Infinity) return '∞';
  if (value === -Infinity) return '−∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text = size < 1e-4 || size >= 1e6 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  return text.replace('-', '−');
}

// Frame around a cell that is seen on dark and bright.
function frame(context, x, y, width, height, color, thick = 2) {
  context.lineWidth = thick + (thick < 1 ? 1 : 2);
  context.strokeStyle = 'rgb(0 0 0 / .55)';
  context.strokeRect(x, y, width, height);
  context.lineWidth = thick;
  context.strokeStyle = color;
  context.strokeRect(x, y, width, height);
}

// Another text of an element that holds nothing but text.
function setText(target, text) {
  if (!target.firstChild) target.append(text);
  else if (target.firstChild.data !== text) target.firstChild.data = text;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// The colours and range of a source's values.
function colorsFor(source) {
  return source === kDifference ? colorMaps.difference : colorMaps[state.colors];
}

// A, B share one range: the row's, the map's or the layer's, once the whole map is there.
function rangesFor(lines) {
  const { group } = shown(), isRow = state.scale === 'row' || mapPart(group) < 1;
  const sources = isComparison ? [kA, kB] : [kA];
  const endsFor = (source) => {
    if (isRow) return endsOf(lines[source]);
    if (state.scale === 'map') return wholeMap(group, state.layer, state.head, source).ends;
    return layerEnds(group, state.layer, source);
  };
  const ends = sources.map(endsFor);
  const both = { low: Math.min(...ends.map((e) => e.low)), high: Math.max(...ends.map((e) => e.high)) };
  const ranges = [];
  for (const source of sources) ranges[source] = sequential(both);
  if (isComparison) ranges[kDifference] = symmetric(endsFor(kDifference));
  return ranges;
}

function layerEnds(group, layerIndex, source) {
  const layer = group.layers[layerIndex];
  layer.ends ??= {};
  if (state.head === 'rollout') return wholeMap(group, layerIndex, state.head, source).ends;
  if (layer.ends[source]) return layer.ends[source];
  const ends = { low: Infinity, high: -Infinity }, rows = layer.rows[source];
  const row = new Float32Array(group.keys);
  for (let r = 0; r < rows.rows; ++r) endsOf(rows.row(r, row), ends);
  layer.ends[source] = ends;
  return ends;
}
