// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import * as inputs from './inputs.mjs';
import { boxesOf, hover, near, onPage, pixelAt, placeOf, readout, setRange, settled, valueRead } from './browser.mjs';

const grid = { rows: 5, cols: 7, prefix: 2 }, tokens = 37, heads = 3, layers = 4;
const maps = Array.from({ length: layers }, (_, i) => inputs.attention(heads, tokens, tokens, 10 + i));
const tensors = { ':input.0': inputs.pictureTensor() };
maps.forEach((map, i) => { tensors[`blocks.${i}.attn:attn`] = map; });
const file = inputs.writeCapture('oblong', tensors, {
  order: maps.map((_, i) => `blocks.${i}.attn:attn`), grid: [5, 7], prefix: 2,
  image: inputs.pictureMetadata, tokens: ['CLS', 'DIST'],
});
const page = inputs.makePage('oblong', file);
const tolerance = (layer, head, query) => Math.max(...inputs.rowOf(maps[layer], head, query)) / 255 + 5e-5;

test('hovering a patch reads what it gives itself, as the file has it', () => onPage(`${page.url}#layer=1&head=2&token=0&held=0`, async (tab) => {
  for (const token of [0, 2, 8, 20, 36]) {
    await hover(tab, await placeOf(tab, token, grid));
    near(await valueRead(tab), inputs.atIndex(maps[1], 2, token, token), tolerance(1, 2, token), `token ${token}`);
  }
  assert.match(await readout(tab), /layer 1 · head 2 · patch 4,6 \(token 36\) → patch 4,6/);
}));

test('a click holds a patch, and the pointer then reads where it looks', () => onPage(`${page.url}#layer=0&head=1&token=0&held=0`, async (tab) => {
  const at = await placeOf(tab, 20, grid);
  await hover(tab, at);
  await tab.mouse.click(at.x, at.y);
  await hover(tab, await placeOf(tab, 9, grid));
  near(await valueRead(tab), inputs.atIndex(maps[0], 1, 20, 9), tolerance(0, 1, 20));
  await hover(tab, await placeOf(tab, 0, grid));
  near(await valueRead(tab), inputs.atIndex(maps[0], 1, 20, 0), tolerance(0, 1, 20));
  assert.match(await readout(tab), /patch 2,4 \(token 20\) → “CLS” \(0\)/);
}));

test('what is held stays so in another layer and head', () => onPage(`${page.url}#layer=0&head=1&token=20`, async (tab) => {
  await tab.keyboard.press(']');
  await tab.keyboard.press('=');
  await settled(tab);
  await hover(tab, await placeOf(tab, 9, grid));
  near(await valueRead(tab), inputs.atIndex(maps[1], 2, 20, 9), tolerance(1, 2, 20));
  await tab.keyboard.press('Escape');
  await settled(tab);
  near(await valueRead(tab), inputs.atIndex(maps[1], 2, 9, 9), tolerance(1, 2, 9), 'let go');
}));

test('the other direction reads a column', () => onPage(`${page.url}#layer=2&head=0&token=11`, async (tab) => {
  await tab.keyboard.press('d');
  await hover(tab, await placeOf(tab, 30, grid));
  near(await valueRead(tab), inputs.atIndex(maps[2], 0, 30, 11), tolerance(2, 0, 30));
}));

test('mean, max and min of the heads', () => onPage(`${page.url}#layer=3&head=mean&token=15`, async (tab) => {
  const values = [0, 1, 2].map((head) => inputs.atIndex(maps[3], head, 15, 22));
  const most = Math.max(...[0, 1, 2].map((head) => tolerance(3, head, 15)));
  const expected = { m: (values[0] + values[1] + values[2]) / 3, x: Math.max(...values), n: Math.min(...values) };
  for (const [key, value] of Object.entries(expected)) {
    await tab.keyboard.press(key);
    await settled(tab);
    await hover(tab, await placeOf(tab, 22, grid));
    near(await valueRead(tab), value, most, key);
  }
}));

