// SPDX-License-Identifier: MIT
// One browser for all, one test after another.
import { after } from 'node:test';
import { closeBrowser } from './browser.mjs';

await import('./picture_test.mjs');
await import('./text_test.mjs');
await import('./tensors_test.mjs');
await import('./links_test.mjs');
await import('./compare_test.mjs');
await import('./hostile_test.mjs');
await import('./looks_test.mjs');
await import('./speed_test.mjs');

after(closeBrowser);
