// SPDX-License-Identifier: MIT
// What is shown, as a PNG; a link to it; the theme.
function download(blob, name) {
  const link = element('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// The layers of a drawing as one canvas.
function sheetOf(drawing, { width, height }) {
  const canvas = document.createElement('canvas');
  drawing.drawOn(contextOf(canvas, width, height));
  return canvas;
}

// The drawings in sight, each with its caption.
function drawingsShown() {
  if (state.view === 'tensors') return tensorPanels.map((panel) => [panel.canvas, isComparison ? caption(panel.source) : '']);
  if (state.view === 'picture') return picturePanels.map((panel) => [sheetOf(panel, panel.at), isComparison ? caption(panel.source) : '']);
  const sizeOf = ({ style }) => ({ width: parseFloat(style.width), height: parseFloat(style.height) });
  const matrices = mapPart(currentGroup()) === 1 ? matrixPanels.map((panel) => [
    sheetOf(panel, sizeOf(panel.canvas)), isComparison ? caption(panel.source) : 'matrix']) : [];
  return [[ui('columns'), `query → key${isComparison ? ': A teal, B orange' : ''}`], ...matrices];
}

function barsShown() {
  const bars = state.view === 'tensors' ? ['tensor-bar', 'tensor-difference'] : ['legend-bar', 'legend-difference'];
  return bars.map(ui).filter((one) => one && !one.hidden && one.bar)
    .map(({ bar }) => sheetOf(bar, { width: kBarWidth, height: kBarHeight }));
}

// Lines of whole words, as wide as there is room.
function wrapped(context, text, width) {
  const lines = [];
  for (const word of text.split(' ')) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.map((line) => fitted(context, line, width));
}

// What is read, or which part of a tensor is shown.
function textShown() {
  if (state.view !== 'tensors') return lastReadout.join(' ').trim();
  if (tensorPointer) return tensorReadout().join(' ');
  const part = state.index.length ? `[${[...state.index, ':', ':'].join(', ')}]` : '';
  return page.tensors[state.tensor].key + part;
}

// The lines above the drawings, each with its font and colour.
function titlesOf(width, ratio) {
  const context = element('canvas').getContext('2d'), theme = colorsOfTheme();
  return [[page.names.join(' − '), `600 ${14 * ratio}px ${kFont}`, theme.ink],
    [textShown(), `${12 * ratio}px ${kFont}`, theme.quiet]].flatMap(([text, font, color]) => {
    context.font = font;
    return wrapped(context, text, width).map((line) => [line, font, color]);
  });
}

function savePicture() {
  const ratio = window.devicePixelRatio || 1, margin = 16 * ratio, theme = colorsOfTheme();
  const drawings = drawingsShown().filter(([canvas]) => canvas.width > 1), bars = barsShown();
  if (!drawings.length) return;
  const isCaptioned = drawings.some(([, text]) => text);
  const wide = drawings.reduce((sum, [canvas]) => sum + canvas.width + margin, margin);
  const width = Math.max(wide, 520 * ratio), titles = titlesOf(width - 2 * margin, ratio), lineHeight = 20 * ratio;
  const top = margin + titles.length * lineHeight + (isCaptioned ? lineHeight : 0) + 6 * ratio;
  const tall = Math.max(...drawings.map(([canvas]) => canvas.height));
  const sheet = element('canvas', { width, height: top + tall + margin + (kBarHeight + 8) * ratio });
  const context = sheet.getContext('2d');
  context.fillStyle = theme.card;
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.textBaseline = 'top';
  titles.forEach(([line, font, color], i) => {
    context.fillStyle = color;
    context.font = font;
    context.fillText(line, margin, margin + i * lineHeight);
  });
  let x = margin;
  for (const [canvas, text] of drawings) {
    context.fillStyle = theme.ink;
    context.font = `600 ${12 * ratio}px ${kFont}`;
    context.fillText(text, x, top - lineHeight, canvas.width);
    context.drawImage(canvas, x, top);
    x += canvas.width + margin;
  }
  x = margin;
  for (const bar of bars) {
    context.drawImage(bar, x, top + tall + 8 * ratio);
    x += bar.width + margin;
  }
  const name = `${page.names[0].replace(/\.\w+$/, '').replace(/[/\\]/g, '-')}-${hashOf().replace(/[^\w.-]+/g, '-')}`.slice(0, 120);
  sheet.toBlob((blob) => download(blob, `${name}.png`), 'image/png');
}

async function copyLink() {
  clearTimeout(hashTimer);
  history.replaceState(null, '', `#${hashOf()}`);
  let said = 'Copied';
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    said = 'In the address bar';  // a page from disk may not write to the clipboard
  }
  ui('link').textContent = said;
  setTimeout(() => { ui('link').textContent = 'Copy link'; }, 1600);
}

const systemIsDark = window.matchMedia('(prefers-color-scheme: dark)');
const kThemes = ['system', 'light', 'dark'];
let theme = 'system';

function remembered(action) {
  try {
    return action(window.localStorage);
  } catch {
    return null;  // pages from disk may have none
  }
}

function applyTheme() {
  const isDark = theme === 'dark' || (theme === 'system' && systemIsDark.matches);
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  ui('theme').textContent = { system: 'Theme: system', light: 'Theme: light', dark: 'Theme: dark' }[theme];
  palette = null;
}

function nextTheme() {
  theme = kThemes[(kThemes.indexOf(theme) + 1) % kThemes.length];
  remembered((storage) => storage.setItem('anycapture-theme', theme));
  applyTheme();
  changed();
}

function startTheme() {
  const kept = remembered((storage) => storage.getItem('anycapture-theme'));
  if (kThemes.includes(kept)) theme = kept;
  systemIsDark.addEventListener('change', () => { applyTheme(); changed(); });
  applyTheme();
}
