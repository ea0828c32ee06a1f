// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import test from 'node:test';
import * as inputs from './inputs.mjs';
import { boxesOf, hover, near, onPage, pixelAt, readout, setRange, settled, valueRead } from './browser.mjs';

const words = '[CLS] the cat sat on the mat , then it slept [SEP]'.split(' ');
const count = words.length, kLine = 24;
const map = inputs.attention(2, count, count, 3);
const file = inputs.writeCapture('words', { 'layer.0:attention': map }, { tokens: words });
const page = inputs.makePage('words', file);
const limitOf = (long, query) => Math.max(...inputs.rowOf(long, 0, query)) / 255 + 5e-5;
const limit = (head, query) => Math.max(...inputs.rowOf(map, head, query)) / 255 + 5e-5;

async function onColumns(tab, index, right) {
  const box = await tab.locator('#columns').boundingBox();
  return { x: box.x + (right ? box.width - 40 : 40), y: box.y + (index + 0.5) * kLine };
}

test('a token that is hovered shows where it looks most', () => onPage(`${page.url}#layer=0&head=1&token=0&held=0`, async (tab) => {
  await hover(tab, await onColumns(tab, 3, false));
  const row = inputs.rowOf(map, 1, 3), most = Math.max(...row);
  near(await valueRead(tab), most, limit(1, 3));
  assert.ok((await readout(tab)).includes(`“sat” (3) attends most to “${words[row.indexOf(most)]}”`));
}));

test('a key that is hovered shows who looks at it', () => onPage(`${page.url}#layer=0&head=0&token=0&held=0`, async (tab) => {
  await hover(tab, await onColumns(tab, 6, true));
  const column = words.map((_, query) => inputs.atIndex(map, 0, query, 6));
  near(await valueRead(tab), Math.max(...column), limit(0, column.indexOf(Math.max(...column))));
  assert.match(await readout(tab), /“mat” \(6\) is attended most by/);
}));

test('a token that is held is read against any other', () => onPage(`${page.url}#layer=0&head=0&token=0&held=0`, async (tab) => {
  const at = await onColumns(tab, 2, false);
  await tab.mouse.click(at.x, at.y);
  await hover(tab, await onColumns(tab, 7, true));
  near(await valueRead(tab), inputs.atIndex(map, 0, 2, 7), limit(0, 2));
}));

test('the matrix reads each cell', () => onPage(`${page.url}#layer=0&head=1&token=0&held=0`, async (tab) => {
  const box = await tab.locator('#matrix-0').boundingBox(), side = (box.width - 28) / count;
  for (const [query, key] of [[0, 0], [4, 9], [11, 2]]) {
    await hover(tab, { x: box.x + 26 + (key + 0.5) * side, y: box.y + 26 + (query + 0.5) * side });
    near(await valueRead(tab), inputs.atIndex(map, 1, query, key), limit(1, query), `${query}, ${key}`);
  }
}));

test('tokens come from a file, and are found by their text', async () => {
  const plain = inputs.writeCapture('plain', { 'layer.0:attention': map });
  writeFileSync('pages/tokens.json', JSON.stringify({ tokens: words.map((word) => word.toUpperCase()) }));
  const named = inputs.makePage('named', plain, '--tokens', 'pages/tokens.json');
  await onPage(named.url, async (tab) => {
    await tab.locator('#find').fill('slept');
    await tab.keyboard.press('Enter');
    await settled(tab);
    assert.match(await tab.locator('#token-name').textContent(), /SLEPT.*\(10\)/);
  });
});

test('a long text scrolls to the token that is asked for', async () => {
  const long = inputs.attention(1, 600, 600, 4), tokens = Array.from({ length: 600 }, (_, i) => `word${i}`);
  const made = inputs.makePage('long', inputs.writeCapture('long', { 'a:attention': long }, { tokens }));
  await onPage(`${made.url}#layer=0&head=0&token=0`, async (tab) => {
    await tab.locator('#token').fill('500');
    await tab.locator('#columns-scroller').focus();
    await tab.keyboard.press('ArrowDown');
    await settled(tab);
    assert.match(await tab.locator('#token-name').textContent(), /word501/);
    const scroll = await tab.locator('#columns-scroller').evaluate((one) => one.scrollTop);
    assert.ok(scroll > 500 * kLine - 700 && scroll < 501 * kLine, `scrolled to ${scroll}`);
  });
});

