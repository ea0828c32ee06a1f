// SPDX-License-Identifier: MIT
// What is read out: the value under the pointer, the strongest, what is odd about a layer.
function say(id, text) {
  setText(ui(id), text);
}

// Such as "2 of 6 weights are NaN"; empty where none is NaN or infinite.
function notFiniteText(values, what) {
  const nans = values.filter((value) => value !== value).length;
  const infinite = values.filter((value) => Math.abs(value) === Infinity).length;
  const told = (count, name) => (count ? [`${count} of ${values.length} ${what} ${count === 1 ? 'is' : 'are'} ${name}`] : []);
  return [...told(nans, 'NaN'), ...told(infinite, 'infinite')].join(', ');
}

function readout(lines) {
  const { group, token, by } = shown(), cell = cellRead();
  const about = `${layerName(group, state.layer)} · ${headName(group, state.head)} · `;
  if (!cell) {
    const line = lines[isComparison ? kDifference : kA], [most] = strongest(line, 1);
    const whose = about + nameOf(group, token, by ? 'keys' : 'queries');
    const odd = notFiniteText(line, isComparison ? 'differences' : 'weights');
    if (most === undefined && odd) return ['', `${whose}: ${odd}`];
    if (most === undefined) return ['', `${whose} ${isComparison ? 'is the same in A and B' : 'has no weights'}`];
    const what = isComparison ? 'differs most at' : by ? 'is attended most by' : 'attends most to';
    const where = `${whose} ${what} ${nameOf(group, most, by ? 'queries' : 'keys')}`;
    return [number(line[most]), odd ? `${where}; ${odd}` : where];
  }
  const [query, key] = cell, isOfLine = by ? key === token : query === token;
  const valueOf = (source) => (isOfLine ? lines[source][by ? query : key]
    : attention(group, state.layer, state.head, query, false, source)[key]);
  const isMasked = group.layers[state.layer].causal && key > query && state.head !== 'rollout';
  const texts = sourcesShown.map((source) => `${isComparison ? `${kOfSource[source]} ` : ''}${number(valueOf(source))}`);
  return [isMasked ? 'masked' : texts.join('   '),
    `${about}${nameOf(group, query, 'queries')} → ${nameOf(group, key, 'keys')}`];
}

function showReadout([value, where]) {
  if (!showReadout.value) {
    showReadout.value = element('b');
    showReadout.where = element('span', { className: 'where' });
    ui('readout').append(showReadout.value, ' ', showReadout.where);
  }
  setText(showReadout.value, value);
  setText(showReadout.where, where);
}

const strongestRows = [];

function showStrongest(line) {
  const { group, by } = shown(), side = by ? 'queries' : 'keys', order = strongest(line, 6);
  while (strongestRows.length < 6) {
    const word = element('span', { className: 'word' }), value = element('span', { className: 'number' });
    const weight = element('span', { className: 'weight' });
    const button = element('button', { type: 'button' }, word, value, weight), item = element('li', {}, button);
    const row = { word, value, weight, button, item };
    button.addEventListener('click', () => {
      const held = shown();
      state.token = held.token; state.by = held.by; state.locked = true;
      pointer = { target: row.index };
      bringIntoSight(row.index);
    });
    strongestRows.push(row);
    ui('strongest').append(item);
  }
  const most = order.length ? Math.abs(line[order[0]]) : 1;
  strongestRows.forEach((row, i) => {
    row.item.hidden = i >= order.length;
    if (row.item.hidden) return;
    row.index = order[i];
    row.word.textContent = nameOf(group, order[i], side);
    row.value.textContent = number(line[order[i]]);
    row.weight.style.width = `${100 * Math.abs(line[order[i]]) / most}%`;
  });
}

function showBadges(layer) {
  const badges = [];
  const add = (text, isBad) => badges.push(element('span', { className: isBad ? 'chip warn' : 'chip', textContent: text }));
  if (layer.nan) add(`${layer.nan} NaN`, true);
  if (layer.inf) add(`${layer.inf} Inf`, true);
  if (layer.otherSums) add(`${layer.otherSums} ${layer.otherSums === 1 ? 'row does' : 'rows do'} not sum to 1`, true);
  if (layer.causal) add('causal mask');
  ui('badges').replaceChildren(...badges);
}
