// SPDX-License-Identifier: MIT
// What is shown. The address holds it behind the #, so that a link restores it.
const state = {
  view: 'picture', group: 0, layer: 0, head: 'mean', token: 0, by: false, locked: false,
  scale: 'row', colors: 'viridis', opacity: 0.65, keep: 100, top: 0, grey: true, fit: false,
  fusion: 'mean', discard: 0, start: 0, tensor: 0, index: [],
};
// What the pointer is on: {token, by} while nothing is held, {target} or {cell: [query, key]}.
let pointer = null;

const kRemembered = ['scale', 'colors', 'opacity', 'keep', 'top', 'fusion', 'discard', 'start'];
const kDefaults = { ...state };

// Words in a row are no picture, however many they are.
for (const group of groups) {
  if (!group.gridIsKnown && !page.image && page.tokens.length) group.grid = null;
}

function currentGroup() {
  return groups[state.group];
}

function gridTokens(group) {
  return group.grid ? group.grid.prefix + group.grid.rows * group.grid.cols : -1;
}

// 'keys' or 'queries': what lies on the picture.
function pictureSide(group) {
  return gridTokens(group) === group.keys ? 'keys' : 'queries';
}

function hasPicture(group) {
  return group && group.grid !== null;
}

// Whether only the queries or only the keys lie on the picture that is shown: the token is of the others.
function isOneSided() {
  return state.view === 'picture' && !isSquare(currentGroup());
}

// The direction of the token that is chosen.
function chosenBy() {
  return isOneSided() ? pictureSide(currentGroup()) === 'queries' : state.by;
}

// The token that looks, or with `by` is looked at: the one under the pointer, unless one is held.
function shown() {
  const group = currentGroup();
  const moved = !state.locked && pointer && pointer.token !== undefined;
  const by = moved ? pointer.by : chosenBy();
  const count = by ? group.keys : group.queries;
  return { group, by, token: Math.min(moved ? pointer.token : state.token, count - 1) };
}

// The query and the key whose value is read, or null.
function cellRead() {
  const { token, by } = shown();
  if (!pointer) return null;
  if (pointer.cell) return pointer.cell;
  if (pointer.target === undefined) return null;
  return by ? [pointer.target, token] : [token, pointer.target];
}

// Whether a grid is told or seen, not guessed.
function isSure(group) {
  return group.gridIsKnown || page.image || state.view === 'picture';
}

function patchOf(group, token, side) {
  const count = group[side];
  if (!group.grid || !isSure(group) || gridTokens(group) !== count || token < group.grid.prefix) return null;
  const place = token - group.grid.prefix;
  return [Math.floor(place / group.grid.cols), place % group.grid.cols];
}

// A token's own text; empty where it has none.
function textOf(group, token, side) {
  const count = group[side];
  if (page.tokens.length === count) return page.tokens[token];
  if (!group.grid || !isSure(group) || gridTokens(group) !== count || token >= group.grid.prefix) return '';
  return page.tokens[token] ?? (token === 0 ? 'CLS' : `T${token}`);
}

function nameOf(group, token, side) {
  const text = textOf(group, token, side), patch = patchOf(group, token, side);
  if (text) return `“\u2068${visible(text)}\u2069” (${token})`;  // isolated: it may run from right to left
  return patch ? `patch ${patch[0]},${patch[1]} (token ${token})` : `token ${token}`;
}

function headName(group, head) {
  if (head === 'rollout') return 'rollout';
  if (group.mean) return `mean of ${group.heads.length} heads`;
  if (typeof head === 'string') return `${head} of ${group.heads.length} heads`;
  return `head ${group.heads[head]}`;
}

function layerName(group, index) {
  return `layer ${group.layers[index].place}`;
}

function hashOf() {
  const parts = new URLSearchParams(), group = currentGroup();
  if (state.view === 'tensors') {
    parts.set('tensor', page.tensors[state.tensor]?.key ?? '');
    if (state.index.some((i) => i)) parts.set('index', state.index.join());
  }
  if (!group) return parts.toString();
  if (groups.length > 1) parts.set('maps', state.group);
  parts.set('layer', group.layers[state.layer].place);
  parts.set('head', typeof state.head === 'number' ? group.heads[state.head] : state.head);
  parts.set('token', state.token);
  if (state.view !== 'tensors' && state.view !== startView()) parts.set('view', state.view);
  if (chosenBy()) parts.set('by', 1);
  if (!state.locked) parts.set('held', 0);
  if (state.fit) parts.set('fit', 1);
  if (!state.grey) parts.set('grey', 0);
  for (const name of kRemembered) {
    if (state[name] !== kDefaults[name]) parts.set(name, state[name]);
  }
  return parts.toString();
}

