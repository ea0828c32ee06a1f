// SPDX-License-Identifier: MIT
// The colour bar with the numbers at its ends. Hovering changes a number, so that they are text of
// their own and the colours are not drawn again.
const kBarWidth = 230, kBarHeight = 34, kStripHeight = 14;

class Bar {
  constructor(root) {
    this.strip = element('canvas', { className: 'pixels' });
    this.texts = ['low', 'title', 'high'].map(() => element('span'));
    root.append(this.strip, element('div', { className: 'ends' }, ...this.texts));
  }

  draw(range, colors, title) {
    if (this.colors !== colors) {
      fillCanvas(this.strip, 256, 1, (pixels) => {
        for (let i = 0; i < 256; ++i) {
          for (let c = 0; c < 3; ++c) pixels[4 * i + c] = colors[3 * i + c];
          pixels[4 * i + 3] = 255;
        }
      });
    }
    this.colors = colors;
    [number(range.low), title, number(range.high)].forEach((text, i) => setText(this.texts[i], text));
  }

  drawOn(context) {
    context.imageSmoothingEnabled = false;
    context.drawImage(this.strip, 0, 0, kBarWidth, kStripHeight);
    context.fillStyle = colorsOfTheme().quiet;
    context.font = `12px ${kFont}`;
    this.texts.forEach((one, i) => {
      context.textAlign = ['left', 'center', 'right'][i];
      context.fillText(one.textContent, i * kBarWidth / 2, 29);
    });
  }
}

function drawBar(root, ...what) {
  root.bar ??= new Bar(root);
  root.bar.draw(...what);
}

// What the colours that are on no bar mean, where a layer that is shown has such values.
function explainNotFinite(layers) {
  for (const name of ['nan', 'infinite']) {
    ui(`legend-${name}`).hidden = !layers.some((layer) => layer[name === 'nan' ? 'nan' : 'inf']);
    ui(`legend-${name}`).style.setProperty('--color', `rgb(${kNotFinite[name]})`);
  }
}

function drawLegend(ranges) {
  drawBar(ui('legend-bar'), ranges[kA], colorsFor(kA), isComparison ? 'A and B' : '');
  ui('legend-difference').hidden = !isComparison;
  if (isComparison) drawBar(ui('legend-difference'), ranges[kDifference], colorsFor(kDifference), 'A − B');
}