// A long map scrolls, and its cells stay large enough to be hovered: those in sight are read right.
const kMargin = 26, kSide = 12;

async function scrollMatrix(tab, left, top) {
  await tab.locator('#matrix-scroller-0').evaluate((one, to) => one.scrollTo(...to), [left, top]);
  await settled(tab);
}

async function onMatrix(tab, query, key) {
  const box = await tab.locator('#matrix-0').boundingBox();
  const [left, top] = await tab.locator('#matrix-scroller-0').evaluate((one) => [one.scrollLeft, one.scrollTop]);
  return { x: box.x + kMargin + (key + 0.5) * kSide - left, y: box.y + kMargin + (query + 0.5) * kSide - top };
}

test('a long matrix scrolls; hover, hold and frames are right there', async () => {
  const long = inputs.attention(1, 300, 300, 8), made = inputs.makePage('scroll', inputs.writeCapture('scroll', { 'a:attention': long }));
  await onPage(`${made.url}#layer=0&head=0&token=0&held=0&view=text&top=2`, async (tab) => {
    await scrollMatrix(tab, 1000, 2000);
    for (const [query, key] of [[170, 90], [180, 100]]) {
      const at = await onMatrix(tab, query, key);
      await hover(tab, at);
      near(await valueRead(tab), inputs.atIndex(long, 0, query, key), limitOf(long, query), `${query}, ${key}`);
      assert.ok((await readout(tab)).includes(`token ${query} → token ${key}`));
      const [cell] = (await boxesOf(tab, '.matrix-view .moved')).filter((box) => box.width < 3 * kSide && box.height < 3 * kSide);
      assert.ok(Math.abs(cell.x + cell.width / 2 - at.x) < 1 && Math.abs(cell.y + cell.height / 2 - at.y) < 1, 'the frame is there');
    }
    const at = await onMatrix(tab, 175, 95);
    await tab.mouse.click(at.x, at.y);
    await settled(tab);
    assert.equal(await tab.locator('#token').inputValue(), '175');
    const row = inputs.rowOf(long, 0, 175), order = Array.from(row.keys()).sort((x, y) => row[y] - row[x]).slice(0, 2);
    for (const key of order) {
      await scrollMatrix(tab, Math.max(0, key * kSide - 60), 2000);
      const { x, y } = await onMatrix(tab, 175, key), boxes = await boxesOf(tab, '.matrix-view .mark:not(.moved)');
      assert.equal(boxes.length, 2);
      assert.ok(boxes.some((box) => Math.abs(box.x + box.width / 2 - x) < 1 && Math.abs(box.y + box.height / 2 - y) < 1), `key ${key} is outlined`);
    }
    await hover(tab, await onMatrix(tab, 178, order[1]));
    near(await valueRead(tab), inputs.atIndex(long, 0, 178, order[1]), limitOf(long, 178), 'held');
    await tab.locator('#fit').check();
    await settled(tab);
    const room = await tab.locator('#matrix-scroller-0').evaluate((one) => one.scrollWidth - one.clientWidth);
    assert.ok(room <= 0, `the whole matrix fits: ${room}`);
  });
});

