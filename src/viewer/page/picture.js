// SPDX-License-Identifier: MIT
// The picture with the attention of a token over it; tokens without a place are cells beside it.
const kOfSource = ['A', 'B', 'A − B'];
const picture = { color: null, grey: null };

function greyOf(canvas) {
  const grey = document.createElement('canvas');
  grey.width = canvas.width; grey.height = canvas.height;
  const context = grey.getContext('2d');
  context.drawImage(canvas, 0, 0);
  const image = context.getImageData(0, 0, grey.width, grey.height), { data } = image;
  for (let i = 0; i < data.length; i += 4) {
    data[i] = data[i + 1] = data[i + 2] = 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
  }
  context.putImageData(image, 0, 0);
  return grey;
}

async function loadPicture() {
  if (!page.image) return;
  const image = new Image();
  image.src = page.image.source;
  await image.decode();
  picture.color = document.createElement('canvas');
  picture.color.width = page.image.width; picture.color.height = page.image.height;
  picture.color.getContext('2d').drawImage(image, 0, 0);
  picture.grey = greyOf(picture.color);
  picture.sources = { color: page.image.source, grey: picture.grey.toDataURL() };
}

// What hovering changes lies on layers over the picture, as small as it can be: a pixel each patch,
// which the browser scales, and frames that are moved. The picture is no canvas: a canvas is copied
// each time that another one is drawn.
class PicturePanel {
  constructor(source) {
    this.source = source;
    this.image = page.image ? element('img', { className: 'layer', alt: '', decoding: 'sync' })
      : element('div', { className: 'layer blank' });
    this.labels = element('canvas');
    this.patches = element('canvas', { className: 'layer pixels' });
    this.prefix = element('div');
    this.root = element('div', { className: 'picture-canvas', tabIndex: 0, id: `picture-${source}` },
      this.labels, this.image, this.patches, this.prefix);
    this.root.setAttribute('role', 'application');
    this.root.setAttribute('aria-label',
      `${isComparison ? kOfSource[source] + ': ' : ''}attention over the picture; arrow keys choose the patch`);
    this.outlined = new Marks(this.root, '#ffffff', 1.5);
    this.looks = new Mark(this.root, 'mark', 2.5);
    this.target = new Mark(this.root, 'other', 2);
    this.figure = element('figure', { className: 'panel' });
    if (isComparison) this.figure.append(element('figcaption', { textContent: caption(source) }));
    this.figure.append(this.root);
    listen(this.root, (event) => this.tokenAt(event), chosenBy);
  }

  // Where things lie, in CSS pixels. As many cells stand below one another as there is height for,
  // the others in further columns.
  place() {
    const { grid } = currentGroup();
    const room = Math.max(160, this.figure.clientWidth - 30);
    const ratio = page.image ? page.image.height / page.image.width : grid.rows / grid.cols;
    const most = Math.max(300, window.innerHeight - 250);
    const cell = Math.min(58, Math.max(34, room / (grid.cols + 1))), tall = cell + 16;
    const of = (columns) => {
      const left = columns ? columns * (cell + 8) + 6 : 0;
      let imageWidth = Math.min(room - left - 3, most / ratio);
      if (!isComparison) imageWidth = Math.min(imageWidth, 760);
      return { left, cell, imageWidth, imageHeight: imageWidth * ratio, perColumn: Math.ceil(grid.prefix / columns) };
    };
    const fits = (at) => at.perColumn * tall <= at.imageHeight + 4;
    let at = of(grid.prefix ? 1 : 0);
    for (let columns = 2; columns <= grid.prefix && !fits(at) && of(columns).imageWidth >= room / 2; ++columns) at = of(columns);
    const height = Math.max(at.imageHeight, grid.prefix ? at.perColumn * tall : 0) + 6;
    return { ...at, width: at.left + at.imageWidth + 3, height, top: 3 };
  }

  box(token, at = this.at) {
    const { grid } = currentGroup();
    if (token < grid.prefix) {
      const column = Math.floor(token / at.perColumn), row = token % at.perColumn;
      return [4 + column * (at.cell + 8), at.top + row * (at.cell + 16), at.cell, at.cell];
    }
    const place = token - grid.prefix, w = at.imageWidth / grid.cols, h = at.imageHeight / grid.rows;
    return [at.left + (place % grid.cols) * w, at.top + Math.floor(place / grid.cols) * h, w, h];
  }

  tokenAt(event) {
    const bounds = this.root.getBoundingClientRect(), { grid } = currentGroup(), { at } = this;
    if (!at) return null;
    const x = event.clientX - bounds.left, y = event.clientY - bounds.top;
    for (let token = 0; token < grid.prefix; ++token) {
      const [bx, by, w, h] = this.box(token);
      if (x >= bx && x <= bx + w && y >= by && y <= by + h) return { target: token };
    }
    const column = Math.floor((x - at.left) / at.imageWidth * grid.cols);
    const row = Math.floor((y - at.top) / at.imageHeight * grid.rows);
    if (column < 0 || row < 0 || column >= grid.cols || row >= grid.rows) return null;
    return { target: grid.prefix + row * grid.cols + column };
  }

