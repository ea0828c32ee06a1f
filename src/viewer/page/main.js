// SPDX-License-Identifier: MIT
// Draws what the state says, once a frame at most.
let isScheduled = false;
let lastReadout = ['', ''];

function changed() {
  remember();
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    render();
  });
}

// Those that the drawing is made of: of rollout many.
function layersShown(group) {
  const first = state.head === 'rollout' ? Math.min(state.start, state.layer) : state.layer;
  return group.layers.slice(first, state.layer + 1);
}

function renderMaps() {
  const { group, token, by } = shown(), missing = layersShown(group).filter((layer) => !layer.rows);
  if (missing.length) {
    showReadout(['', 'unpacking …']);
    Promise.all(missing.map((layer) => load(layer, group))).then(changed);
    return;
  }
  const lines = [];
  for (const source of sourcesShown) lines[source] = attention(group, state.layer, state.head, token, by, source);
  const ranges = rangesFor(lines);
  if (state.view === 'picture') {
    drawPicture(lines, ranges);
    drawLegend(ranges);
  } else {
    drawColumns(lines, ranges);
    drawMatrices(lines);
    scrollToSought();
    drawLegend(mapPart(group) === 1 && state.scale === 'row' ? sourcesShown.map((source) => matrixRange(group, source)) : ranges);
  }
  lastReadout = readout(lines);
  showReadout(lastReadout);
  showToken();
  followLater(lines[isComparison ? kDifference : kA]);
}

let followTimer = 0;
let followed = '';

// The list and the small pictures follow when the pointer rests; at once when something else did it.
function followLater(line) {
  const follow = () => {
    ui('readout').title = ui('readout').textContent;
    showStrongest(line);
    drawHeads();
    drawOverview();
  };
  clearTimeout(followTimer);
  const name = JSON.stringify(state), isHover = name === followed && pointer !== null;
  followed = name;
  if (!isHover) return follow();
  followTimer = setTimeout(() => { if (JSON.stringify(state) === name) follow(); }, 60);
}

function render() {
  showControls();
  if (state.view !== 'tensors') return renderMaps();
  drawTensor();
  showReadout(tensorReadout());
}

// The other layers, one by one, for the overview.
async function loadOthers() {
  const pause = () => new Promise((done) => { setTimeout(done, 4); });
  for (const group of groups) {
    for (const layer of group.layers) {
      if (layer.rows) continue;
      await load(layer, group);
      if (group === currentGroup()) changed();
      await pause();
    }
  }
}

function counted(count, what) {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function showFacts() {
  ui('title').textContent = page.names.join('  −  ');
  const { item, items } = page.batch;
  const facts = [page.model, items > 1 ? `item ${item} of a batch of ${items}` : '', isComparison ? 'A − B' : '', groups.length ? counted(groups.reduce((n, g) => n + g.layers.length, 0), 'attention map') : '',
    page.tensors.length ? counted(page.tensors.length, 'other tensor') : ''];
  ui('subtitle').textContent = facts.filter((fact) => fact).join(' · ');
  document.title = `${page.names.join(' − ')} · AnyCapture`;
  ui('notes').hidden = !page.notes.length;
  ui('notes').append(...page.notes.map((note) => element('li', { textContent: note })));
  ui('tab-text').hidden = !groups.length;
  ui('tab-tensors').hidden = !page.tensors.length;
  ui('group-card').hidden = groups.length < 2;
  ui('group').append(...groups.map((group, i) => element('option', {
    value: i,
    textContent: `${group.queries} × ${group.keys}, ${headCount(group)} head${headCount(group) === 1 ? '' : 's'} (${group.layers.length})`,
  })));
  ui('line-legend').hidden = !isComparison;
  document.querySelector('.text').classList.toggle('compared', isComparison);
}

function followLink() {
  restore();
  markTensorList();
  makeTensorDetail();
  if (groups.length) bringIntoSight();
  render();
}

async function start() {
  startTheme();
  restore();
  showFacts();
  listenToControls();
  if (page.tensors.length) makeTensorList();
  if (state.view === 'tensors') makeTensorDetail();
  await loadPicture();
  if (groups.length) bringIntoSight();
  render();
  window.addEventListener('hashchange', followLink);
  new ResizeObserver(changed).observe(document.querySelector('main'));
  window.addEventListener('resize', changed);
  await loadOthers();
}

start();
