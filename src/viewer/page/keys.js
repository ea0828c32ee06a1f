// SPDX-License-Identifier: MIT
// Keys of the whole page.
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

const kKeysOfTensors = '123st?';  // the others choose what is seen of maps

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || ui('keys').open) return;
  if (event.target.matches('input:not([type="range"]):not([type="checkbox"]), select')) return;
  const act = kKeys[event.key];
  if (!act || (state.view === 'tensors' && !kKeysOfTensors.includes(event.key))) return;
  if (event.key !== 'Escape') event.preventDefault();
  act();
}