  draw(values, range, extra) {
    const { grid } = currentGroup(), colors = colorsFor(this.source);
    this.layOut();
    fillCanvas(this.patches, grid.cols, grid.rows, (pixels) => {
      for (let i = 0; i < grid.cols * grid.rows; ++i) {
        if (extra.keep[grid.prefix + i]) paint(pixels, i, values[grid.prefix + i], range, colors);
        else pixels[4 * i + 3] = 0;
      }
    });
    this.drawPrefix(values, range, colors, extra);
    this.outlined.at(extra.outlined.map((token) => this.box(token)));
    this.looks.at(extra.looks === null ? null : this.box(extra.looks));
    this.target.at(extra.target === null || extra.target === extra.looks ? null : this.box(extra.target));
  }

  // What no hover changes: sizes, and the picture itself.
  layOut() {
    const group = currentGroup(), at = this.place();
    const name = JSON.stringify([state.group, state.grey, at, window.devicePixelRatio, document.documentElement.dataset.theme]);
    this.patches.style.opacity = page.image ? state.opacity : 1;
    if (this.name === name) return;
    this.name = name;
    this.at = at;
    this.root.dataset.image = [at.left, at.top, at.imageWidth, at.imageHeight].join();
    const size = (style, x, y, width, height) => {
      Object.assign(style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
    };
    size(this.root.style, 0, 0, at.width, at.height);
    for (const one of [this.image, this.patches]) size(one.style, at.left, at.top, at.imageWidth, at.imageHeight);
    if (page.image) this.image.src = picture.sources[state.grey ? 'grey' : 'color'];
    this.prefix.replaceChildren(...Array.from({ length: group.grid.prefix }, (_, token) => {
      const cell = element('div', { className: 'layer' });
      size(cell.style, ...this.box(token));
      return cell;
    }));
    this.labels.hidden = !group.grid.prefix;
    if (group.grid.prefix) this.drawLabels(contextOf(this.labels, at.left, at.height), group);
  }

  drawLabels(context, group) {
    context.font = `11px ${kFont}`;
    context.textAlign = 'center';
    context.textBaseline = 'top';
    context.fillStyle = colorsOfTheme().quiet;
    for (let token = 0; token < group.grid.prefix; ++token) {
      const [x, y, w, h] = this.box(token), text = textOf(group, token, pictureSide(group));
      context.fillText(fitted(context, text, w + 6), x + w / 2, y + h + 4);
    }
  }

  drawPrefix(values, range, colors, extra) {
    const pixel = [0, 0, 0, 0];
    [...this.prefix.children].forEach(({ style }, token) => {
      paint(pixel, 0, values[token], range, colors);
      style.backgroundColor = extra.keep[token] ? `rgb(${pixel[0]} ${pixel[1]} ${pixel[2]})` : colorsOfTheme().line;
    });
  }

  // All of it at once, at the context's origin.
  drawOn(context) {
    const { at } = this;
    context.fillStyle = colorsOfTheme().line;
    if (page.image) context.drawImage(state.grey ? picture.grey : picture.color, at.left, at.top, at.imageWidth, at.imageHeight);
    else context.fillRect(at.left, at.top, at.imageWidth, at.imageHeight);
    if (!this.labels.hidden) context.drawImage(this.labels, 0, 0, at.left, at.height);
    context.globalAlpha = Number(this.patches.style.opacity);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.patches, at.left, at.top, at.imageWidth, at.imageHeight);
    context.globalAlpha = 1;
    [...this.prefix.children].forEach(({ style }, token) => {
      context.fillStyle = style.backgroundColor;
      context.fillRect(...this.box(token));
    });
    for (const marks of [this.outlined, this.looks, this.target]) marks.drawOn(context);
  }
}

function caption(source) {
  return source === kDifference ? 'A − B' : `${kOfSource[source]}: ${page.names[source]}`;
}

const picturePanels = [];

function drawPicture(lines, ranges) {
  if (!picturePanels.length) {
    for (const source of sourcesShown) picturePanels.push(new PicturePanel(source));
    ui('picture-panels').append(...picturePanels.map((panel) => panel.figure));
  }
  const { group, token, by } = shown(), cell = cellRead();
  const square = isSquare(group);
  for (const panel of picturePanels) {
    const values = lines[panel.source];
    panel.draw(values, ranges[panel.source], {
      keep: keptOf(values, state.keep / 100),
      outlined: state.top ? strongest(values, state.top) : [],
      looks: square ? token : null,
      target: cell ? (by ? cell[0] : cell[1]) : null,
    });
  }
}