test('rollout is what anycapture rollout computes', async () => {
  for (const [hash, options] of [['', []], ['&fusion=max&discard=0.9&start=1', ['--fusion', 'max', '--discard-ratio', '0.9', '--start-layer', '1']]]) {
    const exact = inputs.makePage('exact', file, '--exact');
    inputs.anycapture('rollout', file, '*.attn:attn', ...options, '-o', 'pages/rollout.safetensors');
    const { rollout } = inputs.readCapture('pages/rollout.safetensors');
    await onPage(`${exact.url}#layer=3&head=rollout&token=12${hash}`, async (tab) => {
      for (const key of [0, 12, 30]) {
        await hover(tab, await placeOf(tab, key, grid));
        near(await valueRead(tab), inputs.atIndex(rollout, 12, key), 2e-4, `rollout ${hash} to ${key}`);
      }
      await tab.keyboard.press('d');
      await hover(tab, await placeOf(tab, 30, grid));
      near(await valueRead(tab), inputs.atIndex(rollout, 30, 12), 2e-4, `rollout ${hash} by`);
    });
  }
});

test('rollout over some of the layers says so', async () => {
  const some = inputs.makePage('some', file, '--layers', '0,2,3'), note = (tab) => tab.locator('#rollout-note').textContent();
  await onPage(`${some.url}#layer=3&head=rollout&token=12`, async (tab) => {
    assert.equal(await note(tab), 'over the 3 layers on this page: 0, 2, 3');
  });
  await onPage(`${page.url}#layer=3&head=rollout&token=12`, async (tab) => assert.equal(await note(tab), ''));
});

test('--exact keeps half precision', async () => {
  const exact = inputs.makePage('exact', file, '--exact');
  await onPage(`${exact.url}#layer=1&head=2&token=20`, async (tab) => {
    for (const key of [3, 21, 36]) {
      const value = inputs.atIndex(maps[1], 2, 20, key);
      await hover(tab, await placeOf(tab, key, grid));
      near(await valueRead(tab), value, value * 2 ** -11 + value * 1e-3 / 2, `key ${key}`);
    }
  });
});

test('a cell has the colour of its value', () => onPage(`${page.url}#layer=1&head=0&token=20`, async (tab) => {
  await setRange(tab, '#opacity', 1);
  const row = inputs.rowOf(maps[1], 0, 20), most = Math.max(...row);
  const strongest = row.indexOf(most);
  const colors = inputs.viridis;  // as published
  for (const token of [strongest, 5, 33]) {
    const [r, g, b] = await pixelAt(tab, await placeOf(tab, token, grid));
    const expected = colors(row[token] / most);
    [r, g, b].forEach((channel, i) => near(channel, expected[i], 6, `token ${token}, channel ${i}`));
  }
}));

test('the top are outlined, each where it lies', () => onPage(`${page.url}#layer=1&head=0&token=20&top=3`, async (tab) => {
  const row = inputs.rowOf(maps[1], 0, 20), order = Array.from(row.keys()).sort((x, y) => row[y] - row[x]).slice(0, 3);
  for (const token of order.filter((one) => one >= grid.prefix)) {
    const { x, y } = await placeOf(tab, token, grid), boxes = await boxesOf(tab, '.mark:not(.moved)');
    assert.ok(boxes.some((box) => Math.abs(box.x + box.width / 2 - x) < 1 && Math.abs(box.y + box.height / 2 - y) < 1), `token ${token}`);
  }
  assert.equal((await boxesOf(tab, '.mark:not(.moved)')).length, 3);
}));

test('keep 10 % of the mass leaves the strongest alone', () => onPage(`${page.url}#layer=1&head=0&token=20`, async (tab) => {
  await setRange(tab, '#opacity', 1);
  const row = inputs.rowOf(maps[1], 0, 20);
  const order = Array.from(row.keys()).sort((a, b) => row[b] - row[a]);
  const weakest = order.filter((token) => token > 1).pop();
  const before = await pixelAt(tab, await placeOf(tab, weakest, grid));
  await setRange(tab, '#keep', 10);
  const after = await pixelAt(tab, await placeOf(tab, weakest, grid));
  assert.notDeepEqual(before, after);
  assert.ok(after[0] === after[1] && after[1] === after[2], `the grey picture shows: ${after}`);
}));

