// SPDX-License-Identifier: MIT
// A whole map: a row each query, a column each key.
const kMargin = 26;

const kReadable = 12;  // pixels of a cell at least, unless the whole is asked for
const kScrollBar = 15;

// Only what is in sight is drawn; the frames lie over it.
class MatrixPanel {
  constructor(source) {
    this.source = source;
    this.canvas = element('canvas', { className: 'matrix-canvas', tabIndex: 0, id: `matrix-${source}` });
    this.canvas.setAttribute('role', 'application');
    this.canvas.setAttribute('aria-label', `${isComparison ? kOfSource[source] + ': ' : ''}the whole map; arrow keys choose the query, with Shift the key`);
    const cells = element('div', { className: 'over-cells' });
    this.outlined = new Marks(cells, '#ffffff', 1.5);
    this.looks = new Mark(cells, 'mark', 1.5);
    this.target = new Mark(cells, 'other', 1.5);
    this.view = element('div', { className: 'matrix-view' }, this.canvas, cells);
    this.space = element('div', {}, this.view);
    this.scroller = element('div', { className: 'matrix-scroller', id: `matrix-scroller-${source}` }, this.space);
    this.scroller.addEventListener('scroll', changed);
    this.figure = element('figure', { className: 'panel' },
      element('figcaption', { textContent: isComparison ? caption(source) : 'Matrix' }), this.scroller);
    this.cells = new Cells();
    this.left = this.top = 0;
    listen(this.canvas, (event) => this.cellAt(event), () => false);
  }

  cellAt(event) {
    const bounds = this.canvas.getBoundingClientRect(), group = currentGroup();
    const x = event.clientX - bounds.left - kMargin, y = event.clientY - bounds.top - kMargin;
    if (!this.side || x < 0 || y < 0) return null;
    const key = Math.floor((x + this.left) / this.side), query = Math.floor((y + this.top) / this.side);
    if (query >= group.queries || key >= group.keys) return null;
    return { token: query, by: false, target: key, cell: [query, key] };
  }

  // The cells are drawn again only when another map or range is shown.
  fill(group, range) {
    const map = wholeMap(group, state.layer, state.head, this.source);
    const name = `${range.low} ${range.high} ${state.colors}`;
    if (this.map === map && this.name === name) return;
    this.map = map; this.name = name;
    this.drawn = '';
    const colors = colorsFor(this.source), causal = group.layers[state.layer].causal;
    this.cells.fill(group.keys, group.queries, (pixels) => {
      for (let i = 0; i < map.values.length; ++i) {
        const isMasked = causal && i % group.keys > Math.floor(i / group.keys);
        if (!isMasked) paint(pixels, i, map.values[i], range, colors);
      }
    });
  }

  // The side of a cell, and how much of the map is in sight.
  layOut(group) {
    const room = Math.max(140, this.figure.clientWidth - 30 - kMargin), tall = Math.max(300, window.innerHeight - 260);
    const fitting = Math.min(34, room / Math.max(group.keys, 4), tall / Math.max(group.queries, 4));
    this.side = state.fit ? fitting : Math.max(kReadable, fitting);
    const whole = [this.side * group.keys, this.side * group.queries], scrolls = this.side > fitting;
    const bar = scrolls ? kScrollBar : 0;
    this.seen = [Math.min(whole[0], room - bar), Math.min(whole[1], tall)];
    const name = `${whole} ${this.seen}`;
    if (this.laidOut !== name) {
      this.laidOut = name;
      const size = ({ style }, [width, height], more) => {
        style.width = `${width + kMargin + 2 + more}px`; style.height = `${height + kMargin + 2 + more}px`;
      };
      size(this.scroller, this.seen, bar);
      size(this.space, whole, bar);
      size(this.view, this.seen, 0);
      this.scroller.classList.toggle('scrolls', scrolls);
    }
    this.left = Math.min(this.scroller.scrollLeft, whole[0] - this.seen[0]);
    this.top = Math.min(this.scroller.scrollTop, whole[1] - this.seen[1]);
  }

