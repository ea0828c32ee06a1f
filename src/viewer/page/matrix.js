// SPDX-License-Identifier: MIT
// A whole map: a row each query, a column each key.
const kMargin = 26;

class MatrixPanel {
  constructor(source) {
    this.source = source;
    this.canvas = element('canvas', { className: 'matrix-canvas', tabIndex: 0, id: `matrix-${source}` });
    this.canvas.setAttribute('role', 'application');
    this.canvas.setAttribute('aria-label', `${isComparison ? kOfSource[source] + ': ' : ''}the whole map; arrow keys choose the query, with Shift the key`);
    this.scroller = element('div', { className: 'matrix-scroller' }, this.canvas);
    this.figure = element('figure', { className: 'panel' },
      element('figcaption', { textContent: isComparison ? caption(source) : 'Matrix' }), this.scroller);
    this.cells = new Cells();
    listen(this.canvas, (event) => this.cellAt(event), () => false);
  }

  cellAt(event) {
    const bounds = this.canvas.getBoundingClientRect(), group = currentGroup();
    if (!this.side) return null;
    const key = Math.floor((event.clientX - bounds.left - kMargin) / this.side);
    const query = Math.floor((event.clientY - bounds.top - kMargin) / this.side);
    if (query < 0 || key < 0 || query >= group.queries || key >= group.keys) return null;
    return { token: query, by: false, target: key, cell: [query, key] };
  }

  // The cells are drawn again only when another map or range is shown.
  fill(group, range) {
    const map = wholeMap(group, state.layer, state.head, this.source);
    const name = `${range.low} ${range.high} ${state.colors}`;
    if (this.map === map && this.name === name) return;
    this.map = map; this.name = name;
    const colors = colorsFor(this.source), causal = group.layers[state.layer].causal;
    this.cells.fill(group.keys, group.queries, (pixels) => {
      for (let i = 0; i < map.values.length; ++i) {
        const isMasked = causal && i % group.keys > Math.floor(i / group.keys);
        if (!isMasked) paint(pixels, i, map.values[i], range, colors);
      }
    });
  }

  draw() {
    const { group, token, by } = shown(), theme = colorsOfTheme(), cell = cellRead();
    this.fill(group, matrixRange(group, this.source));
    const room = Math.max(140, this.figure.clientWidth - 30 - kMargin);
    this.side = Math.min(34, room / Math.max(group.keys, 4), Math.max(300, window.innerHeight - 260) / Math.max(group.queries, 4));
    const width = this.side * group.keys, height = this.side * group.queries;
    const context = contextOf(this.canvas, width + kMargin + 2, height + kMargin + 2);
    context.fillStyle = theme.line;
    context.fillRect(kMargin, kMargin, width, height);
    this.cells.draw(context, kMargin, kMargin, width, height);
    this.drawTicks(context, group, theme);
    const line = Math.max(this.side, 2), thick = this.side < 5 ? 0.75 : 1.5;
    if (by) frame(context, kMargin + token * this.side, kMargin, line, height, theme.mark, thick);
    else frame(context, kMargin, kMargin + token * this.side, width, line, theme.mark, thick);
    if (cell) {
      frame(context, kMargin + cell[1] * this.side, kMargin + cell[0] * this.side, line, line, theme.other, thick);
    }
  }

  drawTicks(context, group, theme) {
    context.fillStyle = theme.quiet;
    context.font = `10.5px ${kFont}`;
    const step = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000].find((s) => s * this.side >= 26) ?? 2000;
    context.textAlign = 'center';
    context.textBaseline = 'bottom';
    for (let i = 0; i < group.keys; i += step) {
      context.fillText(i, kMargin + (i + 0.5) * this.side, kMargin - 3);
    }
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    for (let i = 0; i < group.queries; i += step) {
      context.fillText(i, kMargin - 4, kMargin + (i + 0.5) * this.side);
    }
  }
}

// Of a map or a layer; one row alone has no range of its own here.
function matrixRange(group, source) {
  const endsFor = (from) => (state.scale === 'layer' ? layerEnds(group, state.layer, from)
    : wholeMap(group, state.layer, state.head, from).ends);
  if (source === kDifference) return symmetric(endsFor(source));
  const ends = (isComparison ? [kA, kB] : [kA]).map(endsFor);
  return sequential({ low: Math.min(...ends.map((e) => e.low)), high: Math.max(...ends.map((e) => e.high)) });
}

const matrixPanels = [];

// Rollout of many tokens as a whole takes seconds.
function hasMatrix(group) {
  return state.head !== 'rollout' || group.keys <= 400;
}

function drawMatrices() {
  if (!matrixPanels.length) {
    for (const source of sourcesShown) matrixPanels.push(new MatrixPanel(source));
    ui('matrix-panels').append(...matrixPanels.map((panel) => panel.figure));
  }
  const { group } = shown();
  ui('matrix-panels').hidden = !hasMatrix(group);
  if (!hasMatrix(group)) return;
  for (const panel of matrixPanels) panel.draw();
}
