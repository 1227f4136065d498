import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import type { CopyEvent } from '../../src/events.js';
import { copyImages } from '../../src/operations/copy.js';
import { verify } from '../../src/operations/verify/verify.js';
import { createArchiveStream } from '../../src/store/archive/archive-writer.js';
import { openPath } from '../../src/store/open.js';
import { openTar } from '../../src/tar/read.js';
import { copyGraph } from '../../src/transfer/copy.js';
import { plainLayer } from '../support/docker-archives.js';
import { AWAY, imageOf, type Parts, REFUSED } from '../support/docker-refused.js';
import { type Content, contentOf, jsonContent } from '../support/images.js';
import { writeLayout } from '../support/odd-images.js';
import { planCopy } from '../support/plan.js';
import { useFolder } from '../support/temporary.js';

function schema1Of(seed: string): { manifest: Content; all: Content[] } {
  const layer = contentOf(MEDIA_TYPE.dockerLayerGzip, gzipSync(plainLayer(seed)));
  const v1 = { id: 'a'.repeat(64), created: '2015-01-01T00:00:00Z', os: 'linux', architecture: 'amd64' };
  const manifest = jsonContent(MEDIA_TYPE.dockerSchema1, {
    schemaVersion: 1,
    name: 'odd',
    tag: '1',
    architecture: 'amd64',
    fsLayers: [{ blobSum: layer.descriptor.digest }],
    history: [{ v1Compatibility: JSON.stringify(v1) }],
  });
  return { manifest, all: [manifest, layer] };
}

const A = 'reg.test/a:1';
const ODD = 'reg.test/odd:1';
const Z = 'reg.test/z:1';