  draw(line) {
    const { group } = shown();
    this.fill(group, matrixRange(group, this.source));
    this.layOut(group);
    const drawn = [this.left, this.top, this.laidOut, window.devicePixelRatio, document.documentElement.dataset.theme].join();
    if (this.drawn !== drawn) this.drawCells(group);
    this.drawn = drawn;
    this.placeMarks(group, line);
  }

  drawCells(group) {
    const theme = colorsOfTheme(), { side, left, top, seen: [width, height] } = this;
    const context = contextOf(this.canvas, width + kMargin + 2, height + kMargin + 2);
    context.save();
    context.beginPath();
    context.rect(kMargin, kMargin, width, height);
    context.clip();
    context.fillStyle = theme.line;
    context.fillRect(kMargin, kMargin, width, height);
    this.cells.draw(context, kMargin - left, kMargin - top, side * group.keys, side * group.queries);
    context.restore();
    this.drawTicks(context, group, theme);
  }

  drawTicks(context, group, theme) {
    const { side, seen: [width, height] } = this;
    context.fillStyle = theme.quiet;
    context.font = `10.5px ${kFont}`;
    const step = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000].find((s) => s * side >= 26) ?? 2000;
    const ticks = (count, from, length, draw) => {
      for (let i = Math.ceil((from / side - 0.5) / step) * step; i < count; i += step) {
        const at = (i + 0.5) * side - from;
        if (at > length) break;
        draw(i, kMargin + at);
      }
    };
    context.textAlign = 'center';
    context.textBaseline = 'bottom';
    ticks(group.keys, this.left, width, (i, x) => context.fillText(i, x, kMargin - 3));
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    ticks(group.queries, this.top, height, (i, y) => context.fillText(i, kMargin - 4, y));
  }

  // In the cells' own place, from the first that is in sight.
  box(query, key, width = 1, height = 1) {
    const { side } = this, least = Math.max(side, 2);
    return [key * side - this.left, query * side - this.top, Math.max(width * side, least), Math.max(height * side, least)];
  }

  placeMarks(group, line) {
    const { token, by } = shown(), cell = cellRead(), thick = this.side < 5 ? 0.75 : 1.5;
    for (const mark of [this.looks, this.target]) mark.setThick(thick);
    this.looks.at(by ? this.box(0, token, 1, group.queries) : this.box(token, 0, group.keys));
    this.target.at(cell && this.box(...cell));
    const top = state.top ? strongest(line, state.top) : [];
    this.outlined.at(top.map((i) => (by ? this.box(i, token) : this.box(token, i))), thick);
  }

  // So that a token which is chosen by keys, or by its number, is in sight.
  scrollTo(token, by) {
    const way = by ? 'scrollLeft' : 'scrollTop', length = this.seen?.[by ? 0 : 1];
    if (!length) return;
    const first = token * this.side, last = first + this.side - length;
    this.scroller[way] = Math.min(first, Math.max(last, this.scroller[way]));
  }

  drawOn(context) {
    context.drawImage(this.canvas, 0, 0, parseFloat(this.canvas.style.width), parseFloat(this.canvas.style.height));
    context.save();
    context.beginPath();
    context.rect(kMargin - 1, kMargin - 1, this.seen[0] + 2, this.seen[1] + 2);
    context.clip();
    context.translate(kMargin, kMargin);
    for (const marks of [this.outlined, this.looks, this.target]) marks.drawOn(context);
    context.restore();
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

function drawMatrices(lines) {
  if (!matrixPanels.length) {
    for (const source of sourcesShown) matrixPanels.push(new MatrixPanel(source));
    ui('matrix-panels').append(...matrixPanels.map((panel) => panel.figure));
  }
  const { group } = shown(), part = mapPart(group);
  ui('matrix-panels').hidden = part < 1;
  ui('matrix-note').hidden = part === 1;
  if (part < 1) return say('matrix-note', `The whole matrix of rollout is ${group.queries} rows through all layers: ${Math.floor(100 * part)} % of them are there.`);
  for (const panel of matrixPanels) panel.draw(lines[panel.source]);
}