test('the keyboard reaches a patch and any value', () => onPage(`${page.url}#layer=0&head=0&token=20`, async (tab) => {
  await tab.locator('#picture-0').focus();
  await tab.keyboard.press('ArrowRight');
  await tab.keyboard.press('ArrowDown');
  await settled(tab);
  assert.equal(await tab.locator('#token').inputValue(), '28');
  await tab.keyboard.press('Shift+ArrowLeft');
  await settled(tab);
  near(await valueRead(tab), inputs.atIndex(maps[0], 0, 28, 27), tolerance(0, 0, 28));
  await tab.keyboard.press('Shift+ArrowUp');
  await settled(tab);
  near(await valueRead(tab), inputs.atIndex(maps[0], 0, 28, 20), tolerance(0, 0, 28));
}));

test('all of it can be reached by Tab', () => onPage(page.url, async (tab) => {
  const reached = new Set();
  for (let i = 0; i < 40; ++i) {
    await tab.keyboard.press('Tab');
    reached.add(await tab.evaluate(() => document.activeElement.id || document.activeElement.getAttribute('aria-label')));
  }
  for (const id of ['tab-picture', 'save', 'link', 'theme', 'help', 'picture-0', 'scale', 'layer', 'token', 'find', 'to', 'opacity', 'keep', 'top', 'colors', 'grey', 'overview']) {
    assert.ok(reached.has(id), `${id} among ${[...reached].join(' ')}`);
  }
  assert.ok([...reached].some((name) => /^(head|mean)/.test(name)), 'a head');
}));

test('a link restores the view', () => onPage(`${page.url}#layer=2&head=1&token=9&by=1&colors=magma&keep=80`, async (tab) => {
  assert.equal(await tab.locator('#layer').inputValue(), '2');
  assert.equal(await tab.locator('#token').inputValue(), '9');
  assert.equal(await tab.locator('#by').getAttribute('aria-checked'), 'true');
  assert.equal(await tab.locator('#colors').inputValue(), 'magma');
  assert.equal(await tab.locator('#keep').inputValue(), '80');
  assert.match(await tab.locator('#head-name').textContent(), /head 1/);
  await tab.keyboard.press(']');
  await tab.waitForFunction(() => location.hash.includes('layer=3'));
  assert.match(await tab.evaluate(() => location.hash), /layer=3&head=1&token=9&by=1/);
}));

test('a click in the overview chooses layer and head', () => onPage(`${page.url}#layer=0&head=0&token=9`, async (tab) => {
  await tab.locator('#overview').focus();
  await tab.keyboard.press('ArrowDown');
  await tab.keyboard.press('ArrowRight');
  await settled(tab);
  assert.equal(await tab.locator('#layer').inputValue(), '1');
  assert.match(await tab.locator('#head-name').textContent(), /head 1/);
}));

async function saved(tab) {
  const [download] = await Promise.all([tab.waitForEvent('download'), tab.locator('#save').click()]);
  await download.saveAs('screenshots/saved.png');
  return download.suggestedFilename();
}

const savedImage = () => `data:image/png;base64,${readFileSync('screenshots/saved.png', 'base64')}`;

test('Save picture gives a PNG of what is seen', () => onPage(`${page.url}#layer=3&head=0&token=20&opacity=1`, async (tab) => {
  assert.match(await saved(tab), /^oblong-layer-3.*\.png$/);
  const panel = tab.locator('#picture-0'), { height } = await panel.boundingBox();
  const [left, top, wide, tall] = (await panel.getAttribute('data-image')).split(',').map(Number);
  const row = inputs.rowOf(maps[3], 0, 20), most = Math.max(...row), tokensSeen = [row.indexOf(most), 0, 1, 5, 33];
  const kMargin = 16, kBelow = 16 + 34 + 8;
  const places = tokensSeen.map((token) => {
    const place = token - grid.prefix, x = (place % grid.cols + 0.5) * wide / grid.cols, y = (Math.floor(place / grid.cols) + 0.5) * tall / grid.rows;
    return token < grid.prefix ? [kMargin + 4 + 10, top + 10 + token * (left - 14 + 16)] : [kMargin + left + x, top + y];
  });
  const colors = await tab.evaluate(async ([source, all, fromBottom]) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const drawn = new OffscreenCanvas(image.width, image.height).getContext('2d', { willReadFrequently: true });
    drawn.drawImage(image, 0, 0);
    return all.map(([x, y]) => Array.from(drawn.getImageData(x, image.height - fromBottom + y, 1, 1).data));
  }, [savedImage(), places, kBelow + height]);
  tokensSeen.forEach((token, i) => inputs.viridis(row[token] / most)
    .forEach((channel, c) => near(colors[i][c], channel, 6, `token ${token}, channel ${c}`)));
}));

