// SPDX-License-Identifier: MIT
// The pointer on the drawings, and the arrow keys.

// Pointer and keys of a drawing of tokens. `find` gives what an event is on, `by` the direction.
function listen(canvas, find, by) {
  const pointerOn = (found) => (isOneSided() ? found : { token: found.target, by: by(), ...found });
  canvas.addEventListener('pointermove', (event) => {
    const found = find(event);
    pointer = found && pointerOn(found);
    changed();
  });
  canvas.addEventListener('pointerleave', () => { pointer = null; changed(); });
  canvas.addEventListener('click', (event) => {
    const found = find(event);
    if (!found) return;
    pointer = pointerOn(found);
    if (isOneSided()) return changed();
    const { token, by: direction } = pointer;
    holdToken(token, direction, !(state.locked && state.token === token && state.by === direction));
  });
  canvas.addEventListener('keydown', moveWithKeys);
}

const kArrows = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

// One token further; on the picture in two directions.
function moved(index, side, step) {
  const group = currentGroup(), count = group[side];
  let by = step[0] + step[1];
  if (state.view === 'picture' && gridTokens(group) === count) {
    const { grid } = group;
    if (step[0] && index >= grid.prefix) by = step[0] * grid.cols;
    if (step[0] && index >= grid.prefix && index + by < grid.prefix) by = -(index - grid.prefix + 1);
  }
  const next = index + by;
  return next < 0 || next >= count ? index : next;
}

function moveWithKeys(event) {
  if (event.key === 'Enter' || event.key === ' ') {
    event.preventDefault();
    event.stopPropagation();
    const { token, by } = shown();
    return holdToken(token, by, !state.locked);
  }
  const step = kArrows[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  const { token, by } = shown(), looks = by ? 'keys' : 'queries', looked = by ? 'queries' : 'keys';
  if (event.shiftKey) {
    const cell = cellRead(), target = cell ? (by ? cell[0] : cell[1]) : Math.min(token, currentGroup()[looked] - 1);
    pointer = { target: moved(target, looked, step) };
    state.token = token; state.by = by; state.locked = true;
    return bringIntoSight(pointer.target);
  }
  pointer = null;
  holdToken(moved(token, looks, step), by);
  bringIntoSight();
}

function listenToColumns() {
  const canvas = ui('columns');
  const onColumns = (event) => {
    const found = columnAt(event);
    if (!found) return null;
    const held = shown();
    if (state.locked && found.by !== held.by) return { target: found.token };
    return found;
  };
  canvas.addEventListener('pointermove', (event) => { pointer = onColumns(event); changed(); });
  canvas.addEventListener('pointerleave', () => { pointer = null; changed(); });
  canvas.addEventListener('click', (event) => {
    const found = columnAt(event);
    if (!found) return;
    const isHeld = state.locked && state.token === found.token && state.by === found.by;
    pointer = null;
    holdToken(found.token, found.by, !isHeld);
  });
  ui('columns-scroller').addEventListener('scroll', changed);
  ui('columns-scroller').addEventListener('keydown', moveWithKeys);
}
