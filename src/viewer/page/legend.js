// SPDX-License-Identifier: MIT
// The colour bar with the numbers at its ends.
const kBarWidth = 230, kBarHeight = 34;

function drawBar(canvas, range, colors, title) {
  const context = contextOf(canvas, kBarWidth, kBarHeight), theme = colorsOfTheme();
  const strip = drawBar.strip ??= new Cells();
  strip.fill(256, 1, (pixels) => {
    for (let i = 0; i < 256; ++i) {
      for (let c = 0; c < 3; ++c) pixels[4 * i + c] = colors[3 * i + c];
      pixels[4 * i + 3] = 255;
    }
  });
  strip.draw(context, 0, 0, kBarWidth, 14);
  context.fillStyle = theme.quiet;
  context.font = `12px ${kFont}`;
  context.textBaseline = 'alphabetic';
  context.textAlign = 'left';
  context.fillText(number(range.low), 0, 29);
  context.textAlign = 'center';
  context.fillText(title, kBarWidth / 2, 29);
  context.textAlign = 'right';
  context.fillText(number(range.high), kBarWidth, 29);
}

function drawLegend(ranges) {
  drawBar(ui('legend-bar'), ranges[kA], colorsFor(kA), isComparison ? 'A and B' : '');
  ui('legend-difference').hidden = !isComparison;
  if (isComparison) drawBar(ui('legend-difference'), ranges[kDifference], colorsFor(kDifference), 'A − B');
}
