// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import test from 'node:test';
import { readFileSync } from 'node:fs';
import * as inputs from './inputs.mjs';
import { hover, onPage, pixelAt, readout, settled } from './browser.mjs';

const nasty = '</script><script>window.bad=1</script><img src=x onerror="window.bad=2">\u2028\u2029"\'&amp;é漢🙂';

test('names and tokens are text, whatever they hold', async () => {
  const tokens = ['<b>one</b>', nasty, '\n', '   '];
  const file = inputs.writeCapture('nasty', { [`${nasty}:attention`]: inputs.attention(1, 4, 4, 1), [nasty]: { shape: [3], values: [1, 2, 3] } }, { tokens, model: nasty });
  const page = inputs.makePage('nasty', file);
  const scripts = readFileSync(page.path, 'utf8').match(/<script/g).length;
  assert.equal(scripts, 4, 'the data, two blocks, the page itself');
  await onPage(`${page.url}#layer=0&head=0&token=1`, async (tab) => {
    assert.equal(await tab.evaluate(() => window.bad), undefined);
    assert.equal(await tab.locator('img').count(), 0);
    assert.equal(await tab.locator('#layer-key').textContent(), `${nasty}:attention`);
    const named = nasty.replace('\u2028', 'U+2028').replace('\u2029', 'U+2029');
    assert.equal(await tab.locator('#token-name').textContent(), `“\u2068${named}\u2069” (1)`);
    assert.ok((await tab.locator('#subtitle').textContent()).includes(nasty));
    await tab.keyboard.press('3');
    assert.equal(await tab.locator('#tensor-detail h2').textContent(), nasty);
    assert.equal(await tab.evaluate(() => window.bad), undefined);
  });
});

test('a token is seen, whatever it is of', async () => {
  const named = [['\n', '↵'], ['a\tb', 'a⇥b'], [' ', '␣'], ['\u200b', 'U+200B'], ['\u0007', 'U+0007'],
    ['\u202eab', 'U+202Eab'], ['שלום', 'שלום'], ['👩\u200d👧', '👩\u200d👧'], ['a b', 'a b']];
  const page = inputs.makePage('unseen', inputs.writeCapture('unseen',
    { 'a:attention': inputs.attention(1, named.length, named.length, 1) }, { tokens: named.map(([text]) => text) }));
  await onPage(`${page.url}#layer=0&head=0&token=0`, async (tab) => {
    for (const [token, [, name]] of named.entries()) {
      await tab.locator('#token').fill(String(token));
      await settled(tab);
      assert.equal(await tab.locator('#token-name').textContent(), `“\u2068${name}\u2069” (${token})`);
    }
    const heights = await tab.locator('#strongest li:visible').evaluateAll((all) => all.map((one) => one.clientHeight));
    assert.equal(new Set(heights).size, 1, `rows of the strongest: ${heights}`);
  });
});

test('a hash of anything is harmless', async () => {
  const file = inputs.writeCapture('hash', { 'a:attention': inputs.attention(2, 5, 5, 1) });
  const page = inputs.makePage('hash', file);
  for (const hash of ['#layer=99&head=-1&token=1e9', '#%3Cscript%3E', '#layer=NaN&token=&head=rollout&view=picture&keep=x', '#tensor=nothing', '#maps=7']) {
    await onPage(page.url + hash, async (tab) => assert.match(await readout(tab), /layer 0/));
  }
});

test('NaN, Inf and sums are said', async () => {
  const map = inputs.attention(1, 6, 6, 2);
  map.values[6 + 2] = NaN;
  map.values[12 + 1] = Infinity;
  map.values[18] += 0.5;
  const page = inputs.makePage('bad', inputs.writeCapture('bad', { 'a:attention': map }));
  await onPage(`${page.url}#layer=0&head=0&token=1&view=text`, async (tab) => {
    assert.equal(await tab.locator('#badges').textContent(), '1 NaN1 Inf1 row does not sum to 1');
    const box = await tab.locator('#matrix-0').boundingBox(), side = (box.width - 28) / 6;
    await hover(tab, { x: box.x + 26 + 2.5 * side, y: box.y + 26 + 1.5 * side });
    assert.match(await readout(tab), /^NaN/);
    await hover(tab, { x: box.x + 26 + 1.5 * side, y: box.y + 26 + 2.5 * side });
    assert.match(await readout(tab), /^∞/);
  });
});

const kNan = [255, 0, 170], kInfinite = [255, 150, 0];

test('NaN has its own colour in the text, the heads and the overview', async () => {
  const tensors = {};
  for (const name of ['a', 'b']) {
    tensors[`${name}:attention`] = inputs.attention(2, 120, 120, 2);
    tensors[`${name}:attention`].values.fill(NaN, 0, 120);
    tensors[`${name}:attention`].values[120] = Infinity;
  }
  const page = inputs.makePage('nans', inputs.writeCapture('nans', tensors));
  await onPage(`${page.url}#layer=0&head=0&token=0&view=text`, async (tab) => {
    assert.match(await readout(tab), /token 0: 120 of 120 weights are NaN$/);
    const columns = await tab.locator('#columns').boundingBox();
    const key = { x: columns.x + columns.width - 12, y: columns.y + 12 };
    assert.deepEqual((await pixelAt(tab, key)).slice(0, 3), kNan);
    const head = await tab.locator('.thumbnail').first().boundingBox();
    assert.deepEqual((await pixelAt(tab, { x: head.x + head.width / 2, y: head.y + 0.5 })).slice(0, 3), kNan);
    await tab.locator('#overview').scrollIntoViewIfNeeded();
    const overview = await tab.locator('#overview').boundingBox();
    assert.deepEqual((await pixelAt(tab, { x: overview.x + 34 + 20, y: overview.y + 20 + 88 + 1 })).slice(0, 3), kNan);
    for (const name of ['nan', 'infinite']) assert.ok(await tab.locator(`#legend-${name}`).isVisible(), name);
    await tab.locator('#token').fill('1');
    await settled(tab);
    await tab.evaluate(() => scrollTo(0, 0));
    assert.match(await readout(tab), /; 1 of 120 weights is infinite$/);
    assert.deepEqual((await pixelAt(tab, key)).slice(0, 3), kInfinite);
  });
});

test('what does not fit is said in the page too', async () => {
  const tensors = {};
  for (let i = 0; i < 4; ++i) tensors[`l${i}:attention`] = inputs.attention(8, 300, 300, i);
  const page = inputs.makePage('large', inputs.writeCapture('large', tensors), '--max-mb', '1');
  assert.match(page.said, /means over heads/);
  assert.ok(readFileSync(page.path).length < 1e6);
  await onPage(page.url, async (tab) => {
    assert.match(await tab.locator('#notes').textContent(), /over 1 MB: it has means over heads/);
    assert.match(await tab.locator('#head-name').textContent(), /mean of 8 heads/);
    await tab.keyboard.press('r');
    await settled(tab);
    assert.ok(await tab.locator('#fusion').isDisabled());
    assert.equal(await tab.locator('#fusion').inputValue(), 'mean');
  });
});
