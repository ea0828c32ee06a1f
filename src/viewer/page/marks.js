// SPDX-License-Identifier: MIT
// Frames over a drawing that follow the pointer. They are elements that are moved, so that what lies
// below is not drawn again.
class Mark {
  // `color`: a custom property of the page's style, or a colour. `isMoved`: on a layer of its own.
  constructor(parent, color, thick, isMoved = true) {
    this.color = color;
    this.element = element('div', { className: isMoved ? 'mark moved' : 'mark' });
    this.element.style.borderColor = color.startsWith('#') ? color : `var(--${color})`;
    this.setThick(thick);
    this.at(null);
    parent.append(this.element);
  }

  setThick(thick) {
    if (this.thick === thick) return;
    this.thick = thick;
    this.element.style.borderWidth = `${thick}px`;
    this.element.style.setProperty('--halo', `${thick < 1 ? 0.5 : 1}px`);
  }

  // Around [x, y, width, height], or nowhere.
  at(box) {
    this.box = box;
    const { style } = this.element, place = box ? box.map((one) => Math.round(100 * one) / 100).join() : '';
    if (this.place === place) return;
    const size = box ? `${box[2]} ${box[3]} ${this.thick}` : '';
    if (!this.place || !box) style.visibility = box ? 'visible' : 'hidden';
    this.place = place;
    if (!box) return;
    const half = this.thick / 2;
    if (this.size !== size) {
      style.width = `${box[2] + this.thick}px`;
      style.height = `${box[3] + this.thick}px`;
    }
    this.size = size;
    style.transform = `translate(${box[0] - half}px, ${box[1] - half}px)`;
  }

  drawOn(context) {
    if (!this.box) return;
    frame(context, ...this.box, this.color.startsWith('#') ? this.color : colorsOfTheme()[this.color], this.thick);
  }
}

// As many as are asked for, alike.
class Marks {
  constructor(parent, color, thick) {
    this.parent = element('div', { className: 'marks' });
    parent.append(this.parent);
    this.make = () => new Mark(this.parent, color, thick, false);
    this.all = [];
  }

  at(boxes, thick) {
    while (this.all.length < boxes.length) this.all.push(this.make());
    this.all.forEach((mark, i) => {
      if (thick) mark.setThick(thick);
      mark.at(boxes[i] ?? null);
    });
  }

  drawOn(context) {
    for (const mark of this.all) mark.drawOn(context);
  }
}
