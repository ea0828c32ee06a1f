// SPDX-License-Identifier: MIT
// A page of 12 layers, 12 heads, 197 tokens: how soon it can be used, what a hover costs, and that
// it keeps no memory. Figures are printed; limits are wide, since machines differ.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import test from 'node:test';
import * as inputs from './inputs.mjs';
import { onPage, placeOf, settled } from './browser.mjs';

const grid = { rows: 14, cols: 14, prefix: 1 }, tokens = 197;
const tensors = { ':input.0': inputs.pictureTensor(224) };
for (let i = 0; i < 12; ++i) tensors[`blocks.${i}.attn:attn`] = inputs.attention(12, tokens, tokens, 100 + i, 8);
const file = inputs.writeCapture('vit', tensors, { grid: [14, 14], prefix: 1, image: inputs.pictureMetadata });
const begun = performance.now();
const page = inputs.makePage('vit', file);
const made = performance.now() - begun;

test('a page of a ViT-B: size, and time until it is of use', async (t) => {
  const opened = performance.now();
  await onPage(page.url, async () => {
    const usable = performance.now() - opened, size = statSync(page.path).size / 1e6;
    console.log(`page: ${size.toFixed(1)} MB, made in ${made.toFixed(0)} ms, of use after ${usable.toFixed(0)} ms`);
    assert.ok(size < 8, `${size} MB`);
  });
});

// Times are printed, not asserted: they are the machine's.
//
// Milliseconds of the processor on the page's own thread: script, layout and drawing. Not by the
// clock, which counts what else the machine does.
async function times(session) {
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (name) => 1000 * metrics.find((one) => one.name === name).value;
  return { all: of('TaskDuration'), script: of('ScriptDuration') + of('LayoutDuration') + of('RecalcStyleDuration') };
}

function percentile(values, part) {
  return [...values].sort((a, b) => a - b)[Math.floor(part * (values.length - 1))];
}

async function heap(session) {
  await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find((one) => one.name === 'JSHeapUsedSize').value / 1e6;
}

for (const [what, hash] of [['mean of 12 heads', 'mean'], ['one head', '3'], ['rollout', 'rollout']]) {
  test(`1,000 hovers, ${what}`, () => onPage(`${page.url}#layer=11&head=${hash}&token=0&held=0`, async (tab) => {
    const session = await tab.context().newCDPSession(tab);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    await tab.locator('#overview[data-layers="12"]').waitFor();
    const box = await placeOf(tab, 1, grid), end = await placeOf(tab, 196, grid);
    const move = async (i) => {
      await tab.mouse.move(box.x + (i * 37 % 101) / 100 * (end.x - box.x), box.y + (i * 53 % 97) / 96 * (end.y - box.y));
      await tab.evaluate(() => new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); }));
    };
    const measured = async (count, act) => {
      const all = [], script = [];
      let last = await times(session);
      for (let i = 0; i < count; ++i) {
        await act(i);
        const now = await times(session);
        all.push(now.all - last.all);
        script.push(now.script - last.script);
        last = now;
      }
      return { all: percentile(all, 0.95), script: percentile(script, 0.95) };
    };
    const idle = await measured(100, async (i) => {  // what measuring itself costs
      await tab.mouse.move(3 + i % 5, 300 + i);
      await tab.evaluate(() => new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); }));
    });
    for (let i = 0; i < 100; ++i) await move(i);
    await settled(tab);
    const before = await heap(session), hover = await measured(1000, move);
    const grown = await heap(session) - before;
    console.log(`hover, ${what}: p95 of script and layout ${hover.script.toFixed(1)} ms, of all of the thread `
      + `${hover.all.toFixed(1)} ms, ${idle.all.toFixed(1)} ms of it the measuring; heap ${before.toFixed(1)} MB, `
      + `grown by ${grown.toFixed(2)} MB`);
    assert.ok(grown < 3, `the heap grew by ${grown} MB`);
  }));
}
