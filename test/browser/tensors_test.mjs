// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import test from 'node:test';
import * as inputs from './inputs.mjs';
import { hover, near, onPage, readout, settled, valueRead } from './browser.mjs';

const random = inputs.randomNumbers(1);
const block = { shape: [2, 5, 8], values: Array.from({ length: 80 }, () => 20 * random() - 10) };
const file = inputs.writeCapture('tensors', {
  'blocks.0:output': block,
  'head:output': { shape: [1, 10], values: Array.from({ length: 10 }, (_, i) => i - 4) },
  ids: { dtype: 'I32', shape: [1, 4], values: [101, 7592, 30522, 102] },
  scores: { shape: [2, 2], values: [-3.25, -(2 - 2 ** -23) * 2 ** 127, 1.5, 2.75] },
  'scores.double': { dtype: 'F64', shape: [2, 2], values: [-3.25, -Number.MAX_VALUE, 1.5, 2.75] },
  scalar: { shape: [], values: [4] },
  'norm.weight': { shape: [8], values: [1, 2, 3, NaN, 5, 6, 7, 8] },
});
const page = inputs.makePage('tensors', file);

test('a tensor of no attention: statistics, and a value under the pointer', () => onPage(`${page.url}#tensor=blocks.0%3Aoutput&index=1`, async (tab) => {
  const numbers = await tab.locator('.numbers').textContent();
  assert.ok(numbers.includes(`min${String(Number(Math.min(...Float32Array.from(block.values)).toPrecision(4))).replace('-', '−')}`), numbers);
  const box = await tab.locator('#tensor-0').boundingBox();
  await hover(tab, { x: box.x + 6.5 * box.width / 8, y: box.y + 3.5 * box.height / 5 });
  near(await valueRead(tab), block.values[(5 + 3) * 8 + 6], 5e-3, 'value');
  assert.match(await readout(tab), /blocks\.0:output\[1, 3, 6\]/);
}));

test('the list is filtered', () => onPage(page.url, async (tab) => {
  assert.equal(await tab.locator('#tensor-list button').count(), 7);
  await tab.locator('#filter').fill('output 10');
  assert.deepEqual(await tab.locator('#tensor-list button').allTextContents(), ['head:outputfloat32 [1, 10]']);
  await tab.locator('#tensor-list button').click();
  await settled(tab);
  assert.match(await tab.locator('#tensor-detail h2').textContent(), /head:output/);
}));

test('Tab passes the list, arrows move in it', () => onPage(`${page.url}#tensor=head%3Aoutput`, async (tab) => {
  await tab.locator('#filter').focus();
  await tab.keyboard.press('Tab');
  await tab.keyboard.press('ArrowDown');
  await tab.keyboard.press('Enter');
  await settled(tab);
  assert.equal(await tab.locator('#tensor-detail h2').textContent(), 'ids');
  assert.match(await tab.locator('[role="option"][aria-selected="true"]').textContent(), /^ids/);
  await tab.keyboard.press('Tab');
  assert.equal(await tab.evaluate(() => document.activeElement.id), 'tensor-0');
}));

test('an index that is not there becomes the nearest', () => onPage(`${page.url}#tensor=blocks.0%3Aoutput`, async (tab) => {
  await tab.locator('.axes input').fill('9');
  await tab.locator('.axes input').blur();
  assert.equal(await tab.locator('.axes input').inputValue(), '1');
}));

async function valueAt(tab, row, column, [rows, columns]) {
  const box = await tab.locator('#tensor-0').boundingBox();
  await hover(tab, { x: box.x + (column + 0.5) * box.width / columns, y: box.y + (row + 0.5) * box.height / rows });
  return tab.locator('#readout b').textContent();
}

test('integers are read as they are', () => onPage(`${page.url}#tensor=ids`, async (tab) => {
  assert.equal(await valueAt(tab, 0, 1, [1, 4]), '7592');
  assert.equal(await valueAt(tab, 0, 2, [1, 4]), '30522');
}));

for (const key of ['scores', 'scores.double']) test(`what is masked takes no part in the colours, and is said to be masked: ${key}`, () => onPage(`${page.url}#tensor=${key}`, async (tab) => {
  assert.equal(await valueAt(tab, 0, 0, [2, 2]), '−3.25');
  assert.equal(await valueAt(tab, 0, 1, [2, 2]), 'masked');
  assert.equal(await valueAt(tab, 1, 0, [2, 2]), '1.5');
  assert.equal(await tab.locator('#tensor-bar .ends').textContent(), '−3.253.25');
  const numbers = await tab.locator('.numbers').textContent();
  assert.match(numbers, /^min−3.25max2.75mean0.333/);
  assert.match(numbers, /values4masked1zeros0NaN0Inf0$/);
}));

test('a scalar has statistics alone', () => onPage(`${page.url}#tensor=scalar`, async (tab) => {
  assert.equal((await readout(tab)).trim(), 'scalar: statistics alone');
}));

test('a NaN is counted and read', () => onPage(`${page.url}#tensor=norm.weight`, async (tab) => {
  assert.match(await tab.locator('.numbers .warn').textContent(), /NaN1/);
  const box = await tab.locator('#tensor-0').boundingBox();
  await hover(tab, { x: box.x + 3.5 * box.width / 8, y: box.y + box.height / 2 });
  assert.match(await readout(tab), /^NaN norm\.weight\[3\]/);
}));
