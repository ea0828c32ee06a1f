// SPDX-License-Identifier: MIT
// The heads of the layer as buttons, each with what the token looks at there, or its whole map.
const headButtons = [];
let headsMade = '';

function headChoices(group) {
  const rollout = isSquare(group) ? ['rollout'] : [];
  if (group.mean) return ['mean', ...rollout];
  const all = Array.from(group.heads.keys());
  return all.length > 1 ? [...all, ...kFusions, ...rollout] : [...all, ...rollout];
}

function makeHeads(group) {
  const name = `${state.group}`;
  if (headsMade === name) return;
  headsMade = name;
  headButtons.length = 0;
  for (const head of headChoices(group)) {
    const picture = element('span', { className: 'thumbnail' });
    const label = typeof head === 'number' ? String(group.heads[head]) : head;
    const button = element('button', { type: 'button', className: 'head' }, picture, element('span', { textContent: label }));
    button.setAttribute('role', 'radio');
    button.setAttribute('aria-label', headName(group, head));
    button.addEventListener('click', () => chooseHead(head));
    button.addEventListener('keydown', (event) => moveBetweenHeads(event, head));
    headButtons.push({ head, button, picture });
  }
  ui('heads').replaceChildren(...headButtons.map((one) => one.button));
}

function moveBetweenHeads(event, head) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step || event.shiftKey) return;
  event.preventDefault();
  event.stopPropagation();
  const place = headButtons.findIndex((one) => one.head === head);
  const next = headButtons[(place + step + headButtons.length) % headButtons.length];
  chooseHead(next.head);
  next.button.focus();
}

// Its pixels as a picture, not as a canvas: of those there would be so many that all of them cost each
// frame a millisecond.
function fillThumbnail(picture, cols, rows, write) {
  const canvas = fillThumbnail.canvas ??= element('canvas');
  fillCanvas(canvas, cols, rows, write);
  picture.style.aspectRatio = `${cols} / ${rows}`;
  picture.style.backgroundImage = `url(${canvas.toDataURL()})`;
}

// On the picture a thumbnail is the token's attention there, in the text the whole map, coarse.
function drawThumbnail(one, group, token, by, source) {
  const colors = colorsFor(source), { grid } = group;
  const toRange = (values) => (source === kDifference ? symmetric : sequential)(endsOf(values));
  if (state.view === 'picture') {
    const values = attention(group, state.layer, one.head, token, by, source), range = toRange(values);
    fillThumbnail(one.picture, grid.cols, grid.rows, (pixels) => {
      for (let i = 0; i < grid.cols * grid.rows; ++i) paint(pixels, i, values[grid.prefix + i], range, colors);
    });
    return;
  }
  const small = coarseMap(group, state.layer, one.head, source), range = toRange(small.values);
  fillThumbnail(one.picture, small.cols, small.rows, (pixels) => {
    for (let i = 0; i < small.values.length; ++i) paint(pixels, i, small.values[i], range, colors);
  });
}

// At most 48 cells a side: the largest of the values that a cell stands for, or one that is not finite.
function coarseMap(group, layerIndex, head, source) {
  const layer = group.layers[layerIndex], name = `${head} ${source}`;
  layer.coarse ??= new Map();
  if (layer.coarse.has(name)) return layer.coarse.get(name);
  const cols = Math.min(48, group.keys), rows = Math.min(48, group.queries);
  const values = new Float32Array(rows * cols);
  for (let query = 0; query < group.queries; ++query) {
    const line = attention(group, layerIndex, head, query, false, source);
    const to = Math.floor(query * rows / group.queries) * cols;
    for (let key = 0; key < group.keys; ++key) {
      const cell = to + Math.floor(key * cols / group.keys);
      const isLess = Math.abs(line[key]) <= Math.abs(values[cell]);  // NaN is not
      if (!isLess && !colorOfNotFinite(values[cell])) values[cell] = line[key];
    }
  }
  const map = { rows, cols, values };
  layer.coarse.set(name, map);
  return map;
}

const thumbnailSource = isComparison ? kDifference : kA;
let thumbnailsShow = '';

function drawHeads() {
  const { group, token, by } = shown();
  makeHeads(group);
  const name = [state.view, state.group, state.layer, state.colors,
    state.view === 'picture' ? `${token} ${by}` : '', rolloutName()].join();
  const isNew = name !== thumbnailsShow;
  thumbnailsShow = name;
  let choice = null;  // made just now
  for (const one of headButtons) {
    const chosen = one.head === state.head;
    if (chosen && !one.chosen) choice = one.button;
    if (one.chosen !== chosen) {
      one.chosen = chosen;
      one.button.setAttribute('aria-checked', chosen);
      one.button.tabIndex = chosen ? 0 : -1;
    }
    // It takes all layers: only when asked for, and not the whole of it.
    const isPlain = one.head === 'rollout' && !(chosen && state.view === 'picture');
    one.button.classList.toggle('plain', isPlain);
    one.picture.hidden = isPlain;
    if ((isNew || !one.drawn) && !isPlain) drawThumbnail(one, group, token, by, thumbnailSource);
    one.drawn = !isPlain;
  }
  if (choice) keepInSight(choice);
}

// In the box alone: the page stays where it is.
function keepInSight(button) {
  const box = ui('heads'), top = button.offsetTop, bottom = top + button.offsetHeight;
  if (top < box.scrollTop) box.scrollTop = top - 2;
  if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom + 2 - box.clientHeight;
}