test('rollout of many tokens comes as a whole, as anycapture rollout computes it', async () => {
  const tokens = 420, layers = {};
  for (let i = 0; i < 3; ++i) layers[`l${i}:attention`] = inputs.attention(1, tokens, tokens, 40 + i);
  const file = inputs.writeCapture('many', layers), made = inputs.makePage('many', file, '--exact');
  inputs.anycapture('rollout', file, '*:attention', '-o', 'pages/many-rollout.safetensors');
  const { rollout } = inputs.readCapture('pages/many-rollout.safetensors');
  await onPage(`${made.url}#layer=2&head=rollout&token=0&held=0&view=text`, async (tab) => {
    await tab.locator('#matrix-0').waitFor({ state: 'visible' });
    await scrollMatrix(tab, 2000, 3000);
    for (const [query, key] of [[255, 170], [260, 180]]) {
      await hover(tab, await onMatrix(tab, query, key));
      near(await valueRead(tab), inputs.atIndex(rollout, query, key), 2e-4, `${query}, ${key}`);
      assert.ok((await readout(tab)).includes(`token ${query} → token ${key}`));
    }
    const [red, green, blue] = await pixelAt(tab, await onMatrix(tab, 262, 190));
    const expected = inputs.viridis(inputs.atIndex(rollout, 262, 190) / rollout.values.reduce((most, one) => Math.max(most, one), 0));
    [red, green, blue].forEach((channel, i) => near(channel, expected[i], 6, `channel ${i}`));
  });
});

test('maps that are not square: cross attention, and one step of decoding', async () => {
  const cross = inputs.attention(2, 4, count, 5), step = inputs.attention(2, 1, 9, 6);
  const made = inputs.makePage('cross', inputs.writeCapture('cross', { 'cross:attention': cross, 'step:attention': step }));
  await onPage(`${made.url}#maps=0&layer=0&head=1&token=2`, async (tab) => {
    await hover(tab, await onColumns(tab, 11, true));
    near(await valueRead(tab), inputs.atIndex(cross, 1, 2, 11), 0.002);
    assert.equal(await tab.locator('.head').filter({ hasText: 'rollout' }).count(), 0);
    await tab.locator('#group').selectOption('1');
    await settled(tab);
    await hover(tab, await onColumns(tab, 8, true));
    near(await valueRead(tab), inputs.atIndex(step, 1, 0, 8), 0.002);
  });
});

test('what a causal mask hides is no zero', async () => {
  const causal = inputs.attention(1, 6, 6, 7);
  for (let query = 0; query < 6; ++query) for (let key = query + 1; key < 6; ++key) causal.values[query * 6 + key] = 0;
  const made = inputs.makePage('causal', inputs.writeCapture('causal', { 'a:attention': causal }));
  await onPage(`${made.url}#layer=0&head=0&token=1`, async (tab) => {
    assert.match(await tab.locator('#badges').textContent(), /causal/);
    await hover(tab, await onColumns(tab, 4, true));
    assert.match(await readout(tab), /^masked/);
  });
});

test('the mass that is kept leaves the others without a tint', () => onPage(`${page.url}#layer=0&head=0&token=3`, async (tab) => {
  const row = inputs.rowOf(map, 0, 3), order = Array.from(row.keys()).sort((x, y) => row[y] - row[x]);
  const tint = async (key) => {
    const { x, y } = await onColumns(tab, key, true);
    return pixelAt(tab, { x: x + 30, y });
  };
  const before = await tint(order[1]), strongest = await tint(order[0]);
  await setRange(tab, '#keep', 1);
  assert.notDeepEqual(await tint(order[1]), before);
  assert.deepEqual(await tint(order[1]), [255, 255, 255, 255]);
  assert.deepEqual(await tint(order[0]), strongest);
}));

test('what the colours span is said of text and matrix', () => onPage(`${page.url}#layer=0&head=0&token=3`, async (tab) => {
  assert.equal(await tab.locator('#scale option').first().textContent(), 'this row; the matrix: this map');
}));

test('a click in an overview that has no room chooses what is there', async () => {
  const many = { 'a:attention': inputs.attention(64, 5, 5, 9), 'b:attention': inputs.attention(64, 5, 5, 10) };
  const made = inputs.makePage('many-heads', inputs.writeCapture('many-heads', many));
  await onPage(`${made.url}#layer=0&head=0&token=0`, async (tab) => {
    const box = await tab.locator('#overview').boundingBox();
    await tab.locator('#overview').click({ position: { x: box.width - 3, y: box.height - 4 } });
    await settled(tab);
    assert.match(await tab.locator('#head-name').textContent(), /head 63/);
    assert.equal(await tab.locator('#layer').inputValue(), '1');
  }, { width: 360, height: 740 });
});
