// SPDX-License-Identifier: MIT
// Rollout, as include/anycapture/rollout.h has it, of one token: its row, or its column, needs no product of
// whole matrices.
function rolloutName() {
  return `${state.fusion} ${state.discard} ${state.start}`;
}

function classToken(group) {
  return group.grid && group.grid.prefix === 0 ? -1 : 0;
}

function discardSmallest(row, diagonal, classColumn, ratio) {
  const columns = [];
  for (let i = 0; i < row.length; ++i) if (i !== diagonal && i !== classColumn) columns.push(i);
  columns.sort((a, b) => row[a] - row[b] || a - b);
  const count = Math.min(Math.floor(ratio * row.length), columns.length);
  for (let i = 0; i < count; ++i) row[columns[i]] = 0;
}

// (fused + I), each row divided by its sum.
function passedOn(group, layerIndex, source) {
  const layer = group.layers[layerIndex], name = `${state.fusion} ${state.discard}`;
  layer.passedOn ??= {};
  const made = layer.passedOn[source];
  if (made && made.name === name) return made.matrix;
  const size = group.keys, matrix = new Float32Array(size * size);
  for (let query = 0; query < size; ++query) {
    const row = attention(group, layerIndex, state.fusion, query, false, source);
    if (state.discard > 0) discardSmallest(row, query, classToken(group), state.discard);
    row[query] += 1;
    let sum = 0;
    for (let i = 0; i < size; ++i) sum += row[i];
    for (let i = 0; i < size; ++i) matrix[query * size + i] = row[i] / sum;
  }
  layer.passedOn[source] = { name, matrix };
  return matrix;
}

function rolloutLine(group, layerIndex, token, by, source) {
  const whole = wholeRollouts.get(wholeRolloutName(group, layerIndex, source));
  if (whole && whole.rows === group.queries) return lineOfWhole(whole.values, group.keys, token, by);
  const size = group.keys, first = Math.min(state.start, layerIndex);
  let line = new Float32Array(size);
  line[token] = 1;
  for (let i = first; i <= layerIndex; ++i) {
    // A row goes through the last layer first, a column through the first.
    const matrix = passedOn(group, by ? i : layerIndex - (i - first), source);
    const next = new Float32Array(size);
    for (let r = 0; r < size; ++r) {
      const from = r * size;
      if (by) {
        let sum = 0;
        for (let c = 0; c < size; ++c) sum += matrix[from + c] * line[c];
        next[r] = sum;
      } else if (line[r] !== 0) {
        const weight = line[r];
        for (let c = 0; c < size; ++c) next[c] += weight * matrix[from + c];
      }
    }
    line = next;
  }
  return line;
}

function lineOfWhole(values, size, token, by) {
  if (!by) return values.slice(token * size, (token + 1) * size);
  return Float32Array.from({ length: size }, (_, query) => values[query * size + token]);
}

// As rolloutLine(), four tokens from `first` at once, into the rows of `out`.
function rolloutRows(group, layerIndex, first, source, out) {
  const size = group.keys, count = Math.min(4, size - first), start = Math.min(state.start, layerIndex);
  let rows = Array.from({ length: 4 }, () => new Float32Array(size));
  for (let i = 0; i < count; ++i) rows[i][first + i] = 1;
  for (let layer = layerIndex; layer >= start; --layer) {
    const matrix = passedOn(group, layer, source), [a, b, c, d] = rows;
    const next = rows.map(() => new Float32Array(size)), [nextA, nextB, nextC, nextD] = next;
    for (let r = 0; r < size; ++r) {
      const wa = a[r], wb = b[r], wc = c[r], wd = d[r], from = r * size;
      if (wa === 0 && wb === 0 && wc === 0 && wd === 0) continue;
      for (let i = 0; i < size; ++i) {
        const value = matrix[from + i];
        nextA[i] += wa * value; nextB[i] += wb * value; nextC[i] += wc * value; nextD[i] += wd * value;
      }
    }
    rows = next;
  }
  for (let i = 0; i < count; ++i) out.set(rows[i], (first + i) * size);
  return count;
}

const wholeRollouts = new Map();  // the last few, {values, rows}: how many rows are there
let rolloutTimer = 0;

// A while of a whole rollout's work; whoever still shows it asks for more.
function advanceRollout(whole, group, layerIndex, source) {
  const kWhile = 24, until = performance.now() + kWhile;
  while (whole.rows < group.queries && performance.now() < until) {
    whole.rows += rolloutRows(group, layerIndex, whole.rows, source, whole.values);
  }
}

function wholeRolloutName(group, layerIndex, source) {
  return [groups.indexOf(group), layerIndex, source, rolloutName()].join();
}

function wholeRollout(group, layerIndex, source) {
  const name = wholeRolloutName(group, layerIndex, source);
  if (!wholeRollouts.has(name)) {
    if (wholeRollouts.size > 3) wholeRollouts.delete(wholeRollouts.keys().next().value);
    const whole = { values: new Float32Array(group.queries * group.keys), rows: 0 };
    wholeRollouts.set(name, whole);
    advanceRollout(whole, group, layerIndex, source);
  }
  return wholeRollouts.get(name);
}

// How much of it is there, from 0 to 1. Of many tokens it takes seconds: it is made bit by bit, each
// time that it is asked for, so that the page answers meanwhile.
function wholeRolloutPart(group, layerIndex) {
  const sources = isComparison ? [kA, kB] : [kA];
  const wholes = sources.map((source) => wholeRollout(group, layerIndex, source));
  const at = wholes.findIndex((whole) => whole.rows < group.queries);
  if (at >= 0) {
    clearTimeout(rolloutTimer);
    rolloutTimer = setTimeout(() => {
      advanceRollout(wholes[at], group, layerIndex, sources[at]);
      changed();
    });
  }
  return wholes.reduce((sum, whole) => sum + whole.rows, 0) / (group.queries * wholes.length);
}

function wholeRolloutValues(group, layerIndex, source) {
  if (source !== kDifference) return wholeRollout(group, layerIndex, source).values;
  const a = wholeRolloutValues(group, layerIndex, kA);
  return minus(Float32Array.from(a), wholeRolloutValues(group, layerIndex, kB));
}
