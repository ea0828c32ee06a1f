// SPDX-License-Identifier: MIT
// Attention of one token: a row or a column of a head's map, of the heads' mean, max or min, or of
// rollout. `source`: 0 is A, 1 is B, 2 is A - B.
const kA = 0, kB = 1, kDifference = 2;
const kFusions = ['mean', 'max', 'min'];
const groups = page.groups;

const sourcesShown = isComparison ? [kA, kB, kDifference] : [kA];

function isSquare(group) {
  return group.queries === group.keys;
}

// Loads a layer once; `layer.rows` is there when it has come.
function load(layer, group) {
  layer.loading ??= rowsOf(layer.blocks, layer.form, group.keys).then((rows) => {
    layer.rows = rows;
  });
  return layer.loading;
}

function headCount(group) {
  return group.mean ? 1 : group.heads.length;
}

// Joins `count` lists of numbers, each given by `fill(index, out)`.
function fused(how, count, size, fill) {
  const out = new Float32Array(size), one = new Float32Array(size);
  fill(0, out);
  for (let h = 1; h < count; ++h) {
    fill(h, one);
    for (let i = 0; i < size; ++i) {
      const value = one[i];
      if (how === 'mean') out[i] += value;
      else if (value !== value || (how === 'max' ? value > out[i] : value < out[i])) out[i] = value;
    }
  }
  if (how === 'mean') for (let i = 0; i < size; ++i) out[i] /= count;
  return out;
}

function minus(a, b) {
  for (let i = 0; i < a.length; ++i) a[i] -= b[i];
  return a;
}

// What `token` attends to, or with `by` what attends to it. All its layers must be there.
function attention(group, layerIndex, head, token, by, source = kA) {
  const layer = group.layers[layerIndex];
  const lineOf = (from) => attention(group, layerIndex, head, token, by, from);
  if (head === 'rollout') {
    return source === kDifference ? minus(lineOf(kA), lineOf(kB))
      : rolloutLine(group, layerIndex, token, by, source);
  }
  const isExtreme = head === 'max' || head === 'min';
  if (source === kDifference && isExtreme) return minus(lineOf(kA), lineOf(kB));
  const rows = layer.rows[source], size = by ? group.queries : group.keys;
  const fill = (h, out) => {
    const first = h * group.queries;
    if (!by) return rows.row(first + token, out);
    for (let i = 0; i < size; ++i) out[i] = rows.at(first + i, token);
    return out;
  };
  if (typeof head === 'number') return fill(head, new Float32Array(size));
  return fused(head, headCount(group), size, fill);
}

// How much of the whole map can be shown: all, but of rollout of many tokens.
function mapPart(group) {
  return state.head === 'rollout' ? wholeRolloutPart(group, state.layer) : 1;
}

function mapValues(group, layerIndex, head, source) {
  if (head === 'rollout') return wholeRolloutValues(group, layerIndex, source);
  const values = new Float32Array(group.queries * group.keys);
  for (let query = 0; query < group.queries; ++query) {
    values.set(attention(group, layerIndex, head, query, false, source), query * group.keys);
  }
  return values;
}

// A whole map, queries by keys, of which mapPart() is 1. The last few are kept.
const kept = new Map();

function wholeMap(group, layerIndex, head, source) {
  const name = [groups.indexOf(group), layerIndex, head, source,
    head === 'rollout' ? rolloutName() : ''].join();
  if (kept.has(name)) return kept.get(name);
  const values = mapValues(group, layerIndex, head, source), map = { values, ends: endsOf(values) };
  if (kept.size > 11) kept.delete(kept.keys().next().value);
  kept.set(name, map);
  return map;
}

// Indexes of the largest, largest first.
function strongest(values, count) {
  const order = [];
  for (let i = 0; i < values.length; ++i) {
    const value = Math.abs(values[i]);
    if (!(value > 0) || value === Infinity) continue;
    if (order.length === count && !(value > Math.abs(values[order[count - 1]]))) continue;
    let place = order.length;
    while (place > 0 && Math.abs(values[order[place - 1]]) < value) --place;
    order.splice(place, 0, i);
    if (order.length > count) order.pop();
  }
  return order;
}

// Whether each belongs to the fewest that hold `part` of the whole.
function keptOf(values, part) {
  const keep = new Uint8Array(values.length).fill(1);
  if (part >= 1) return keep;
  const order = Array.from(values.keys())
    .sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]) || a - b);
  let total = 0;
  for (const value of values) if (value - value === 0) total += Math.abs(value);
  let sum = 0;
  for (const i of order) {
    if (sum >= part * total) keep[i] = 0;
    if (values[i] - values[i] === 0) sum += Math.abs(values[i]);
  }
  return keep;
}
