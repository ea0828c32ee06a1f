// SPDX-License-Identifier: MIT
// Queries left, keys right, lines between them as strong as the attention. Only what is in sight is
// drawn, so that length does not matter.
const kLineHeight = 24;
const columnsView = { width: 0, top: 0 };

function columnWidth(width) {
  return Math.max(80, Math.min(190, width * 0.34));
}

function drawColumns(lines, ranges) {
  const { group, token, by } = shown(), scroller = ui('columns-scroller'), canvas = ui('columns');
  const count = Math.max(group.queries, group.keys), theme = colorsOfTheme();
  const width = scroller.clientWidth;
  const visible = Math.min(count * kLineHeight, Math.max(260, Math.round(window.innerHeight * 0.68)));
  scroller.style.height = `${visible}px`;
  ui('columns-space').style.height = `${Math.max(0, count * kLineHeight - visible)}px`;
  const top = columnsView.top = scroller.scrollTop;
  columnsView.width = width;
  const context = contextOf(canvas, width, visible), column = columnWidth(width);
  const yOf = (index) => index * kLineHeight + kLineHeight / 2 - top;
  const inSight = (index) => yOf(index) > -kLineHeight && yOf(index) < visible + kLineHeight;
  const at = { context, column, width, yOf, inSight, visible, theme };
  const sources = isComparison ? [kA, kB] : [kA];
  const keep = sources.map((source) => keptOf(lines[source], state.keep / 100));
  for (const source of sources) drawLines(at, token, by, lines[source], keep[source], ranges[source], source);
  drawTokens(at, group, token, by, lines, keep[kA], ranges[kA]);
}

function drawLines(at, token, by, values, keep, range, source) {
  const { context, column, width, yOf, visible, theme } = at;
  context.strokeStyle = source === kB ? theme['line-b'] : theme['line-a'];
  const high = range.high || 1, from = yOf(token);
  for (let i = 0; i < values.length; ++i) {
    const strength = Math.min(1, values[i] / high), to = yOf(i);
    if (!keep[i] || values[i] === Infinity || !(strength > 0.01) || (to < -200 && from < 0)) continue;
    if (to > visible + 200 && from > visible) continue;
    context.globalAlpha = 0.08 + 0.92 * strength;
    context.lineWidth = 0.6 + 3.4 * strength;
    context.beginPath();
    const [left, right] = by ? [to, from] : [from, to];
    context.moveTo(column + 4, left);
    context.bezierCurveTo(width / 2, left, width / 2, right, width - column - 4, right);
    context.stroke();
  }
  context.globalAlpha = 1;
}

function drawTokens(at, group, token, by, lines, keep, range) {
  const { context, column, width, yOf, inSight, visible, theme } = at, cell = cellRead();
  const values = lines[kA], differences = lines[isComparison ? kDifference : kA];
  const outlined = new Set(state.top ? strongest(values, state.top) : []);
  context.font = `13px ${kFont}`;
  context.textBaseline = 'middle';
  const first = Math.max(0, Math.floor(columnsView.top / kLineHeight) - 1);
  const last = first + Math.ceil(visible / kLineHeight) + 2;
  for (const [side, x, align] of [['queries', 0, 'right'], ['keys', width - column, 'left']]) {
    const looks = (side === 'queries') !== by;
    for (let i = first; i < Math.min(group[side], last); ++i) {
      if (!inSight(i)) continue;
      const y = yOf(i);
      if (looks && i === token) {
        context.fillStyle = theme.soft;
        context.fillRect(x + 3, y - 11, column - 6, 22);
      } else if (!looks) {
        const color = colorOfNotFinite(differences[i]);
        context.globalAlpha = color ? 1 : !keep[i] ? 0 : Math.max(0, Math.min(1, values[i] / (range.high || 1))) * 0.5;
        context.fillStyle = color ? `rgb(${color})` : theme['line-a'];
        context.fillRect(x + 3, y - 11, column - 6, 22);
        context.globalAlpha = 1;
      }
      const outline = !looks && (cell && i === (by ? cell[0] : cell[1]) ? theme.other : outlined.has(i) ? theme.ink : '');
      if (outline) {
        context.strokeStyle = outline;
        context.lineWidth = 1.5;
        context.strokeRect(x + 4, y - 11, column - 8, 22);
      }
      context.fillStyle = looks && i !== token ? theme.quiet : theme.ink;
      context.textAlign = align;
      const text = textOf(group, i, side) || patchText(group, i, side) || String(i);
      context.fillText(fitted(context, text, column - 16), align === 'right' ? column - 8 : x + 8, y);
    }
  }
}

function patchText(group, token, side) {
  const patch = patchOf(group, token, side);
  return patch ? `${token}  (${patch[0]},${patch[1]})` : '';
}

const kSymbols = { '\n': '↵', '\t': '⇥', ' ': '␣' };

// A token's text with symbols or codes for what cannot be seen, or would turn what stands around it: all
// controls, and spaces and marks without a width where there is nothing else.
function visible(text) {
  const symbol = (one) => kSymbols[one] ?? `U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  if (/^[\s\p{DI}]+$/u.test(text)) return Array.from(text, symbol).join('');
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/gu, symbol);
}

// Cut where it is too long.
function fitted(context, text, width) {
  let shownText = visible(text);
  if (context.measureText(shownText).width <= width) return shownText;
  while (shownText.length > 1 && context.measureText(`${shownText}…`).width > width) {
    shownText = shownText.slice(0, -1);
  }
  return `${shownText}…`;
}

function columnAt(event) {
  const canvas = ui('columns'), bounds = canvas.getBoundingClientRect(), group = currentGroup();
  const x = event.clientX - bounds.left;
  const index = Math.floor((event.clientY - bounds.top + columnsView.top) / kLineHeight);
  const side = x < bounds.width / 2 ? 'queries' : 'keys';
  if (index < 0 || index >= group[side]) return null;
  return { token: index, by: side === 'keys' };
}

let sought = [];  // what is to be in sight once it is laid out, [token, by] each

// A token that is chosen by keys, by its number or by a link must be in sight, and the one that it is read against.
function bringIntoSight(target) {
  const { token, by } = shown();
  sought = target === undefined ? [[token, by]] : [[token, by], [target, !by]];
  changed();
}

function scrollToSought() {
  const scroller = ui('columns-scroller');
  for (const [token, by] of sought) {
    const y = token * kLineHeight, bottom = scroller.scrollTop + scroller.clientHeight - kLineHeight;
    if (y < scroller.scrollTop) scroller.scrollTop = y;
    else if (y > bottom) scroller.scrollTop = y - scroller.clientHeight + kLineHeight;
    for (const panel of matrixPanels) panel.scrollTo(token, by);
  }
  sought = [];
}
