// SPDX-License-Identifier: MIT
// The page's data: what src/viewer/pack.h packs, unpacked when it is needed.
const page = JSON.parse(document.getElementById('page').textContent);
const isComparison = page.names.length > 1;
const kSteps = 252;  // a byte's values from a row's lower to its upper end; then NaN, +Inf, -Inf

async function unpacked(block) {
  const text = atob(document.getElementById(`block${block}`).textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Response(stream).arrayBuffer();
}

let halves = null;  // the number of each float16

function halfNumbers() {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let code = 0; code < 65536; ++code) {
    const sign = code & 0x8000 ? -1 : 1, exponent = code >> 10 & 31, fraction = code & 1023;
    halves[code] = exponent === 31 ? (fraction ? NaN : sign * Infinity)
      : exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
        : sign * 2 ** -24 * fraction;
  }
  return halves;
}

// Rows of numbers, in the form in which they came.
class Rows {
  constructor(buffer, form, columns) {
    this.columns = columns;
    this.form = form;
    if (form === 'steps') {
      this.rows = buffer.byteLength / (columns + 8);
      this.highs = new Float32Array(buffer, 0, this.rows);
      this.lows = new Float32Array(buffer, 4 * this.rows, this.rows);
      this.codes = new Uint8Array(buffer, 8 * this.rows);
    } else {
      this.codes = form === 'half' ? new Uint16Array(buffer) : new Float32Array(buffer);
      this.rows = this.codes.length / columns;
      this.numbers = form === 'half' ? halfNumbers() : null;
    }
  }

  at(row, column) {
    const code = this.codes[row * this.columns + column];
    if (this.form === 'whole') return code;
    if (this.form === 'half') return this.numbers[code];
    if (code > kSteps) return code === kSteps + 1 ? NaN : code === kSteps + 2 ? Infinity : -Infinity;
    return this.lows[row] + code * (this.highs[row] - this.lows[row]) / kSteps;
  }

  row(row, out) {
    const from = row * this.columns, { codes, columns } = this;
    if (this.form !== 'steps') {
      for (let i = 0; i < columns; ++i) out[i] = this.at(row, i);
      return out;
    }
    const low = this.lows[row], step = (this.highs[row] - low) / kSteps;
    for (let i = 0; i < columns; ++i) {
      const code = codes[from + i];
      out[i] = code > kSteps ? this.at(row, i) : low + code * step;
    }
    return out;
  }
}

async function rowsOf(blocks, form, columns) {
  return Promise.all(blocks.map(async (block) => new Rows(await unpacked(block), form, columns)));
}
