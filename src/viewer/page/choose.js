// SPDX-License-Identifier: MIT
// What a choice changes, by whatever it is made.
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
  holdToken(state.token, chosenBy(), state.locked);
}

function holdToken(token, by = chosenBy(), locked = true) {
  const group = currentGroup();
  state.by = by;
  state.token = Math.min((by ? group.keys : group.queries) - 1, Math.max(0, token));
  state.locked = locked;
  changed();
}

function chooseView(view) {
  state.by = chosenBy();
  state.view = view;
  pointer = null;
  if (view === 'tensors') makeTensorDetail();
  if (view === 'text') bringIntoSight();
  changed();
}

// What the pointer is on looks, from now on.
function letGo() {
  const { by } = shown();
  state.locked = false;
  if (!isOneSided() && pointer && pointer.token === undefined && pointer.target !== undefined) {
    pointer = { token: pointer.target, by, target: pointer.target };
  }
  changed();
}

function stepHead(step) {
  const choices = headChoices(currentGroup()), place = choices.indexOf(state.head) + step;
  if (place >= 0 && place < choices.length) chooseHead(choices[place]);
}

function turn() {
  if (isOneSided()) return;
  pointer = null;
  holdToken(state.token, !state.by, state.locked);
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
    bringIntoSight();
    return;
  }
}
