import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { CopyEvent } from '../../src/events.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { list } from '../../src/operations/list.js';
import { load } from '../../src/operations/load.js';
import { serve } from '../../src/operations/serve/serve.js';
import { verify } from '../../src/operations/verify/verify.js';
import { type Files, tarOf } from '../support/docker-archives.js';
import { warningsInto } from '../support/events.js';
import { type Content, contentOf, makeImage, randomBytesFrom } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { serveWritable, type WritableServed } from '../support/writable-server.js';

const IMAGE = 'reg.test/app:1';
const NOTES = 'reg.test/notes:1';
const CACHE = 'reg.test/app:cache';

const notes = contentOf('text/plain', Buffer.from('not a manifest'));
/** Larger than a manifest may be. */
const cache = contentOf('application/vnd.oci.image.layer.v1.tar', randomBytesFrom('cache', 5 * 1024 * 1024));
const nameless = contentOf('application/vnd.example+json', Buffer.from('{"a":1}'));

function archiveOf(entries: [content: Content, name?: string][], contents: readonly Content[]): Buffer {
  const manifests = entries.map(([{ descriptor }, name]) => ({
    ...descriptor,
    ...(name !== undefined && { annotations: { 'org.opencontainers.image.ref.name': name } }),
  }));
  const files: Files = {
    'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
    'index.json': JSON.stringify({ schemaVersion: 2, manifests }),
  };
  for (const { descriptor, bytes } of contents) files[`blobs/${descriptor.digest.replace(':', '/')}`] = bytes;
  return tarOf(files);
}

