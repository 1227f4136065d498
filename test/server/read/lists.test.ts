import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import type { Source } from '../../../src/store/store.js';
import {
  type MadeImage,
  makeCosignSignature,
  makeImage,
  makeReferrer,
  pushAll,
} from '../../support/images.js';
import { codesOf, type Reply, type Served, serve } from '../../support/registry-server.js';

const TAGS = ['b', 'a', 'B', '1.10', '1.9', '_x'];
const SORTED = ['1.10', '1.9', 'B', '_x', 'a', 'b'];

describe('the tag list', () => {
  let served: Served;
  before(async () => {
    const store = await taggedStore(TAGS);
    const { descriptor } = (await makeImage({ seed: 1 })).manifest;
    const odd: Source = {
      ...store,
      async *names() {
        for (const name of ['ok', 'docker.io/library/busybox:1', '', 'ok']) yield { name, descriptor };
      },
    };
    const many: Source = {
      ...store,
      async *names() {
        for (let count = 0; count < 1500; count++) yield { name: `t${count}`, descriptor };
      },
    };
    served = await serve({ 'a/b': store, odd, many, empty: createMemoryStore() });
  });
  after(() => served.close());

  it('gives all tags in ASCII order', async () => {
    const reply = await served.ask('/v2/a/b/tags/list');
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['content-type'], 'application/json; charset=utf-8');
    assert.equal(reply.headers.link, undefined);
    assert.deepEqual(json(reply), { name: 'a/b', tags: SORTED });
  });

  it('can be followed page by page', async () => {
    for (const n of [1, 2, 4, 6, 7]) {
      assert.deepEqual(await follow(served, `/v2/a/b/tags/list?n=${n}`), chunked(SORTED, n));
    }
  });

  it('starts after a tag that need not exist', async () => {
    assert.deepEqual(json(await served.ask('/v2/a/b/tags/list?last=C')).tags, ['_x', 'a', 'b']);
    assert.deepEqual(json(await served.ask('/v2/a/b/tags/list?last=zzz&n=1')).tags, []);
    assert.deepEqual(json(await served.ask('/v2/a/b/tags/list?last=%00%FF%2F..')).tags, SORTED);
  });

  it('ends a page where it has the bytes that it may have, also without n', async () => {
    const store = await taggedStore(TAGS);
    const small = await serve({ 'a/b': store }, { limits: { maxPageBytes: 12 } });
    for (const query of ['', '?n=100'])
      assert.deepEqual(await follow(small, `/v2/a/b/tags/list${query}`), [
        ['1.10'],
        ['1.9', 'B'],
        ['_x', 'a'],
        ['b'],
      ]);
    assert.equal(
      (await small.ask('/v2/a/b/tags/list')).headers.link,
      '</v2/a/b/tags/list?last=1.10>; rel="next"',
    );
    await small.close();
  });

  it('gives nothing for n=0, a thousand at most, and refuses what is no number', async () => {
    const none = await served.ask('/v2/a/b/tags/list?n=0');
    assert.deepEqual([json(none).tags, none.headers.link], [[], undefined]);
    const most = await served.ask('/v2/many/tags/list?n=99999999999999999999');
    assert.equal(json(most).tags?.length, 1000);
    assert.match(String(most.headers.link), /^<\/v2\/many\/tags\/list\?last=t\d+&n=1000>; rel="next"$/);
    for (const n of ['-1', 'x', '', '1e3', '0x10']) {
      const reply = await served.ask(`/v2/a/b/tags/list?n=${n}`);
      assert.deepEqual([reply.status, codesOf(reply)], [400, ['PAGINATION_NUMBER_INVALID']]);
    }
  });

  it('leaves out names that are no tags, and names none twice', async () => {
    assert.deepEqual(json(await served.ask('/v2/odd/tags/list')).tags, ['ok']);
  });

  it('is empty for a repository without tags, and an error for one that is not there', async () => {
    assert.deepEqual(json(await served.ask('/v2/empty/tags/list')).tags, []);
    const reply = await served.ask('/v2/none/tags/list');
    assert.deepEqual([reply.status, codesOf(reply)], [404, ['NAME_UNKNOWN']]);
  });
});