function startView() {
  if (!groups.length) return 'tensors';
  return hasPicture(currentGroup()) && (page.image || currentGroup().gridIsKnown) ? 'picture' : 'text';
}

function within(text, low, high, otherwise) {
  const number = Number(text);
  return text !== null && text !== '' && number >= low && number <= high ? number : otherwise;
}

function restoreTensor(parts) {
  const found = page.tensors.findIndex((tensor) => tensor.key === parts.get('tensor'));
  state.tensor = Math.max(0, found);
  state.index = (parts.get('index') ?? '').split(',').map((text) => within(text, 0, 1e9, 0) | 0);
  state.view = 'tensors';
}

function restoreMaps(parts) {
  const whole = (name, low, high, otherwise) => within(parts.get(name), low, high, otherwise) | 0;
  const place = parts.get('layer'), head = parts.get('head');
  const layerIn = (one) => one.layers.findIndex((layer) => place !== null && layer.place === Number(place));
  const holder = groups.findIndex((one) => layerIn(one) >= 0);
  state.group = whole('maps', 0, groups.length - 1, holder >= 0 ? holder : state.group);
  const group = currentGroup(), layer = layerIn(group);
  state.layer = layer >= 0 ? layer : Math.min(state.layer, group.layers.length - 1);
  const number = group.heads.indexOf(head === null ? -1 : Number(head));
  if (head === 'rollout' && isSquare(group)) state.head = head;
  else if (kFusions.includes(head)) state.head = head;
  else if (number >= 0) state.head = group.mean ? 'mean' : number;
  if (!headChoices(group).includes(state.head)) [state.head] = headChoices(group);
  const view = parts.get('view');
  state.view = view === 'text' || (view === 'picture' && hasPicture(group)) ? view : startView();
  state.by = parts.get('by') === '1';
  const count = chosenBy() ? group.keys : group.queries;
  if (parts.has('token')) {
    state.token = whole('token', 0, count - 1, state.token);
    state.locked = parts.get('held') !== '0';
  }
  state.fit = parts.get('fit') === '1';
  state.grey = parts.get('grey') !== '0';
  const choose = (name, all) => { if (all.includes(parts.get(name))) state[name] = parts.get(name); };
  choose('scale', ['row', 'map', 'layer']);
  choose('colors', ['viridis', 'magma', 'grey']);
  choose('fusion', kFusions);
  state.opacity = within(parts.get('opacity'), 0, 1, state.opacity);
  state.discard = within(parts.get('discard'), 0, 0.99, state.discard);
  for (const [name, low, high] of [['keep', 1, 100], ['top', 0, 50], ['start', 0, 1e4]]) {
    state[name] = whole(name, low, high, state[name]);
  }
}

// The group with most layers, its last layer, the class token or a patch in the middle.
function startState() {
  const most = Math.max(...groups.map((group) => group.layers.length));
  state.group = groups.findIndex((group) => group.layers.length === most);
  const group = currentGroup();
  state.layer = group.layers.length - 1;
  state.head = headCount(group) === 1 && !group.mean ? 0 : 'mean';
  if (group.grid && group.grid.prefix === 0 && isSquare(group)) {
    state.token = (group.grid.rows >> 1) * group.grid.cols + (group.grid.cols >> 1);
  }
}

// All is as the address says, whatever was shown before.
function restore() {
  const parts = new URLSearchParams(location.hash.slice(1));
  Object.assign(state, kDefaults);
  pointer = null;
  if (groups.length) {
    startState();
    restoreMaps(parts);
  }
  if (!groups.length || (parts.has('tensor') && page.tensors.length)) restoreTensor(parts);
}

let hashTimer = 0;

// Not at once: browsers refuse hundreds of changes in seconds.
function remember() {
  clearTimeout(hashTimer);
  hashTimer = setTimeout(() => {
    const hash = `#${hashOf()}`;
    if (hash !== location.hash) history.replaceState(null, '', hash);
  }, 200);
}
