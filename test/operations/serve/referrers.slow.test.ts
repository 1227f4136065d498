import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { type Serving, serve } from '../../../src/operations/serve/serve.js';
import { createRegistryClient } from '../../../src/registry/client.js';
import { layoutOf } from '../../server/layout-folder.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { type Content, contentOf, jsonContent, type MadeImage, makeImage } from '../../support/images.js';
import { ask, type Reply } from '../../support/registry-server.js';
import { useFolder } from '../../support/temporary.js';

const KB = 1024;
const MB = 1024 * KB;
const EMPTY = contentOf(MEDIA_TYPE.ociEmpty, Buffer.from('{}'));

/** A signature with these annotations on the manifest. */
function referrer(subject: Descriptor, annotations: Record<string, string>): Content {
  return jsonContent(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType: 'application/vnd.example.signature',
    config: EMPTY.descriptor,
    layers: [EMPTY.descriptor],
    subject,
    annotations,
  });
}

describe('referrers with annotations without measure', () => {
  const path = useFolder('the suite');
  let image: MadeImage;
  let subject: Descriptor;
  let referrers: Content[];
  let serving: Serving | undefined;
  before(async () => {
    image = await makeImage({ seed: 'referrers' });
    subject = image.manifest.descriptor;
    referrers = Array.from({ length: 40 }, (_, index) =>
      referrer(subject, {
        'com.example.first': `${index}`,
        'com.example.bundle': 'x'.repeat(MB),
        'com.example.medium': 'y'.repeat(8 * KB),
        'com.example.last': 'z',
      }),
    );
    const entries = [{ ...subject, annotations: { 'org.opencontainers.image.ref.name': 'localhost/a:1' } }];
    const layout = await layoutOf(path('layout'), {
      contents: [...image.all, EMPTY, ...referrers],
      entries: [...entries, ...referrers.map(({ descriptor }) => descriptor)],
    });
    await layout.close();
  });
  afterEach(async () => {
    await serving?.close();
    serving = undefined;
  });

  const start = async (limits: { maxPageBytes?: number } = {}, writable = false): Promise<number> => {
    serving = await serve(path('layout'), { port: 0, drainMs: 0, limits, writable });
    return serving.port;
  };
  const listOf = ({ body }: Reply) => (JSON.parse(body.toString()) as { manifests: Descriptor[] }).manifests; // the tests compare what they use
  const nextOf = ({ headers }: Reply) => /^<(.*)>; rel="next"$/.exec(String(headers.link))?.[1];

  for (const writable of [false, true]) {
    const kind = writable ? 'a registry that takes pushes' : 'a registry that is read only';
    it(`are listed without those that are too large: ${kind}`, async () => {
      const port = await start({}, writable);
      const reply = await ask(port, `/v2/a/referrers/${subject.digest}`);
      const listed = listOf(reply);
      assert.equal(nextOf(reply), undefined);
      assert.deepEqual(
        listed.map(({ digest }) => digest),
        referrers.map(({ descriptor }) => descriptor.digest).sort(),
      );
      for (const { annotations, artifactType } of listed) {
        assert.deepEqual(Object.keys(annotations ?? {}), [
          'com.example.first',
          'com.example.medium',
          'com.example.last',
        ]);
        assert.equal(artifactType, 'application/vnd.example.signature');
      }
      assert.ok(reply.body.length < 40 * 9 * KB);
    });
  }

  it('take no more memory than what is listed, although each was read', async () => {
    await ask(await start(), `/v2/a/referrers/${subject.digest}`); // whatever is made once
    await serving?.close();
    serving = undefined;
    collectGarbage();
    const before = process.memoryUsage();
    const port = await start();
    for (let asked = 0; asked < 3; asked++) await ask(port, `/v2/a/referrers/${subject.digest}`);
    // What the last connection holds goes a little later.
    let grown = Infinity;
    for (let looked = 0; grown >= 10 * MB && looked < 40; looked++) {
      await delay(50);
      collectGarbage();
      const after = process.memoryUsage();
      grown = after.heapUsed + after.external - before.heapUsed - before.external;
    }
    assert.ok(grown < 10 * MB, `${Math.round(grown / MB)} MiB of ${referrers.length}`);
  });

  it('come page by page, each within its bytes, and the client of lading follows', async () => {
    const port = await start({ maxPageBytes: 100 * KB });
    const pages: Descriptor[][] = [];
    for (let next: string | undefined = `/v2/a/referrers/${subject.digest}`; next !== undefined; ) {
      const reply: Reply = await ask(port, next);
      assert.ok(reply.body.length < 101 * KB, `${reply.body.length}`);
      pages.push(listOf(reply));
      next = nextOf(reply);
    }
    assert.ok(pages.length > 2, `${pages.length} pages`);
    const digests = pages.flat().map(({ digest }) => digest);
    assert.deepEqual(digests, referrers.map(({ descriptor }) => descriptor.digest).sort());
    const client = createRegistryClient({ environment: {}, plainHTTP: true });
    try {
      const listed = await client.listReferrers(
        { registry: `127.0.0.1:${port}`, repository: 'a' },
        subject.digest,
        { artifactType: 'application/vnd.example.signature' },
      );
      assert.deepEqual(
        listed?.map(({ digest }) => digest),
        digests,
      );
    } finally {
      await client.close();
    }
  });

  it('keep their filter from page to page', async () => {
    const port = await start({ maxPageBytes: 1 });
    const filter = 'artifactType=application%2Fvnd.example.signature';
    const reply = await ask(port, `/v2/a/referrers/${subject.digest}?${filter}`);
    const [first] = listOf(reply);
    assert.equal(listOf(reply).length, 1); // one at least, or nobody would come to the end
    assert.equal(
      nextOf(reply),
      `/v2/a/referrers/${subject.digest}?${filter}&last=${encodeURIComponent(first?.digest ?? '')}`,
    );
    assert.equal(reply.headers['oci-filters-applied'], 'artifactType');
    const none = await ask(port, `/v2/a/referrers/${subject.digest}?artifactType=a%2Fb`);
    assert.deepEqual([listOf(none), nextOf(none)], [[], undefined]);
  });
});