describe('the catalog', () => {
  const names = ['z', 'a/b', 'a', 'a-b'];

  it('gives the repositories in ASCII order, page by page', async () => {
    const store = createMemoryStore();
    const served = await serve(Object.fromEntries(names.map((name) => [name, store])));
    try {
      assert.deepEqual(json(await served.ask('/v2/_catalog')), { repositories: ['a', 'a-b', 'a/b', 'z'] });
      assert.deepEqual(await follow(served, '/v2/_catalog?n=3'), [['a', 'a-b', 'a/b'], ['z']]);
      assert.match(String((await served.ask('/v2/_catalog?n=3')).headers.link), /last=a%2Fb&n=3/);
    } finally {
      await served.close();
    }
  });

  it('takes the names as they come, and leaves out what no client could ask for', async () => {
    async function* listRepositories() {
      yield* [...names, 'UPPER', '../x', ''];
    }
    const served = await serve({}, { listRepositories });
    try {
      assert.deepEqual(json(await served.ask('/v2/_catalog')).repositories, ['a', 'a-b', 'a/b', 'z']);
    } finally {
      await served.close();
    }
  });
});

describe('the referrers list', () => {
  let served: Served;
  let image: MadeImage;
  let sbom: MadeImage;
  let signature: MadeImage;
  before(async () => {
    const store = createMemoryStore();
    image = await makeImage({ seed: 1 });
    const subject = image.manifest.descriptor;
    sbom = makeReferrer(subject, { artifactType: 'application/spdx+json', payload: '{}' });
    signature = makeReferrer(subject, { artifactType: 'application/vnd.example.signature', payload: 's' });
    const cosign = makeCosignSignature(subject);
    await pushAll(store, [...image.all, ...sbom.all, ...signature.all, ...cosign.all]);
    await store.tag(cosign.manifest.descriptor, cosign.tag);
    served = await serve({ a: store });
  });
  after(() => served.close());

  const entryOf = ({ manifest }: MadeImage, artifactType: string) => ({
    ...manifest.descriptor,
    artifactType,
  });

  it('is an index of what has the subject, without what cosign attaches by tag', async () => {
    const reply = await served.ask(`/v2/a/referrers/${image.manifest.descriptor.digest}`);
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['content-type'], 'application/vnd.oci.image.index.v1+json');
    assert.equal(reply.headers['oci-filters-applied'], undefined);
    const { schemaVersion, mediaType, manifests } = json(reply);
    assert.deepEqual(
      { schemaVersion, mediaType },
      { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json' },
    );
    const expected = [
      entryOf(sbom, 'application/spdx+json'),
      entryOf(signature, 'application/vnd.example.signature'),
    ];
    assert.deepEqual(
      manifests,
      expected.sort((a, b) => (a.digest < b.digest ? -1 : 1)),
    );
  });

  it('is filtered by artifact type, and says so', async () => {
    const path = `/v2/a/referrers/${image.manifest.descriptor.digest}?artifactType=application%2Fspdx%2Bjson`;
    const reply = await served.ask(path);
    assert.equal(reply.headers['oci-filters-applied'], 'artifactType');
    assert.deepEqual(json(reply).manifests, [entryOf(sbom, 'application/spdx+json')]);
  });

  it('is empty where nothing is attached, though there is no such manifest', async () => {
    for (const digest of [sbom.manifest.descriptor.digest, digestOf(Buffer.from('none'))]) {
      assert.deepEqual(json(await served.ask(`/v2/a/referrers/${digest}`)).manifests, []);
    }
  });

  it('is empty in a repository that nobody knows, where 404 would say that there is no such list', async () => {
    const unknown = await served.ask(`/v2/none/referrers/${image.manifest.descriptor.digest}`);
    assert.deepEqual([unknown.status, json(unknown).manifests], [200, []]);
  });

  it('refuses a malformed digest', async () => {
    const malformed = await served.ask('/v2/a/referrers/sha256:0');
    assert.deepEqual([malformed.status, codesOf(malformed)], [400, ['DIGEST_INVALID']]);
  });
});

async function taggedStore(tags: string[]): Promise<Source> {
  const store = createMemoryStore();
  const image = await makeImage({ seed: 'tagged' });
  await pushAll(store, image.all);
  for (const tag of tags) await store.tag(image.manifest.descriptor, tag);
  return store;
}

interface ListBody {
  name?: string;
  tags?: string[];
  repositories?: string[];
  schemaVersion?: number;
  mediaType?: string;
  manifests?: unknown[];
}

function json({ body }: Reply): ListBody {
  return JSON.parse(body.toString()) as ListBody; // the tests check every member that they use
}

/** Follows the links and returns the pages. */
async function follow(served: Served, first: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let path: string | undefined = first; path !== undefined; ) {
    const reply: Reply = await served.ask(path);
    const { tags, repositories = tags ?? [] } = json(reply);
    pages.push(repositories);
    path = /^<(.*)>; rel="next"$/.exec(String(reply.headers.link))?.[1];
  }
  return pages;
}

function chunked(entries: string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(entries.length / size) }, (_, page) =>
    entries.slice(page * size, (page + 1) * size),
  );
}
