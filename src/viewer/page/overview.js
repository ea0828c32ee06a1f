// SPDX-License-Identifier: MIT
// All layers and heads at once, a small picture each.
const kOverviewLeft = 34, kOverviewTop = 20, kOverviewGap = 2;
const overview = { cells: new Cells(), at: null, shows: '' };

function overviewCell(group) {
  if (state.view === 'picture') return [group.grid.cols, group.grid.rows];
  return [Math.min(48, group.keys), Math.min(48, group.queries)];
}

// One canvas of a pixel a value holds them all; gaps are cut where it is drawn.
function fillOverview(group, token, by) {
  const source = thumbnailSource, colors = colorsFor(source), [w, h] = overviewCell(group);
  const heads = headCount(group), cols = heads * w, rows = group.layers.length * h;
  const toRange = source === kDifference ? symmetric : sequential;
  const skip = state.view === 'picture' ? group.grid.prefix : 0;
  overview.cells.fill(cols, rows, (pixels) => {
    group.layers.forEach((layer, l) => {
      if (!layer.rows) return;
      for (let head = 0; head < heads; ++head) {
        const values = state.view === 'picture' ? attention(group, l, head, token, by, source)
          : coarseMap(group, l, head, source).values;
        const range = toRange(endsOf(skip ? values.subarray(skip) : values));
        for (let y = 0; y < h; ++y) {
          const to = (l * h + y) * cols + head * w;
          for (let x = 0; x < w; ++x) paint(pixels, to + x, values[skip + y * w + x], range, colors);
        }
      }
    });
  });
}

function drawOverview() {
  const { group, token, by } = shown(), heads = headCount(group), layers = group.layers.length;
  ui('overview-section').hidden = heads * layers < 2 || state.view === 'tensors';
  if (ui('overview-section').hidden) return;
  const [w, h] = overviewCell(group);
  const there = group.layers.filter((layer) => layer.rows).length;
  const name = [state.view, state.group, there, state.colors,
    state.view === 'picture' ? `${token} ${by}` : ''].join();
  if (name !== overview.shows) fillOverview(group, token, by);
  overview.shows = name;
  ui('overview').dataset.layers = there;
  const room = ui('overview-section').clientWidth - 30 - kOverviewLeft;
  const most = Math.min(88, room / heads, 620 / layers * w / h), cell = Math.max(6, most);
  const tall = cell * h / w;
  const canvas = ui('overview'), theme = colorsOfTheme();
  const context = contextOf(canvas, kOverviewLeft + cell * heads + 2, kOverviewTop + tall * layers + 2);
  overview.at = { cell, tall };
  overview.cells.draw(context, kOverviewLeft, kOverviewTop, cell * heads, tall * layers);
  const gap = Math.min(kOverviewGap, cell / 6, tall / 6);
  for (let i = 1; i <= heads; ++i) context.clearRect(kOverviewLeft + i * cell - gap, kOverviewTop, gap, tall * layers);
  for (let i = 1; i <= layers; ++i) context.clearRect(kOverviewLeft, kOverviewTop + i * tall - gap, cell * heads, gap);
  drawOverviewTicks(context, group, cell, tall, theme);
  const head = typeof state.head === 'number' ? state.head : 0;
  const wide = typeof state.head === 'number' ? cell : cell * heads;
  frame(context, kOverviewLeft + head * cell, kOverviewTop + state.layer * tall,
    wide - gap, tall - gap, theme.mark, 2);
  const what = state.view === 'picture' ? `what ${nameOf(group, token, by ? 'keys' : 'queries')} ${by ? 'is attended by' : 'attends to'}` : 'the whole maps';
  const about = `${isComparison ? 'A − B of ' : ''}${what}, each in its own range; a row is a layer, a column a head`;
  if (ui('overview-about').textContent !== about) ui('overview-about').textContent = about;
}

function drawOverviewTicks(context, group, cell, tall, theme) {
  context.fillStyle = theme.quiet;
  context.font = `11px ${kFont}`;
  const everyHead = Math.ceil(18 / cell), everyLayer = Math.ceil(14 / tall);
  context.textAlign = 'center';
  context.textBaseline = 'bottom';
  for (let head = 0; head < headCount(group); head += everyHead) {
    context.fillText(group.mean ? 'mean' : group.heads[head], kOverviewLeft + (head + 0.5) * cell, kOverviewTop - 4);
  }
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (let layer = 0; layer < group.layers.length; layer += everyLayer) {
    context.fillText(group.layers[layer].place, kOverviewLeft - 7, kOverviewTop + (layer + 0.5) * tall);
  }
}

function chooseInOverview(event) {
  const group = currentGroup(), bounds = ui('overview').getBoundingClientRect(), { at } = overview;
  const shrunk = bounds.width / parseFloat(ui('overview').style.width);  // where there is no room for it
  const head = Math.floor(((event.clientX - bounds.left) / shrunk - kOverviewLeft) / at.cell);
  const layer = Math.floor((event.clientY - bounds.top - kOverviewTop) / at.tall);
  if (head < 0 || layer < 0 || head >= headCount(group) || layer >= group.layers.length) return;
  chooseLayer(layer);
  chooseHead(group.mean ? 'mean' : head);
}

function moveInOverview(event) {
  const group = currentGroup();
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  chooseLayer(state.layer + step[0]);
  if (!step[1] || group.mean) return;
  const head = typeof state.head === 'number' ? state.head + step[1] : 0;
  chooseHead(Math.min(headCount(group) - 1, Math.max(0, head)));
}
