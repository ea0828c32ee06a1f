// SPDX-License-Identifier: MIT
// Chromium without a network, and what is read off a page.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const profile = mkdtempSync(join(tmpdir(), 'anycapture-chromium-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.ANYCAPTURE_CHROMIUM,
  headless: true,
  offline: true,
  viewport: { width: 1280, height: 900 },
  acceptDownloads: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
    '--disable-background-networking', '--disable-component-update', '--enable-precise-memory-info',
    '--disable-frame-rate-limit', '--disable-gpu-vsync'],  // a frame comes as soon as it is asked for
});

export async function closeBrowser() {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}

const idle = [];  // tabs whose test passed: the next uses them again

// What a test leaves is gone: what listens, where the pointer is, the document.
async function emptied(page) {
  for (const event of ['console', 'pageerror', 'dialog', 'request']) page.removeAllListeners(event);
  await page.goto('about:blank');
  await page.mouse.move(0, 0);
  return page;
}

// Opens a page, runs `act` on it, and asserts that nothing went wrong meanwhile.
export async function onPage(url, act, { width = 1280, height = 900, scheme = 'light' } = {}) {
  const page = idle.pop() ?? await context.newPage(), problems = [];
  page.on('console', (message) => problems.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => problems.push(`error: ${error.stack}`));
  page.on('dialog', (dialog) => { problems.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) problems.push(`request: ${request.url()}`);
  });
  await page.emulateMedia({ colorScheme: scheme });
  await page.setViewportSize({ width, height });
  await page.goto(url);
  await settled(page);
  try {
    await act(page);
    assert.deepEqual(problems, []);
  } catch (error) {
    await page.close();
    throw error;
  }
  idle.push(await emptied(page));
}

// What was changed is drawn.
export async function settled(page) {
  await page.waitForFunction(() => {
    const text = document.getElementById('readout').textContent;
    return text.length > 3 && !text.includes('unpacking');
  });
  await page.evaluate(() => new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)));
  }));
}

// Without the marks that keep a token from turning what stands around it.
export async function readout(page) {
  return (await page.locator('#readout').textContent()).replace(/[\u2068\u2069]/g, '');
}

function numberOf(text) {
  const value = text.replace('−', '-').replace('∞', 'Infinity');
  return value === '' ? undefined : Number(value);
}

export async function valueRead(page) {
  return numberOf(await page.locator('#readout b').textContent());
}

// A, B and A - B.
export async function valuesRead(page) {
  const text = await page.locator('#readout b').textContent();
  return text.split('   ').map((one) => numberOf(one.replace(/^(A − B|A|B) /, '')));
}

export function near(value, expected, tolerance, what = '') {
  assert.ok(Math.abs(value - expected) <= tolerance, `${what} ${value} is not ${expected} to ${tolerance}`);
}

// Where a patch of the grid is on the screen, or a token in front of them.
export async function placeOf(page, token, grid, source = 0) {
  const canvas = page.locator(`#picture-${source}`), box = await canvas.boundingBox();
  const [left, top, width, height] = (await canvas.getAttribute('data-image')).split(',').map(Number);
  if (token < grid.prefix) return { x: box.x + 8, y: box.y + 8 };
  const place = token - grid.prefix, column = place % grid.cols, row = Math.floor(place / grid.cols);
  return {
    x: box.x + left + (column + 0.5) * width / grid.cols,
    y: box.y + top + (row + 0.5) * height / grid.rows,
  };
}

export async function hover(page, { x, y }) {
  await page.mouse.move(x, y);
  await settled(page);
}

// The colour that is seen at a place of the window.
export async function pixelAt(page, { x, y }) {
  const clip = { x: Math.floor(x), y: Math.floor(y), width: 1, height: 1 };
  const png = await page.screenshot({ clip });
  return page.evaluate(async (source) => {
    const image = new Image(), one = new OffscreenCanvas(1, 1).getContext('2d');
    image.src = source;
    await image.decode();
    one.drawImage(image, 0, 0);
    return Array.from(one.getImageData(0, 0, 1, 1).data);
  }, `data:image/png;base64,${png.toString('base64')}`);
}

// Where those are that can be seen.
export async function boxesOf(page, selector) {
  return page.locator(selector).evaluateAll((all) => all.filter((one) => getComputedStyle(one).visibility === 'visible')
    .map((one) => { const { x, y, width, height } = one.getBoundingClientRect(); return { x, y, width, height }; }));
}

export async function setRange(page, selector, value) {
  await page.locator(selector).evaluate((input, number) => {
    input.value = number;
    input.dispatchEvent(new Event('input', { bubbles: true }));
  }, value);
  await settled(page);
}
