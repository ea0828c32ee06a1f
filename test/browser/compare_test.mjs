// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync } from 'node:fs';
import test from 'node:test';
import * as inputs from './inputs.mjs';
import { hover, near, onPage, placeOf, readout, settled, valuesRead } from './browser.mjs';

const grid = { rows: 4, cols: 4, prefix: 1 };
const a = inputs.attention(2, 17, 17, 21), b = inputs.attention(2, 17, 17, 22);
const close = { shape: a.shape, values: a.values.map((value, i) => value + (i % 2 ? 1e-6 : -1e-6)) };
const about = { grid: [4, 4], prefix: 1 };
const files = [inputs.writeCapture('a', { 'x:attention': a, only: { shape: [2], values: [1, 2] } }, about),
  inputs.writeCapture('b', { 'x:attention': b }, about), inputs.writeCapture('close', { 'x:attention': close }, about)];

test('A, B and A - B stand side by side', async () => {
  const page = inputs.makePage('compare', '--compare', files[0], files[1]);
  assert.match(page.said, /1 key is in A alone: "only"/);
  await onPage(`${page.url}#layer=0&head=1&token=6`, async (tab) => {
    assert.equal(await tab.locator('.picture-canvas').count(), 3);
    for (const source of [0, 2]) {
      await hover(tab, await placeOf(tab, 11, grid, source));
      const values = await valuesRead(tab), expected = [a, b].map((one) => inputs.atIndex(one, 1, 6, 11));
      expected.push(expected[0] - expected[1]);
      values.forEach((value, i) => near(value, expected[i], 0.003, `source ${i}`));
    }
    await tab.keyboard.press('2');
    await settled(tab);
    assert.equal(await tab.locator('.matrix-canvas').count(), 3);
  });
});

test('files of one name are told apart, and lines by their colours', async () => {
  for (const folder of ['p', 'q']) mkdirSync(`pages/${folder}`, { recursive: true });
  copyFileSync(files[0], 'pages/p/maps.safetensors');
  copyFileSync(files[1], 'pages/q/maps.safetensors');
  const page = inputs.makePage('twins', '--compare', 'pages/p/maps.safetensors', 'pages/q/maps.safetensors');
  await onPage(`${page.url}#view=text`, async (tab) => {
    assert.equal(await tab.locator('#title').textContent(), 'p/maps.safetensors  −  q/maps.safetensors');
    assert.equal(await tab.locator('#line-legend').innerText(), 'AB');
  });
});

test('what is the same is said to be', async () => {
  const page = inputs.makePage('same', '--compare', files[0], files[0]);
  await onPage(`${page.url}#layer=0&head=1&token=6`, async (tab) => {
    await settled(tab);
    assert.match(await tab.locator('#readout').innerText(), /is the same in A and B/);
  });
});

test('NaN is no sameness', async () => {
  const bad = { shape: a.shape, values: Float32Array.from(a.values) };
  bad.values.fill(NaN, 6 * 17, 7 * 17);
  bad.values[7 * 17 + 3] = NaN;
  const page = inputs.makePage('nan', '--compare', files[0], inputs.writeCapture('nan', { 'x:attention': bad }, about));
  await onPage(`${page.url}#layer=0&head=0&token=6`, async (tab) => {
    assert.match(await readout(tab), /token 6\): 17 of 17 differences are NaN$/);
    assert.ok(await tab.locator('#legend-nan').isVisible());
    await tab.locator('#token').fill('7');
    await settled(tab);
    assert.match(await readout(tab), /token 7\): 1 of 17 differences is NaN$/);
    await tab.locator('#token').fill('8');
    await settled(tab);
    assert.match(await readout(tab), /is the same in A and B$/);
  });
});

test('a difference of a millionth is seen', async () => {
  const page = inputs.makePage('close', '--compare', files[0], files[2]);
  await onPage(`${page.url}#layer=0&head=0&token=6`, async (tab) => {
    await hover(tab, await placeOf(tab, 11, grid));
    near((await valuesRead(tab))[2], inputs.atIndex(a, 0, 6, 11) - inputs.atIndex({ ...close, values: Float32Array.from(close.values) }, 0, 6, 11), 2e-8);
  });
});
