import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConvertOptions } from '../../../src/operations/convert/options.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { diffIDsIn } from '../../support/docker-archives.js';
import { type MadeImage, makeImage } from '../../support/images.js';
import { running, useThreads } from '../../support/threads.js';
import { NAME, useConversions } from './conversions.js';

describe('convert, of compressions', () => {
  const { path, originals, writeLayout, run } = useConversions();

  it('takes layers of another compression to every format, with the same diffIDs', async () => {
    const source = await writeLayout('in', { [NAME]: originals.amd64 });
    const wanted = await diffIDsIn(source, NAME);
    for (const compression of ['none', 'gzip'] as const) {
      const output = `${path(compression)}/`;
      await run(compression === 'none' ? source : path('none'), 'docker', { output, compression });
      assert.deepEqual(await diffIDsIn(path(compression), NAME), wanted);
      const { findings, checked } = await verify(path(compression));
      assert.deepEqual([findings, checked.diffIDs], [[], 2]);
    }
  });

  describe('compresses all layers with one set of threads', () => {
    const threads = useThreads();
    let two: MadeImage;
    before(async () => {
      two = await makeImage({ seed: 'large', layers: [1_500_000, 1_600_000] });
    });
    const writePlain = async (image: MadeImage): Promise<string> => {
      const output = `${path('plain')}/`;
      await run(await writeLayout('in', { [NAME]: image }), 'oci', { output, compression: 'none' });
      return output;
    };
    const compress = (source: string, options: Partial<ConvertOptions> = {}) =>
      run(source, 'docker', { compression: 'gzip', ...options });

    it('whatever their number, which have ended when it is done', async () => {
      await compress(await writePlain(await makeImage({ seed: 'large', layers: [1_500_000] })));
      const forOne = threads().length;
      assert.ok(forOne > 0);
      await compress(await writePlain(two), { output: path('two.tar') });
      assert.equal(threads().length, 2 * forOne);
      assert.equal(running(threads()), 0);
    });

    it('which have ended when a layer turns out to be damaged', async () => {
      const source = await writePlain(two);
      const last = (await diffIDsIn(source, NAME)).at(-1) ?? assert.fail('the image has layers');
      const blob = join(source, 'blobs', last.replace(':', '/'));
      const bytes = await readFile(blob);
      bytes.write('damaged', bytes.length - 100_000);
      await writeFile(blob, bytes);
      await assert.rejects(compress(source), { code: 'DIGEST_MISMATCH' });
      assert.ok(threads().length > 0);
      assert.equal(running(threads()), 0);
    });

    it('which have ended when it is interrupted', async () => {
      const source = await writePlain(two);
      const controller = new AbortController();
      const stop = (): void => controller.abort(new Error('stop'));
      process.once('worker', stop);
      try {
        await assert.rejects(compress(source, { signal: controller.signal }));
      } finally {
        process.off('worker', stop);
      }
      assert.ok(threads().length > 0);
      assert.equal(running(threads()), 0);
    });
  });
});
