// SPDX-License-Identifier: MIT
// Sizes, themes, and who cannot see or point. The screenshots are to be looked at.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';
import * as inputs from './inputs.mjs';
import { onPage, settled } from './browser.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const page = `file://${process.cwd()}/pages/oblong.html`, words = `file://${process.cwd()}/pages/words.html`;
const compared = `file://${process.cwd()}/pages/compare.html`;

async function findings(tab) {
  await tab.evaluate(axe);
  const { violations } = await tab.evaluate(() => window.axe.run());
  return violations.filter((one) => ['serious', 'critical'].includes(one.impact))
    .map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).slice(0, 3).join(' | ')}`);
}

const views = [['picture', `${page}#layer=2&head=1&token=20`], ['text', `${words}#layer=0&head=0&token=3`],
  ['tensors', `${page}#tensor=%3Ainput.0`], ['compare', `${compared}#layer=0&head=0&token=6`]];

async function looked(tab, name) {
  await settled(tab);
  await tab.screenshot({ path: `screenshots/${name}.png`, fullPage: true });
  const overflow = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `${overflow} pixels too wide`);
  assert.deepEqual(await findings(tab), []);
}

// Two at once: most of it is axe's reckoning, in the page.
test('sizes and themes', { concurrency: 2 }, async (t) => {
  const all = [];
  for (const [name, url] of views) {
    for (const [width, height] of [[1280, 900], [360, 740]]) {
      for (const scheme of ['light', 'dark']) {
        all.push(t.test(`${name}, ${width} wide, ${scheme}`,
          () => onPage(url, (tab) => looked(tab, `${name}-${width}-${scheme}`), { width, height, scheme })));
      }
    }
  }
  await Promise.all(all);
});

test('the theme can be chosen', () => onPage(page, async (tab) => {
  const theme = () => tab.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(await theme(), 'light');
  await tab.locator('#theme').click();
  await tab.locator('#theme').click();
  assert.equal(await theme(), 'dark');
  await tab.locator('#theme').click();
  assert.equal(await tab.locator('#theme').textContent(), 'Theme: system');
}));

test('the keys are told', () => onPage(page, async (tab) => {
  await tab.keyboard.press('?');
  assert.ok(await tab.locator('#keys').isVisible());
  assert.deepEqual(await findings(tab), []);
  await tab.keyboard.press('Escape');
  assert.ok(!await tab.locator('#keys').isVisible());
}));
