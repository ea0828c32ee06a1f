// SPDX-License-Identifier: MIT
// Buttons, sliders and keys.
function chooseLayer(index) {
  state.layer = Math.min(currentGroup().layers.length - 1, Math.max(0, index));
  changed();
}

function chooseHead(head) {
  if (!headChoices(currentGroup()).includes(head)) return;
  state.head = head;
  changed();
}

function chooseGroup(index) {
  state.group = index;
  pointer = null;
  const group = currentGroup();
  state.layer = Math.min(state.layer, group.layers.length - 1);
  if (!headChoices(group).includes(state.head)) [state.head] = headChoices(group);
  if (state.view === 'picture' && !hasPicture(group)) state.view = 'text';
  holdToken(state.token, state.by, state.locked);
}

function holdToken(token, by = state.by, locked = true) {
  const group = currentGroup();
  state.by = by;
  state.token = Math.min((by ? group.keys : group.queries) - 1, Math.max(0, token));
  state.locked = locked;
  changed();
}

function chooseView(view) {
  state.view = view;
  pointer = null;
  if (view === 'tensors') makeTensorDetail();
  changed();
}

// Pointer and keys of a drawing of tokens. `find` gives what an event is on, `by` the direction.
function listen(canvas, find, by) {
  canvas.addEventListener('pointermove', (event) => {
    const found = find(event);
    pointer = found && { token: found.target, by: by(), ...found };
    changed();
  });
  canvas.addEventListener('pointerleave', () => { pointer = null; changed(); });
  canvas.addEventListener('click', (event) => {
    const found = find(event);
    if (!found) return;
    const token = found.token ?? found.target, direction = found.by ?? by();
    const isHeld = state.locked && state.token === token && state.by === direction;
    pointer = { token, by: direction, ...found };
    if (!isSquare(currentGroup()) && state.view === 'picture' && direction === false) return changed();
    holdToken(token, direction, !isHeld);
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
    return changed();
  }
  pointer = null;
  holdToken(moved(token, looks, step), by);
  if (state.view === 'text') scrollToToken(state.token);
}

const kKeys = {
  '[': () => chooseLayer(state.layer - 1),
  ']': () => chooseLayer(state.layer + 1),
  '-': () => stepHead(-1),
  '=': () => stepHead(1),
  '+': () => stepHead(1),
  m: () => chooseHead('mean'),
  x: () => chooseHead('max'),
  n: () => chooseHead('min'),
  r: () => chooseHead('rollout'),
  d: () => turn(),
  1: () => ui('tab-picture').hidden || chooseView('picture'),
  2: () => ui('tab-text').hidden || chooseView('text'),
  3: () => ui('tab-tensors').hidden || chooseView('tensors'),
  s: () => savePicture(),
  t: () => nextTheme(),
  '?': () => ui('keys').showModal(),
  Escape: () => letGo(),
};

// What the pointer is on looks, from now on.
function letGo() {
  const { by } = shown();
  state.locked = false;
  if (pointer && pointer.token === undefined && pointer.target !== undefined) {
    pointer = { token: pointer.target, by, target: pointer.target };
  }
  changed();
}

function stepHead(step) {
  const choices = headChoices(currentGroup()), place = choices.indexOf(state.head) + step;
  if (place >= 0 && place < choices.length) chooseHead(choices[place]);
}

function turn() {
  pointer = null;
  holdToken(state.token, !state.by, state.locked);
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || ui('keys').open) return;
  if (event.target.matches('input:not([type="range"]):not([type="checkbox"]), select')) return;
  const act = kKeys[event.key];
  if (!act || (!groups.length && !'3st?'.includes(event.key))) return;
  if (event.key !== 'Escape') event.preventDefault();
  act();
}

let controlsShow = '';

