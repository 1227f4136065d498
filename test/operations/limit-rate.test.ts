import assert from 'node:assert/strict';
import { copyImages } from '../../src/operations/copy.js';
import { load } from '../../src/operations/load.js';
import { save } from '../../src/operations/save.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startUploadRegistry, type UploadRegistry } from '../support/upload-registry.js';
import { startRegistry, type TestRegistry } from './registry.js';

describe('a limited rate', () => {
  const path = useFolder();
  const limitRate = 1_000_000;
  let from: TestRegistry;
  let to: UploadRegistry;
  let size: number;
  before(async () => {
    from = await startRegistry();
    const image = await makeImage({ seed: 'a', layers: [200_000, 100_000] });
    size = image.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    await from.put('a:1', image);
  });
  beforeEach(async () => {
    to = await startUploadRegistry();
  });
  afterEach(() => to.close());
  after(() => from.close());

  async function secondsOf(work: Promise<unknown>): Promise<number> {
    const began = performance.now();
    await work;
    return (performance.now() - began) / 1000;
  }

  it('is that of downloads and of uploads', async () => {
    const output = path('a.tar');
    const image = `${from.name}/a:1`;
    assert.ok((await secondsOf(save({ images: [image], output, limitRate }))) > size / limitRate);
    const destination = to.host;
    assert.ok((await secondsOf(load({ input: output, destination, limitRate }))) > size / limitRate);
  });

  it('is shared by both sides of a copy', async () => {
    const copied = copyImages({
      source: `docker://${from.name}/a:1`,
      destination: `docker://${to.host}/a:1`,
      limitRate,
    });
    const least = (2 * size) / limitRate;
    const seconds = await secondsOf(copied);
    assert.ok(seconds > least, `${seconds} s instead of ${least}`);
  });
});