describe('an index that names what is no manifest', () => {
  const path = useFolder();
  let warnings: string[];
  let server: WritableServed;
  const onEvent = (event: CopyEvent): void => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  beforeEach(async () => {
    warnings = [];
    server = await serveWritable();
    const image = await makeImage({ seed: 'beside blobs', layers: [100] });
    const entries: [Content, string?][] = [
      [image.manifest, IMAGE],
      [notes, NOTES],
      [cache, CACHE],
      [nameless],
    ];
    await writeFile(path('a.tar'), archiveOf(entries, [...image.all, notes, cache, nameless]));
  });
  afterEach(() => server.close());

  const digestOf = ({ descriptor }: Content): string => descriptor.digest;
  const ALL = [IMAGE, NOTES, CACHE, digestOf(nameless)].sort();
  const namesIn = async (location: string): Promise<string[]> => {
    const listed = await list(location);
    assert.ok(listed.kind === 'images');
    return listed.images.map(({ name }) => name).sort();
  };

  it('is shown with its blobs', async () => {
    const listed = await list(path('a.tar'));
    assert.ok(listed.kind === 'images');
    assert.deepEqual(
      listed.images.filter(({ isBlob }) => isBlob).map(({ digest }) => digest),
      [notes, cache, nameless].map(digestOf),
    );
    const { images } = await inspect(path('a.tar'));
    const shown = images.find(({ name }) => name === CACHE);
    assert.deepEqual(shown?.blobs, [cache.descriptor]);
    assert.deepEqual([shown?.size, shown?.platforms], [cache.descriptor.size, []]);
    assert.deepEqual((await verify(path('a.tar'))).findings, []);
  });

  for (const [title, destination] of [
    ['an archive', (at: typeof path) => at('b.tar')],
    ['an OCI archive', (at: typeof path) => `oci-archive:${at('b.tar')}`],
    ['a layout', (at: typeof path) => `oci:${at('layout')}`],
  ] as const) {
    it(`is carried with its blobs into ${title}, and out of it`, async () => {
      const to = destination(path);
      const copied = await copyImages({ source: path('a.tar'), destination: to, onEvent });
      assert.deepEqual(copied.images.map(({ name }) => name).sort(), ALL);
      const location = to.replace(/^oci(-archive)?:/, '');
      assert.deepEqual(await namesIn(location), ALL);
      const { ok, notes: odd } = await verify(location);
      assert.deepEqual([ok, odd], [true, []]);
      await copyImages({ source: location, destination: path('c.tar') });
      assert.deepEqual(await namesIn(path('c.tar')), ALL);
      const converted = await convert({ source: location, output: path('d.tar'), to: 'docker' });
      assert.equal(converted.images.find(({ name }) => name === NOTES)?.to.digest, digestOf(notes));
      assert.deepEqual(await namesIn(path('d.tar')), ALL);
      assert.ok((await verify(path('d.tar'))).ok);
      assert.deepEqual(warnings, []);
    });
  }

  it('keeps its blobs when images are added', async () => {
    const other = await makeImage({ seed: 'added', layers: [10] });
    await writeFile(path('other.tar'), archiveOf([[other.manifest, 'reg.test/other:1']], other.all));
    await copyImages({ source: path('a.tar'), destination: path('b.tar') });
    await copyImages({ source: path('other.tar'), destination: path('b.tar') });
    assert.deepEqual(await namesIn(path('b.tar')), [...ALL, 'reg.test/other:1'].sort());
  });

  for (const [title, write] of [
    ['load', (input: string) => load({ input, destination: server.registry, onEvent })],
    ['copy', (source: string) => copyImages({ source, destination: `docker://${server.registry}`, onEvent })],
    [
      'convert',
      (source: string) =>
        convert({ source, output: `docker://${server.registry}/x/`, to: 'docker', onEvent }),
    ],
    [
      'copy to a docker-archive',
      (source: string) => copyImages({ source, destination: `docker-archive:${path('d.tar')}`, onEvent }),
    ],
    [
      'convert to a docker-archive',
      (source: string) =>
        convert({ source, output: `docker-archive:${path('d.tar')}`, to: 'docker', onEvent }),
    ],
  ] as const) {
    it(`leaves its blobs out where they have no place, and says so: ${title}`, async () => {
      const { images } = await write(path('a.tar'));
      assert.deepEqual(
        images.map(({ name }) => name),
        [IMAGE],
      );
      const told = warnings.filter((message) =>
        /is not an image but a blob \(.+\): a (?:docker-archive has no room for it|registry can tag only manifests); left out$/.test(
          message,
        ),
      );
      assert.equal(told.length, 3, warnings.join('\n'));
      assert.match(told[0] ?? '', /^reg\.test\/notes:1 is not an image but a blob \(text\/plain\)/);
    });
  }

  it('is refused where there is nothing but blobs for a registry', async () => {
    const load1 = load({ input: path('a.tar'), destination: server.registry, images: [NOTES] });
    await assert.rejects(load1, { code: 'UNSUPPORTED', message: /notes:1 is not an image but a blob/ });
  });

  it('is served with its blobs by their digests, without tags', async () => {
    const served = await serve(path('a.tar'), { port: 0, onEvent: warningsInto(warnings) });
    try {
      const get = (rest: string) => fetch(`http://${served.host}:${served.port}/v2/${rest}`);
      assert.equal((await get('app/manifests/1')).status, 200);
      assert.equal((await get('notes/manifests/1')).status, 404);
      assert.deepEqual(await (await get('app/tags/list')).json(), { name: 'app', tags: ['1'] });
      assert.equal(await (await get(`notes/blobs/${digestOf(notes)}`)).text(), 'not a manifest');
      assert.match(
        warnings.join('\n'),
        /notes:1 is not an image but a blob \(text\/plain\): it is served by its digest/,
      );
    } finally {
      await served.close();
    }
  });

  it('is damaged where a blob is not there, or is other content', async () => {
    const image = await makeImage({ seed: 'beside blobs', layers: [100] });
    const entries: [Content, string][] = [
      [image.manifest, IMAGE],
      [notes, NOTES],
    ];
    await writeFile(path('b.tar'), archiveOf(entries, image.all));
    await assert.rejects(copyImages({ source: path('b.tar'), destination: path('c.tar') }), {
      code: 'MISSING_CONTENT',
    });
    const other = { descriptor: notes.descriptor, bytes: Buffer.from('another text. ') };
    await writeFile(path('b.tar'), archiveOf(entries, [...image.all, other]));
    await assert.rejects(copyImages({ source: path('b.tar'), destination: path('c.tar') }), {
      code: 'DIGEST_MISMATCH',
    });
    assert.equal((await verify(path('b.tar'))).findings.length, 1);
  });
});
