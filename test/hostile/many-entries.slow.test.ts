import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { list } from '../../src/operations/list.js';
import { load } from '../../src/operations/load.js';
import { verify } from '../../src/operations/verify/verify.js';
import { goodImage, layoutOf, named, tarOfParts } from '../support/hostile/image.js';
import { processorTimeMs } from '../support/processor-time.js';
import { useFolder } from '../support/temporary.js';

describe('an index.json of a hundred thousand entries', () => {
  const ENTRIES = 100_000;
  const path = useFolder('the suite');
  const { layer, config, manifest } = goodImage();
  const nameOf = (place: number): string => `reg.test/team/app:${place}`;
  const last = nameOf(ENTRIES - 1);
  before(async () => {
    const entries = Array.from({ length: ENTRIES }, (_, place) => named(manifest.descriptor, nameOf(place)));
    await mkdir(path('in'));
    await writeFile(path('in/many.tar'), tarOfParts(layoutOf(entries, [layer, config, manifest])));
  });

  it('is verified, listed and read from in time that grows with it', async () => {
    const start = processorTimeMs();
    const archive = path('in/many.tar');
    assert.equal((await verify(archive)).ok, true);
    const listed = await list(archive);
    assert.equal(listed.kind === 'images' && listed.images.length, ENTRIES);
    assert.equal((await inspect(archive, { reference: last })).images[0]?.name, last);
    const dryRun = { destination: '127.0.0.1:1', dryRun: true };
    const loaded = await load({ input: archive, images: [last], ...dryRun });
    assert.deepEqual(
      loaded.images.map(({ name }) => name),
      [last],
    );
    const time = processorTimeMs() - start;
    assert.ok(time < 20_000, `${Math.round(time)} ms`);
  }).timeout(60_000); // others use the processor, too

  it('does not take a hundred times as long to load for ten times as many names', async () => {
    const times: number[] = [];
    for (const count of [300, 3000]) {
      const entries = Array.from({ length: count }, (_, place) => named(manifest.descriptor, nameOf(place)));
      await writeFile(path('in/some.tar'), tarOfParts(layoutOf(entries, [layer, config, manifest])));
      const start = processorTimeMs();
      await load({ input: path('in/some.tar'), destination: '127.0.0.1:1', dryRun: true });
      times.push(processorTimeMs() - start);
    }
    const [few = 0, many = 0] = times;
    assert.ok(many < 40 * few + 1000, `${Math.round(few)} ms for 300, ${Math.round(many)} ms for 3000`);
  });
});