describe('what docker load is given', () => {
  const path = useFolder();
  let warnings: string[];
  const onEvent = (event: CopyEvent): void => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  beforeEach(() => {
    warnings = [];
  });

  async function layoutWith(odd: { manifest: Content; all: Content[] }): Promise<string> {
    return writeLayout(path('layout'), { [A]: imageOf('a'), [ODD]: odd, [Z]: imageOf('z') });
  }

  /** The names in manifest.json, in its order. */
  async function listedIn(archive: string): Promise<string[]> {
    const view = await openTar(archive);
    try {
      const items = JSON.parse((await view.read('manifest.json', 1_000_000)).toString());
      return items.flatMap(({ RepoTags }: { RepoTags: string[] | null }) => RepoTags ?? ['none']);
    } finally {
      await view.close();
    }
  }

  const toldOf = (text: RegExp): string[] => warnings.filter((message) => text.test(message));

  for (const [title, parts, reason, alone] of REFUSED) {
    it(`is not what Docker refuses, in a universal archive, which says so: ${title}`, async () => {
      const source = await layoutWith(imageOf('odd', parts));
      const { images } = await copyImages({ source, destination: path('u.tar'), onEvent });
      assert.equal(images.length, 3);
      assert.deepEqual(await listedIn(path('u.tar')), [A, Z]);
      const [told, ...others] = toldOf(/^docker load does not load reg\.test\/odd:1: /);
      assert.match(told ?? '', reason);
      assert.match(told ?? '', /; left out of manifest\.json, which it reads$/);
      assert.deepEqual(others, []);
      const { findings } = await verify(path('u.tar'));
      assert.deepEqual(
        findings.filter(({ message }) => /manifest\.json/.test(message)),
        [],
      );
      await copyImages({ source: `oci-archive:${path('u.tar')}:${ODD}`, destination: path('again.tar') });
    });

    it(`is in a docker-archive without it, or behind all others: ${title}`, async () => {
      const source = await layoutWith(imageOf('odd', parts));
      const { images } = await copyImages({
        source,
        destination: `docker-archive:${path('d.tar')}`,
        onEvent,
      });
      assert.equal(images.length, alone === undefined ? 3 : 2);
      assert.deepEqual(await listedIn(path('d.tar')), alone === undefined ? [A, Z, ODD] : [A, Z]);
      const told = toldOf(alone === undefined ? /^docker load stops at reg\.test\/odd:1: / : /; left out$/);
      assert.equal(told.length, 1);
      assert.match(told[0] ?? '', alone ?? reason);
      assert.match(told[0] ?? '', /reg\.test\/odd:1/);
    });
  }

  for (const [title, parts, told] of [
    [
      'Windows',
      { config: { os: 'windows', 'os.version': '10.0.17763.1' } },
      /^docker load stops at reg\.test\/odd:1: for Windows, which Docker on Linux refuses; what it loads stands before$/,
    ],
    [
      'zstd',
      { layer: { mediaType: MEDIA_TYPE.ociLayerZstd } },
      /^one layer is compressed with zstd, which Docker before 23 does not load/,
    ],
  ] as const) {
    it(`has what some Dockers load at its end: ${title}`, async () => {
      await copyImages({
        source: await layoutWith(imageOf('odd', parts)),
        destination: path('u.tar'),
        onEvent,
      });
      assert.deepEqual(await listedIn(path('u.tar')), [A, Z, ODD]);
      assert.equal(toldOf(told).length, 1);
      assert.equal(warnings.length, 1);
    });
  }

  it('has foreign layers that are there, as any others', async () => {
    await copyImages({
      source: await layoutWith(imageOf('odd', { layer: AWAY })),
      destination: path('u.tar'),
      onEvent,
    });
    assert.deepEqual(await listedIn(path('u.tar')), [A, ODD, Z]);
    assert.deepEqual(warnings, []);
  });

  it('has no schema1, which is said', async () => {
    const source = await layoutWith(schema1Of('odd'));
    await copyImages({ source, destination: path('u.tar'), onEvent });
    assert.deepEqual(await listedIn(path('u.tar')), [A, Z]);
    assert.equal(toldOf(/does not load reg\.test\/odd:1: schema1, which a conversion makes newer/).length, 1);
    await copyImages({ source, destination: `docker-archive:${path('d.tar')}`, onEvent });
    assert.deepEqual(await listedIn(path('d.tar')), [A, Z]);
  });

  it('is not silently the image of another platform, where the one for this is refused', async () => {
    const away = imageOf('odd', { layer: AWAY, isAway: true });
    const arm = imageOf('arm', { config: { architecture: 'arm64' } });
    const manifests = [arm, away].map(({ manifest }, place) => ({
      ...manifest.descriptor,
      platform: { os: 'linux', architecture: ['arm64', 'amd64'][place] },
    }));
    const index = jsonContent(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests,
    });
    const source = await layoutWith({ manifest: index, all: [index, ...arm.all, ...away.all] });
    await copyImages({ source, destination: path('u.tar'), onEvent });
    assert.deepEqual(await listedIn(path('u.tar')), [A, Z]);
    assert.equal(toldOf(/^docker load does not load reg\.test\/odd:1: foreign layers/).length, 1);
  });

  it('is said in one line for images of one reason', async () => {
    const images = Object.fromEntries(
      [1, 2, 3, 4, 5].map((tag) => [
        `reg.test/odd:${tag}`,
        imageOf(`odd ${tag}`, { config: { os: 'freebsd' } }),
      ]),
    );
    const source = await writeLayout(path('layout'), { ...images, [A]: imageOf('a') });
    await copyImages({ source, destination: path('u.tar'), onEvent });
    assert.deepEqual(await listedIn(path('u.tar')), [A]);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? '',
      /reg\.test\/odd:1, reg\.test\/odd:2, reg\.test\/odd:3 and 2 more: for freebsd/,
    );
  });

  it('is the same where the archive goes to a stream, which cannot be read back', async () => {
    const source = await layoutWith(imageOf('odd', { config: { config: { ExposedPorts: [] } } }));
    await copyImages({ source, destination: path('u.tar') });
    const store = await openPath(source);
    const output = createWriteStream(path('s.tar'));
    const requests = [A, ODD, Z].map((name) => ({ source: store, reference: name, name }));
    const archive = createArchiveStream(output, {
      format: 'universal',
      onWarning: (message) => warnings.push(message),
    });
    await copyGraph(await planCopy(requests), archive);
    await archive.close();
    output.end();
    await finished(output);
    await store.close();
    assert.deepEqual(await listedIn(path('s.tar')), await listedIn(path('u.tar')));
    assert.equal(toldOf(/does not load reg\.test\/odd:1/).length, 1);
  });

  it('is refused where a docker-archive has room for none of the images', async () => {
    const source = await writeLayout(path('layout'), {
      [ODD]: imageOf('odd', { layer: AWAY, isAway: true }),
    });
    await assert.rejects(copyImages({ source, destination: `docker-archive:${path('d.tar')}` }), {
      code: 'UNSUPPORTED',
      message: /odd:1 has foreign layers that are not here/,
      hint: /universal/,
    });
  });

  it('is noted by verify: steps without layers, and too many layers', async () => {
    const history = [{ created_by: 'a' }, { created_by: 'b' }];
    const notesOf = async (parts: Parts): Promise<string[]> =>
      (
        await verify(await writeLayout(path(JSON.stringify(parts)), { [ODD]: imageOf('odd', parts) }))
      ).notes.map(({ code, message }) => `${code} ${message}`);
    assert.match((await notesOf({ config: { history } })).join(), /^HISTORY_MISMATCH .*; Docker refuses it$/);
    assert.match(
      (await notesOf({ layers: 126 })).join(),
      /^TOO_MANY_LAYERS .* has 126 layers; Docker refuses more/,
    );
    assert.deepEqual(await notesOf({ layers: 125 }), []);
  });
});
