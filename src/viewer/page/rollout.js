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
