import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { copyImages } from '../../src/index.js';
import type { Store } from '../../src/store/store.js';
import { describeStore } from '../store/contract.js';
import { AS_A_PLACE } from '../store/contract-writing.js';
import { makeImage } from '../support/images.js';
import { writeLayout } from '../support/odd-images.js';
import { useFolder } from '../support/temporary.js';

const EXAMPLE = new URL('../../docs/own-store.mjs', import.meta.url);

describe('docs/own-store.mjs', () => {
  const path = useFolder('the suite');
  let count = 0;

  describeStore({
    store: 'the store of the example',
    of: ['docs/own-store.mjs'],
    holds: 'everything',
    writing: AS_A_PLACE,
    async open() {
      const { openFolder } = (await import(EXAMPLE.href)) as { openFolder(folder: string): Promise<Store> };
      const folder = path(`folder-${count++}`);
      return { store: await openFolder(folder), reopen: () => openFolder(folder) };
    },
  });

  it('takes the images of an archive, and gives them to another one, byte for byte', async () => {
    await writeLayout(path('layout'), { 'registry.example/app:1': await makeImage({ seed: 'own store' }) });
    await copyImages({ source: path('layout'), destination: path('first.tar') });
    const copied = ['folder', 'second.tar'].map((name) => path(name));
    await promisify(execFile)(process.execPath, [fileURLToPath(EXAMPLE), path('first.tar'), ...copied]);
    assert.deepEqual(await readFile(path('second.tar')), await readFile(path('first.tar')));
  });
});
