// SPDX-License-Identifier: MIT
// Buttons, sliders and fields.
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
  explainNotFinite(layersShown(group));
  for (const id of ['fusion', 'discard', 'start', 'keep', 'top', 'colors', 'opacity', 'scale']) {
    if (document.activeElement !== ui(id) || ui(id).type === 'range') ui(id).value = state[id];
  }
  showRolloutOptions(group);
  ui('grey').checked = state.grey;
  ui('fit').checked = state.fit;
  say('opacity-value', `${Math.round(100 * state.opacity)} %`);
  say('keep-value', state.keep === 100 ? 'all' : `${state.keep} %`);
  ui('opacity-row').hidden = ui('grey-row').hidden = state.view !== 'picture' || !page.image;
  setText(ui('scale').options[0], state.view === 'text' ? 'this row; the matrix: this map' : 'this row');
  ui('fit-row').hidden = state.view !== 'text';
  const by = chosenBy();
  for (const [id, isChosen] of [['to', !by], ['by', by]]) {
    ui(id).setAttribute('aria-checked', isChosen);
    ui(id).tabIndex = isChosen ? 0 : -1;
    ui(id).disabled = isOneSided() && !isChosen;
  }
}

// A page of means has no other heads; one of some of the layers rolls out over those.
function showRolloutOptions(group) {
  const places = layersShown(group).map((layer) => layer.place), [first] = places, last = places[places.length - 1];
  ui('rollout-options').hidden = state.head !== 'rollout';
  ui('fusion').disabled = group.mean;
  if (group.mean) ui('fusion').value = 'mean';
  const isWhole = last - first === places.length - 1 && (first === 0 || state.start > 0);
  say('rollout-note', isWhole ? '' : `over the ${counted(places.length, 'layer')} on this page: ${places.join(', ')}`);
}

function showToken() {
  const { group, token, by } = shown();
  const field = ui('token'), last = String((by ? group.keys : group.queries) - 1);
  if (document.activeElement !== field && field.value !== String(token)) field.value = token;
  if (field.max !== last) field.max = last;
  say('token-label', by ? 'Key' : 'Query');
  say('token-name', nameOf(group, token, by ? 'keys' : 'queries'));
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
  onInput('token', (input) => {
    pointer = null;
    if (input.value === '') return;
    holdToken(Number(input.value));
    bringIntoSight();
  });
  onInput('fusion', (input) => { state.fusion = input.value; });
  onInput('discard', (input) => { state.discard = within(input.value, 0, 0.99, 0); });
  onInput('start', (input) => { state.start = within(input.value, 0, 1e4, 0) | 0; });
  onInput('scale', (input) => { state.scale = input.value; });
  onInput('colors', (input) => { state.colors = input.value; });
  onInput('opacity', (input) => { state.opacity = Number(input.value); });
  onInput('keep', (input) => { state.keep = Number(input.value); });
  onInput('top', (input) => { state.top = within(input.value, 0, 50, 0) | 0; });
  onInput('fit', (input) => { state.fit = input.checked; });
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