// Words and the patches of a picture: the patches are what is pointed at, the word is chosen.
const patches = { rows: 8, cols: 8, prefix: 0 };
for (const [side, shape] of [['keys', [10, 64]], ['queries', [64, 10]]]) {
  const ofWords = inputs.attention(2, ...shape, 31), by = side === 'queries';
  const crossed = inputs.makePage(`${side}-on-picture`, inputs.writeCapture(`${side}-on-picture`,
    { ':input.0': inputs.pictureTensor(), 'x:attention': ofWords },
    { image: inputs.pictureMetadata }), '--grid', '8x8', '--prefix', '0');
  const cell = (word, patch) => inputs.atIndex(ofWords, 1, ...(by ? [patch, word] : [word, patch]));
  const chosen = (tab) => tab.locator('#token').inputValue();

  test(`${side} on the picture: a patch is read, and does not become the word`, () => onPage(`${crossed.url}#head=1`, async (tab) => {
    assert.equal(await chosen(tab), '0');
    assert.equal(await tab.locator(by ? '#by' : '#to').getAttribute('aria-checked'), 'true');
    assert.ok(await tab.locator(by ? '#to' : '#by').isDisabled());
    for (const word of [0, 4]) {
      await tab.locator('#token').fill(String(word));
      for (const patch of [3, 50]) {
        const at = await placeOf(tab, patch, patches);
        await hover(tab, at);
        near(await valueRead(tab), cell(word, patch), 0.002, `word ${word}, patch ${patch}`);
        await tab.mouse.click(at.x, at.y);
        await settled(tab);
        assert.equal(await chosen(tab), String(word));
        near(await valueRead(tab), cell(word, patch), 0.002, `a click on patch ${patch}`);
      }
    }
  }));

  test(`${side} on the picture: keys choose the word, with Shift the patch, and the link keeps it`, () => onPage(`${crossed.url}#head=1&token=6`, async (tab) => {
    await tab.locator('#picture-0').focus();
    await tab.keyboard.press('ArrowRight');
    await tab.keyboard.press('d');
    await settled(tab);
    assert.equal(await chosen(tab), '7');
    await tab.keyboard.press('Shift+ArrowRight');
    await settled(tab);
    near(await valueRead(tab), cell(7, 8), 0.002);
    await tab.waitForFunction(() => location.hash.includes('token=7'));
    await tab.reload();
    await settled(tab);
    assert.equal(await chosen(tab), '7');
  }));
}

test('tokens without a place stay within the picture, beside it, on every width', async () => {
  const many = inputs.attention(1, 125, 125, 9);
  const file = inputs.writeCapture('registers', { 'a:attention': many }, { grid: [6, 20], prefix: 5, tokens: ['CLS', 'REG0', 'REG1', 'REG2', 'REG3'] });
  const made = inputs.makePage('registers', file);
  for (const width of [360, 1280]) {
    await onPage(`${made.url}#layer=0&head=0&token=20`, async (tab) => {
      const box = await tab.locator('#picture-0').boundingBox();
      const [left] = (await tab.locator('#picture-0').getAttribute('data-image')).split(',').map(Number);
      const cells = await boxesOf(tab, '#picture-0 > div:not(.marks) > .layer');
      assert.equal(cells.length, 5);
      for (const cell of cells) {
        assert.ok(cell.y + cell.height + 15 <= box.y + box.height, `${width}: below, with its name`);
        assert.ok(cell.x + cell.width < box.x + left, `${width}: beside the picture`);
      }
    }, { width, height: 740 });
  }
});

test('the head that is chosen is in sight, however many there are', async () => {
  const file = inputs.writeCapture('heads', { 'a:attention': inputs.attention(64, 17, 17, 3) }, { grid: [4, 4], prefix: 1 });
  await onPage(inputs.makePage('heads', file).url, async (tab) => {
    const [box] = await boxesOf(tab, '#heads'), [chosen] = await boxesOf(tab, '.head[aria-checked="true"]');
    assert.ok(chosen.y >= box.y && chosen.y + chosen.height <= box.y + box.height, JSON.stringify([box, chosen]));
  });
});
