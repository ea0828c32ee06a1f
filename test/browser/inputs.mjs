// SPDX-License-Identifier: MIT
// Capture files with values that the tests know, and pages that the program makes of them.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const program = process.env.ANYCAPTURE_PROGRAM;

const kArrays = { F32: Float32Array, F64: Float64Array, I32: Int32Array };

// `tensors`: {key: {shape, values, dtype}}, float32 where none is said.
export function writeCapture(name, tensors, metadata) {
  const header = {}, parts = [];
  let offset = 0;
  for (const [key, { shape, values, dtype = 'F32' }] of Object.entries(tensors)) {
    const bytes = Buffer.from(kArrays[dtype].from(values).buffer);
    header[key] = { dtype, shape, data_offsets: [offset, offset += bytes.length] };
    parts.push(bytes);
  }
  if (metadata) header.__metadata__ = { anycapture: JSON.stringify({ version: 1, ...metadata }) };
  let text = Buffer.from(JSON.stringify(header));
  text = Buffer.concat([text, Buffer.alloc((8 - text.length % 8) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const path = `pages/${name}.safetensors`;
  writeFileSync(path, Buffer.concat([length, text, ...parts]));
  return path;
}

export function readCapture(path) {
  const bytes = readFileSync(path), length = Number(bytes.readBigUInt64LE(0)), tensors = {};
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  for (const [key, about] of Object.entries(header)) {
    if (key === '__metadata__') continue;
    const [from, to] = about.data_offsets.map((offset) => offset + 8 + length);
    tensors[key] = { shape: about.shape, values: new Float32Array(Uint8Array.from(bytes.subarray(from, to)).buffer) };
  }
  return tensors;
}

// The page's address, and what was said on stderr.
export function makePage(name, ...options) {
  const out = `pages/${name}.html`;
  const result = spawnSync(program, ['view', ...options, '-o', out], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`anycapture view ${options.join(' ')}: ${result.stderr}`);
  return { url: `file://${process.cwd()}/${out}`, said: result.stderr, path: out };
}

export function anycapture(...options) {
  return execFileSync(program, options, { encoding: 'utf8' });
}

export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}

// Rows of a softmax, `logit(head, query, key)` to a random number each.
export function attention(heads, queries, keys, seed, spread = 3) {
  const random = randomNumbers(seed), values = new Float32Array(heads * queries * keys);
  for (let row = 0; row < heads * queries; ++row) {
    let sum = 0;
    for (let key = 0; key < keys; ++key) sum += values[row * keys + key] = Math.exp(spread * random());
    for (let key = 0; key < keys; ++key) values[row * keys + key] /= sum;
  }
  return { shape: [1, heads, queries, keys], values };
}

export function atIndex({ shape, values }, ...index) {
  const all = [...new Array(shape.length - index.length).fill(0), ...index];
  return values[all.reduce((at, i, axis) => at * shape[axis] + i, 0)];
}

export function rowOf({ shape, values }, head, query) {
  const keys = shape[3], from = (head * shape[2] + query) * keys;
  return values.subarray(from, from + keys);
}

// A model's input, 3 channels of a gradient.
export function pictureTensor(side = 64) {
  const values = [];
  for (let c = 0; c < 3; ++c) {
    for (let y = 0; y < side; ++y) for (let x = 0; x < side; ++x) values.push((c === 0 ? x : c === 1 ? y : 32) / side);
  }
  return { shape: [1, 3, side, side], values };
}

export const pictureMetadata = { key: ':input.0', mean: [0, 0, 0], std: [1, 1, 1] };

// Some of viridis' colours; between them linear.
const kViridis = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];

export function viridis(t) {
  const place = t * (kViridis.length - 1), lower = Math.min(Math.floor(place), kViridis.length - 2);
  return kViridis[lower].map((low, c) => low + (place - lower) * (kViridis[lower + 1][c] - low));
}
