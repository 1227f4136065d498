import assert from 'node:assert/strict';
import { digestOf } from '../../src/content/digest.js';
import type { Content } from '../support/images.js';
import type { AskOptions, Reply } from '../support/registry-server.js';
import { PUSHES, pushInPost, REPOSITORY, type Registry } from './blob-pushes.js';
import { type Algorithm, KINDS, type Kind, octets } from './registry-content.js';

/**
 * Does what the conformance suite of the distribution-spec's development version does with all of its options on: every
 * kind of content is pushed, found and deleted, with either digest algorithm.
 */
export function describeRegistry(what: string, open: () => Promise<Registry>): void {
  describe(`a registry over ${what}`, () => {
    let registry: Registry;
    before(async () => {
      registry = await open();
    });
    after(() => registry.close());

    const ask = (path: string, options?: AskOptions) => registry.ask(`${REPOSITORY}${path}`, options);
    const head = (path: string) => ask(path, { method: 'HEAD' });
    const pathOf = ({ descriptor: { digest } }: Content, endpoint: 'blobs' | 'manifests') =>
      `/${endpoint}/${digest}`;

    it('has an empty list of referrers before anything is pushed', async () => {
      const reply = await ask(`/referrers/${digestOf(Buffer.from('nothing'))}`);
      assert.equal(reply.status, 200);
      assert.equal(reply.headers['content-type'], 'application/vnd.oci.image.index.v1+json');
      const { schemaVersion, mediaType, manifests } = JSON.parse(reply.body.toString());
      assert.deepEqual(
        [schemaVersion, mediaType, manifests],
        [2, 'application/vnd.oci.image.index.v1+json', []],
      );
    });

    for (const algorithm of ['sha256', 'sha512'] as const) {
      for (const [way, push] of Object.entries(PUSHES)) {
        it(`takes a blob of a ${algorithm} digest ${way}, gives parts of it, and removes it`, async () => {
          const blob = octets(`${algorithm} ${way}`, 2048, algorithm);
          assertCreated(await push(registry, blob), blob, 'blobs');
          await assertServed(pathOf(blob, 'blobs'), blob, false);
          await assertRanges(blob);
          await assertRemoved(pathOf(blob, 'blobs'));
        });

        it(`refuses other bytes than those of a ${algorithm} digest ${way}`, async () => {
          const blob = octets(`${algorithm} ${way}, damaged`, 2048, algorithm);
          const bytes = Buffer.concat([blob.bytes, Buffer.from('oh no')]);
          assert.equal((await push(registry, { ...blob, bytes })).status, 400);
          assert.equal((await head(pathOf(blob, 'blobs'))).status, 404);
        });
      }

      for (const text of ['', '{}']) {
        it(`takes the blob "${text}" of a ${algorithm} digest in every way`, async () => {
          const blob = octets(text, undefined, algorithm);
          for (const push of Object.values(PUSHES)) {
            assertCreated(await push(registry, blob), blob, 'blobs');
            await assertServed(pathOf(blob, 'blobs'), blob, false);
            await assertRemoved(pathOf(blob, 'blobs'));
          }
        });
      }

      for (const [name, make] of Object.entries(KINDS)) {
        it(`takes ${name} of ${algorithm} digests, lists it, gives it and removes it`, () =>
          comesAndGoes(make(algorithm), algorithm));
      }
    }

    async function comesAndGoes(kind: Kind, algorithm: Algorithm): Promise<void> {
      const pushes = Object.values(PUSHES);
      for (const [position, blob] of kind.blobs.entries()) {
        const push = pushes[position % pushes.length] ?? pushInPost;
        assertCreated(await push(registry, blob), blob, 'blobs');
      }
      const tags: string[] = [];
      for (const [position, manifest] of kind.manifests.entries()) {
        const own = [`${algorithm}-${position}`, `${algorithm}-${position}-too`];
        const reply = await putManifest(manifest, `${manifest.descriptor.digest}?tag=${own.join('&tag=')}`);
        assertCreated(reply, manifest, 'manifests');
        assert.deepEqual(reply.headers['oci-tag'], own.join(', '));
        assertSubject(reply, manifest);
        tags.push(...own);
      }
      if (algorithm === 'sha256') {
        // A push by tag alone uses sha256, because the request names no other algorithm.
        for (const [position, manifest] of kind.manifests.entries()) {
          const reply = await putManifest(manifest, `${algorithm}-${position}`);
          assertCreated(reply, manifest, 'manifests');
          assertSubject(reply, manifest);
        }
      }

      await assertTags(tags);
      for (const [position, manifest] of kind.manifests.entries()) {
        await assertServed(pathOf(manifest, 'manifests'), manifest, true);
        for (const tag of tags.slice(2 * position, 2 * position + 2))
          await assertServed(`/manifests/${tag}`, manifest, true);
      }
      for (const blob of kind.blobs) await assertServed(pathOf(blob, 'blobs'), blob, false);
      for (const [subject, entries] of Object.entries(kind.referrers))
        await assertReferrers(subject, entries);

      for (const tag of tags) await assertRemoved(`/manifests/${tag}`);
      for (const manifest of kind.manifests.toReversed()) await assertRemoved(pathOf(manifest, 'manifests'));
      for (const blob of kind.blobs) await assertRemoved(pathOf(blob, 'blobs'));
      for (const subject of Object.keys(kind.referrers)) await assertReferrers(subject, []);
    }

    /** As Go sends a body of unknown length. */
    const putManifest = ({ bytes, descriptor }: Content, reference: string) =>
      ask(`/manifests/${reference}`, {
        method: 'PUT',
        headers: { 'Content-Type': descriptor.mediaType, 'Transfer-Encoding': 'chunked' },
        body: bytes,
      });

    function assertCreated(reply: Reply, content: Content, endpoint: 'blobs' | 'manifests'): void {
      assert.equal(reply.status, 201, reply.body.toString());
      assert.equal(reply.headers['docker-content-digest'], content.descriptor.digest);
      assert.equal(reply.headers.location, `${REPOSITORY}${pathOf(content, endpoint)}`);
    }

    function assertSubject({ headers }: Reply, { bytes }: Content): void {
      assert.equal(headers['oci-subject'], JSON.parse(bytes.toString()).subject?.digest);
    }

    async function assertServed(
      path: string,
      { descriptor, bytes }: Content,
      isManifest: boolean,
    ): Promise<void> {
      const headers = {
        Accept: 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json',
      };
      for (const method of ['HEAD', 'GET']) {
        const reply = await ask(path, { method, headers });
        assert.equal(reply.status, 200, `${method} ${path}`);
        assert.equal(reply.headers['docker-content-digest'], descriptor.digest);
        assert.equal(reply.headers['content-length'], String(bytes.length));
        if (isManifest) assert.equal(reply.headers['content-type'], descriptor.mediaType);
        assert.ok(reply.body.equals(method === 'GET' ? bytes : Buffer.alloc(0)));
      }
    }

    async function assertRanges(blob: Content): Promise<void> {
      const { length } = blob.bytes;
      const ranges: [range: string, start: number, end: number][] = [
        ['500-1499', 500, 1500],
        ['500-', 500, length],
        ['-500', length - 500, length],
        ['2000-5000', 2000, length],
      ];
      for (const [range, start, end] of ranges) {
        const reply = await ask(pathOf(blob, 'blobs'), { headers: { Range: `bytes=${range}` } });
        assert.equal(reply.status, 206, range);
        assert.equal(reply.headers['content-range'], `bytes ${start}-${end - 1}/${length}`);
        assert.equal(reply.headers['content-length'], String(end - start));
        assert.ok(reply.body.equals(blob.bytes.subarray(start, end)));
      }
      for (const range of ['500-0', '5000-10000']) {
        const reply = await ask(pathOf(blob, 'blobs'), { headers: { Range: `bytes=${range}` } });
        assert.equal(reply.status, 416, range);
      }
    }

    async function assertTags(expected: string[]): Promise<void> {
      const list = async (query = '') => {
        const reply = await ask(`/tags/list${query}`);
        return (JSON.parse(reply.body.toString()) as { tags: string[] }).tags;
      };
      const sorted = expected.toSorted();
      assert.deepEqual(await list(), sorted);
      const middle = sorted.length / 2;
      assert.deepEqual(await list(`?last=${sorted[middle - 1]}`), sorted.slice(middle));
      assert.deepEqual(await list(`?n=${middle}`), sorted.slice(0, middle));
    }

    async function assertReferrers(subject: string, expected: readonly Entry[]): Promise<void> {
      const list = async (query = ''): Promise<{ filters: unknown; entries: Entry[] }> => {
        const reply = await ask(`/referrers/${subject}${query}`);
        assert.equal(reply.status, 200);
        assert.equal(reply.headers['content-type'], 'application/vnd.oci.image.index.v1+json');
        const { manifests } = JSON.parse(reply.body.toString()) as { manifests: Entry[] };
        return { filters: reply.headers['oci-filters-applied'], entries: manifests };
      };
      assertSame((await list()).entries, expected);
      for (const type of new Set(expected.map(({ artifactType }) => artifactType))) {
        if (type === undefined) continue;
        const { filters, entries } = await list(`?artifactType=${encodeURIComponent(type)}`);
        assert.equal(filters, 'artifactType');
        assertSame(
          entries,
          expected.filter(({ artifactType }) => artifactType === type),
        );
      }
    }

    async function assertRemoved(path: string): Promise<void> {
      const reply = await ask(path, { method: 'DELETE' });
      assert.equal(reply.status, 202, `${path}: ${reply.body}`);
      assert.equal((await head(path)).status, 404, path);
    }
  });
}

type Entry = Content['descriptor'];

/** Compares entries in any order. */
function assertSame(actual: readonly Entry[], expected: readonly Entry[]): void {
  const sorted = (entries: readonly Entry[]) =>
    entries.toSorted((one, other) => (one.digest < other.digest ? -1 : 1));
  assert.deepEqual(sorted(actual), sorted(expected));
}
