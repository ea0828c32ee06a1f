// SPDX-License-Identifier: MIT
// A link shows what it was copied from: in a new page, and in one that is open.
import assert from 'node:assert/strict';
import test from 'node:test';
import * as inputs from './inputs.mjs';
import { onPage, settled } from './browser.mjs';

const count = 400, kLine = 24;
const long = inputs.makePage('links-long', inputs.writeCapture('links-long',
  { 'a:attention': inputs.attention(1, count, count, 4), 'b:attention': inputs.attention(1, count, count, 5) }));
const numbers = { shape: [4], values: [1, 2, 3, 4] };
const mixed = inputs.makePage('links-mixed', inputs.writeCapture('links-mixed', {
  'enc.0:attention': inputs.attention(3, 6, 6, 1), 'enc.1:attention': inputs.attention(3, 6, 6, 2),
  'dec.0:attention': inputs.attention(1, 4, 4, 3), ':input.0': inputs.pictureTensor(), one: numbers, two: numbers,
}, { image: inputs.pictureMetadata, order: ['enc.0:attention', 'enc.1:attention', 'dec.0:attention'] }));
const plain = inputs.makePage('links-picture', inputs.writeCapture('links-picture', {
  'x:attention': inputs.attention(2, 16, 16, 1), ':input.0': inputs.pictureTensor(),
}, { grid: [4, 4], prefix: 0, image: inputs.pictureMetadata }));

async function follow(tab, hash) {
  await tab.evaluate((to) => { location.hash = to; }, hash);
  await settled(tab);
}

async function assertInSight(tab, token) {
  await settled(tab);
  const { top, height } = await tab.locator('#columns-scroller').evaluate((one) => ({ top: one.scrollTop, height: one.clientHeight }));
  assert.ok(token * kLine >= top && (token + 1) * kLine <= top + height, `token ${token} is not in ${top} to ${top + height}`);
}

test('a token that is linked, typed or followed to is in sight', () => onPage(`${long.url}#layer=0&head=0&token=300`, async (tab) => {
  await assertInSight(tab, 300);
  await tab.locator('#token').fill('20');
  await assertInSight(tab, 20);
  await follow(tab, 'layer=1&head=0&token=390');
  await assertInSight(tab, 390);
}));

test('of the strongest both token and target are in sight, in the matrix too', () => onPage(`${long.url}#layer=0&head=0&token=300`, async (tab) => {
  const target = Number((await tab.locator('#strongest .word').first().textContent()).match(/\d+/)[0]);
  await tab.locator('#matrix-scroller-0').evaluate((one) => one.scrollTo(0, 0));
  await tab.locator('#strongest button').first().click();
  await assertInSight(tab, target);
  const at = await tab.locator('#matrix-scroller-0').evaluate((one) => [one.scrollLeft, one.clientWidth, one.scrollTop, one.clientHeight]);
  for (const [token, from, length] of [[target, at[0], at[1]], [300, at[2], at[3]]]) {
    assert.ok(token * 12 >= from && (token + 1) * 12 <= from + length, `${token} is not in ${from} to ${from + length}`);
  }
}));

test('a link in an open page keeps nothing of before', () => onPage(`${plain.url}#layer=0&head=1&token=3&colors=magma&keep=50&top=4&grey=0`, async (tab) => {
  assert.ok(!await tab.locator('#grey').isChecked());
  await follow(tab, 'layer=0&head=0&token=2');
  assert.equal(await tab.locator('#colors').inputValue(), 'viridis');
  assert.equal(await tab.locator('#keep').inputValue(), '100');
  assert.equal(await tab.locator('#top').inputValue(), '0');
  assert.ok(await tab.locator('#grey').isChecked());
  await tab.locator('#grey').uncheck();
  await tab.waitForFunction(() => location.hash.includes('grey=0'));
}));

test('a layer is found in whatever maps have it, and a head that is not there is none', async () => {
  await onPage(`${mixed.url}#layer=2&head=max`, async (tab) => {
    assert.equal(await tab.locator('#layer-key').textContent(), 'dec.0:attention');
    assert.equal(await tab.locator('.head[tabindex="0"]').count(), 1);
    assert.match(await tab.locator('#head-name').textContent(), /head 0/);
  });
});

test('a link to a tensor keeps what is shown of the maps', () => onPage(`${mixed.url}#layer=0&head=2&token=5`, async (tab) => {
  await tab.keyboard.press('3');
  await tab.waitForFunction(() => location.hash.includes('tensor='));
  await follow(tab, 'layer=0&head=2&token=5&tensor=two');
  assert.match(await tab.locator('#tensor-list [tabindex="0"]').textContent(), /^two/);
  await tab.reload();
  await settled(tab);
  assert.equal(await tab.locator('#tensor-detail h2').textContent(), 'two');
  await tab.keyboard.press('2');
  await settled(tab);
  assert.equal(await tab.locator('#token').inputValue(), '5');
  assert.equal(await tab.locator('#layer').inputValue(), '0');
  assert.match(await tab.locator('#head-name').textContent(), /head 2/);
}));

test('keys of maps change nothing while tensors are shown', () => onPage(`${mixed.url}#layer=0&head=2&token=5`, async (tab) => {
  await tab.keyboard.press('3');
  for (const key of [']', '=', 'd', 'm']) await tab.keyboard.press(key);
  await tab.keyboard.press('2');
  await settled(tab);
  assert.equal(await tab.locator('#layer').inputValue(), '0');
  assert.match(await tab.locator('#head-name').textContent(), /head 2/);
  assert.equal(await tab.locator('#to').getAttribute('aria-checked'), 'true');
}));