// All but what hovering changes.
function showControls() {
  const name = JSON.stringify(state);
  if (name === controlsShow) return;
  controlsShow = name;
  for (const view of ['picture', 'text', 'tensors']) {
    ui(`view-${view}`).hidden = state.view !== view;
    ui(`tab-${view}`).setAttribute('aria-selected', state.view === view);
    ui(`tab-${view}`).tabIndex = state.view === view ? 0 : -1;
  }
  ui('tab-picture').hidden = !hasPicture(currentGroup());
  const ofMaps = state.view !== 'tensors';
  ui('side').hidden = ui('legend').hidden = !ofMaps;
  document.querySelector('main').classList.toggle('no-side', !ofMaps);
  if (!ofMaps) { ui('overview-section').hidden = true; ui('locked').hidden = true; return; }
  const group = currentGroup(), layer = group.layers[state.layer];
  ui('locked').hidden = !state.locked;
  ui('group').value = state.group;
  ui('layer').max = group.layers.length - 1;
  ui('layer').value = state.layer;
  ui('layer').disabled = group.layers.length < 2;
  ui('layer').setAttribute('aria-valuetext', layerName(group, state.layer));
  say('layer-number', `${layer.place}${group.layers.length > 1 ? ` · ${group.layers.length} in all` : ''}`);
  say('layer-key', layer.key);
  say('head-name', headName(group, state.head));
  showBadges(layer);
  ui('rollout-options').hidden = state.head !== 'rollout';
  for (const id of ['fusion', 'discard', 'start', 'keep', 'top', 'colors', 'opacity', 'scale']) {
    if (document.activeElement !== ui(id) || ui(id).type === 'range') ui(id).value = state[id];
  }
  ui('grey').checked = state.grey;
  say('opacity-value', `${Math.round(100 * state.opacity)} %`);
  say('keep-value', state.keep === 100 ? 'all' : `${state.keep} %`);
  ui('opacity-row').hidden = ui('grey-row').hidden = state.view !== 'picture' || !page.image;
  ui('to').setAttribute('aria-checked', !state.by);
  ui('by').setAttribute('aria-checked', state.by);
  ui('to').tabIndex = state.by ? -1 : 0;
  ui('by').tabIndex = state.by ? 0 : -1;
  ui('to').disabled = ui('by').disabled = state.view === 'picture' && !isSquare(group);
}

function showToken() {
  const { group, token, by } = shown();
  if (document.activeElement !== ui('token')) ui('token').value = token;
  ui('token').max = (by ? group.keys : group.queries) - 1;
  say('token-label', by ? 'Key' : 'Query');
  say('token-name', nameOf(group, token, by ? 'keys' : 'queries'));
}

// The next token whose text or number is asked for.
function findToken() {
  const text = ui('find').value.toLowerCase(), { group, token, by } = shown();
  const side = by ? 'keys' : 'queries', count = group[side];
  if (!text) return;
  for (let i = 1; i <= count; ++i) {
    const at = (token + i) % count;
    const own = textOf(group, at, side).toLowerCase();
    if (!own.includes(text) && String(at) !== text) continue;
    pointer = null;
    holdToken(at, by);
    if (state.view === 'text') scrollToToken(at);
    return;
  }
}

function onInput(id, set) {
  ui(id).addEventListener('input', () => { set(ui(id)); changed(); });
}

function listenToControls() {
  for (const view of ['picture', 'text', 'tensors']) {
    ui(`tab-${view}`).addEventListener('click', () => chooseView(view));
  }
  document.querySelector('.tabs').addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const tabs = [...document.querySelectorAll('.tabs button:not([hidden])')];
    const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    next.click();
    next.focus();
  });
  onInput('group', (input) => chooseGroup(Number(input.value)));
  onInput('layer', (input) => chooseLayer(Number(input.value)));
  onInput('token', (input) => { pointer = null; if (input.value !== '') holdToken(Number(input.value)); });
  onInput('fusion', (input) => { state.fusion = input.value; });
  onInput('discard', (input) => { state.discard = within(input.value, 0, 0.99, 0); });
  onInput('start', (input) => { state.start = within(input.value, 0, 1e4, 0) | 0; });
  onInput('scale', (input) => { state.scale = input.value; });
  onInput('colors', (input) => { state.colors = input.value; });
  onInput('opacity', (input) => { state.opacity = Number(input.value); });
  onInput('keep', (input) => { state.keep = Number(input.value); });
  onInput('top', (input) => { state.top = within(input.value, 0, 50, 0) | 0; });
  onInput('grey', (input) => { state.grey = input.checked; });
  ui('find').addEventListener('keydown', (event) => { if (event.key === 'Enter') findToken(); });
  ui('find').addEventListener('search', findToken);
  ui('to').addEventListener('click', () => state.by && turn());
  ui('by').addEventListener('click', () => state.by || turn());
  for (const id of ['to', 'by']) {
    ui(id).addEventListener('keydown', (event) => {
      if (!kArrows[event.key]) return;
      event.preventDefault();
      turn();
      ui(id === 'to' ? 'by' : 'to').focus();
    });
  }
  ui('filter').addEventListener('input', makeTensorList);
  ui('overview').addEventListener('click', chooseInOverview);
  ui('overview').addEventListener('keydown', moveInOverview);
  ui('save').addEventListener('click', savePicture);
  ui('link').addEventListener('click', copyLink);
  ui('theme').addEventListener('click', nextTheme);
  ui('help').addEventListener('click', () => ui('keys').showModal());
  document.addEventListener('keydown', pressed);
  listenToColumns();
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
