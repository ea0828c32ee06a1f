// SPDX-License-Identifier: MIT
// Any other tensor: a list with a filter, statistics, a heat map of the last two axes.
const tensorPanels = [];
let tensorPointer = null;

function shapeText(tensor) {
  return `${tensor.dtype} [${tensor.shape.join(', ')}]`;
}

function makeTensorList() {
  const words = ui('filter').value.toLowerCase().split(/\s+/).filter((word) => word);
  const matches = page.tensors.map((tensor, i) => [tensor, i]).filter(([tensor]) => {
    const text = `${tensor.key} ${shapeText(tensor)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const kMost = 500;
  ui('filter-count').textContent = matches.length > kMost
    ? `the first ${kMost} of ${matches.length}; filter for others` : `${matches.length} of ${page.tensors.length}`;
  ui('tensor-list').replaceChildren(...matches.slice(0, kMost).map(([tensor, i]) => {
    const button = element('button', { type: 'button', textContent: tensor.key });
    button.append(element('small', { textContent: shapeText(tensor) }));
    button.setAttribute('role', 'option');
    button.tensor = i;
    button.addEventListener('click', () => chooseTensor(i));
    button.addEventListener('keydown', moveInTensorList);
    return button;
  }));
  markTensorList();
}

// The chosen one, else the first, is where Tab comes in; arrows go on from there.
function markTensorList() {
  const all = [...ui('tensor-list').children], chosen = all.find((one) => one.tensor === state.tensor);
  for (const one of all) {
    one.setAttribute('aria-selected', one === chosen);
    one.tabIndex = one === (chosen ?? all[0]) ? 0 : -1;
  }
  chosen?.scrollIntoView({ block: 'nearest' });
}

function moveInTensorList(event) {
  const { previousElementSibling: previous, nextElementSibling: next, parentElement: { children } } = event.currentTarget;
  const to = { ArrowUp: previous, ArrowDown: next, Home: children[0], End: children[children.length - 1] }[event.key];
  if (!to) return;
  event.preventDefault();
  to.focus();
}

function chooseTensor(index) {
  state.tensor = index;
  state.index = [];
  markTensorList();
  makeTensorDetail();
  changed();
}

function statisticsOf(tensor, which) {
  const s = tensor.statistics[which], list = element('dl', { className: 'numbers' });
  const add = (name, value, isBad) => list.append(element('div', { className: isBad ? 'warn' : '' },
    element('dt', { textContent: name }), element('dd', { textContent: value })));
  for (const name of ['min', 'max', 'mean', 'std', 'p1', 'median', 'p99']) {
    if (s[name] !== undefined) add(name, number(s[name]));
  }
  add('values', s.count.toLocaleString('en'));
  if (s.masked) add('masked', s.masked.toLocaleString('en'));
  add('zeros', s.zeros.toLocaleString('en'));
  add('NaN', s.nan.toLocaleString('en'), s.nan > 0);
  add('Inf', s.inf.toLocaleString('en'), s.inf > 0);
  return list;
}

function isComplex(tensor) {
  return tensor.dtype.startsWith('complex');
}

// The lowest numbers of a dtype hide what they stand for: the page has them as infinite.
function isMasked(tensor, source, value) {
  return tensor.masked && (value === -Infinity || (source === kDifference && value === Infinity));
}

function valueText(tensor, source, value) {
  if (isMasked(tensor, source, value)) return 'masked';
  return tensor.integer && Math.abs(value) < 2 ** 24 ? String(value).replace('-', '−') : number(value);
}

// How many rows and columns the last two axes have.
function lastAxes(tensor) {
  const { shape } = tensor;
  return [shape.length > 1 ? shape[shape.length - 2] : 1, shape[shape.length - 1] ?? 1];
}

function axisInputs(tensor) {
  const axes = element('div', { className: 'axes' });
  tensor.shape.slice(0, -2).forEach((length, axis) => {
    const input = element('input', { type: 'number', min: 0, max: length - 1, value: state.index[axis] ?? 0 });
    input.addEventListener('input', () => {
      state.index[axis] = Math.max(0, Math.min(length - 1, input.value | 0));
      changed();
    });
    input.addEventListener('change', () => { input.value = state.index[axis] ?? 0; });
    axes.append(element('label', {}, `axis ${axis} `, input, ` of ${length}`));
  });
  return axes;
}

function makeTensorDetail() {
  const tensor = page.tensors[state.tensor], detail = ui('tensor-detail');
  tensorPanels.length = 0;
  tensorPointer = null;
  if (!tensor) return;
  state.index = tensor.shape.slice(0, -2).map((length, axis) => Math.min(length - 1, state.index[axis] || 0));
  detail.replaceChildren(element('h2', { textContent: tensor.key }),
    element('p', { className: 'quiet', textContent: shapeText(tensor) + (isComplex(tensor) ? ' · shown as |z|, the magnitude' : '') }));
  tensor.statistics.forEach((_, which) => {
    if (isComparison) detail.append(element('h3', { textContent: caption(which) }));
    detail.append(statisticsOf(tensor, which));
  });
  if (!tensor.blocks.length) {
    detail.append(element('p', { className: 'quiet', textContent: 'Its values are not on this page.' }));
    return;
  }
  detail.append(axisInputs(tensor));
  const panels = element('div', { className: 'panels' });
  for (const source of sourcesShown) {
    const canvas = element('canvas', { className: 'matrix-canvas', id: `tensor-${source}`, tabIndex: 0 });
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', `values${isComparison ? ` of ${kOfSource[source]}` : ''}; arrow keys read them`);
    const figure = element('figure', {}, ...(isComparison ? [element('figcaption', { textContent: caption(source) })] : []), canvas);
    panels.append(figure);
    const panel = { source, canvas, figure, cells: new Cells() };
    canvas.addEventListener('pointermove', (event) => readTensor(panel, event));
    canvas.addEventListener('pointerleave', () => { tensorPointer = null; changed(); });
    canvas.addEventListener('keydown', moveInTensor);
    tensorPanels.push(panel);
  }
  detail.append(panels, element('div', { className: 'legend' },
    element('div', { id: 'tensor-bar', className: 'color-bar' }),
    ...(isComparison ? [element('div', { id: 'tensor-difference', className: 'color-bar' })] : [])));
  tensor.loading ??= rowsOf(tensor.blocks, tensor.form, lastAxes(tensor)[1]).then((rows) => { tensor.rows = rows; });
  tensor.loading.then(changed);
}

function readTensor(panel, event) {
  const bounds = panel.canvas.getBoundingClientRect(), [rows, columns] = lastAxes(page.tensors[state.tensor]);
  if (!panel.at) return;
  const row = Math.floor((event.clientY - bounds.top) / panel.at[1] * rows);
  const column = Math.floor((event.clientX - bounds.left) / panel.at[0] * columns);
  const isInside = row >= 0 && column >= 0 && row < rows && column < columns;
  tensorPointer = isInside ? [row, column] : null;
  changed();
}

function moveInTensor(event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  const [rows, columns] = lastAxes(page.tensors[state.tensor]), [row, column] = tensorPointer ?? [0, 0];
  tensorPointer = [Math.min(rows - 1, Math.max(0, row + step[0])), Math.min(columns - 1, Math.max(0, column + step[1]))];
  changed();
}

// The first row of what the leading indexes choose.
function firstRow(tensor) {
  const leading = tensor.shape.slice(0, -2);
  return leading.reduce((at, length, axis) => at * length + (state.index[axis] || 0), 0) * lastAxes(tensor)[0];
}

function drawTensor() {
  const tensor = page.tensors[state.tensor];
  if (!tensor || !tensor.rows || !tensorPanels.length) return;
  const [rows, columns] = lastAxes(tensor), first = firstRow(tensor), ends = [];
  const values = tensorPanels.map(({ source }) => {
    const all = new Float32Array(rows * columns), row = new Float32Array(columns);
    for (let r = 0; r < rows; ++r) all.set(tensor.rows[source].row(first + r, row), r * columns);
    ends[source] = endsOf(all);
    return all;
  });
  const range = rangeOfTensor(isComparison ? [ends[kA], ends[kB]] : [ends[kA]]);
  const difference = isComparison ? symmetric(ends[kDifference]) : null;
  tensorPanels.forEach((panel, i) => drawTensorPanel(tensor, panel, values[i], rows, columns,
    panel.source === kDifference ? difference : range));
  drawBar(ui('tensor-bar'), range, tensorColors(range), isComparison ? 'A and B' : '');
  if (isComparison) drawBar(ui('tensor-difference'), difference, colorMaps.difference, 'A − B');
}

// Around zero where values have both signs.
function rangeOfTensor(all) {
  const low = Math.min(...all.map((e) => e.low)), high = Math.max(...all.map((e) => e.high));
  if (high < low) return rangeOf(0, 1);
  return low < 0 && high > 0 ? symmetric({ low, high }) : rangeOf(low, high);
}

function tensorColors(range) {
  return range.low < 0 && range.high === -range.low ? colorMaps.difference : colorMaps[state.colors];
}

function drawTensorPanel(tensor, panel, values, rows, columns, range) {
  const room = Math.max(140, panel.figure.clientWidth - 2);
  const side = Math.min(30, room / columns);
  const height = Math.max(Math.min(Math.max(side, 1) * rows, window.innerHeight * 0.7), rows === 1 ? 30 : 24);
  const width = side * columns;
  panel.at = [width, height];
  const context = contextOf(panel.canvas, width, height);
  panel.cells.fill(columns, rows, (pixels) => {
    const colors = tensorColors(range);
    for (let i = 0; i < values.length; ++i) {
      if (!isMasked(tensor, panel.source, values[i])) paint(pixels, i, values[i], range, colors);
    }
  });
  panel.cells.draw(context, 0, 0, width, height);
  if (!tensorPointer) return;
  const [row, column] = tensorPointer, w = width / columns, h = height / rows;
  frame(context, column * w, row * h, Math.max(w, 2), Math.max(h, 2), colorsOfTheme().mark, 1.5);
}

function tensorReadout() {
  const tensor = page.tensors[state.tensor];
  if (!tensor) return ['there is no other tensor in this file', ''];
  if (!tensor.blocks.length) return ['', `${tensor.key}: statistics alone`];
  if (!tensor.rows || !tensorPointer) return ['', `${tensor.key}: hover over it to read its values`];
  const row = firstRow(tensor) + tensorPointer[0];
  const index = [...state.index.slice(0, Math.max(0, tensor.shape.length - 2)), ...tensorPointer].slice(-tensor.shape.length);
  const texts = tensor.rows.map((rows, source) => `${isComparison ? `${kOfSource[source]} ` : ''}${valueText(tensor, source, rows.at(row, tensorPointer[1]))}`);
  return [`${isComplex(tensor) ? '|z| ' : ''}${texts.join('   ')}`, `${tensor.key}[${index.join(', ')}]`];
}
