import assert from 'node:assert/strict';
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDigester, digestOf, parseDigest } from '../../../src/content/digest.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import { openPath } from '../../../src/store/open.js';
import { has, type Source } from '../../../src/store/store.js';
import { fixturePath } from '../../support/fixtures.js';
import { readAll } from '../../support/openers.js';
import { useFolder } from '../../support/temporary.js';

const TINY_1 = 'sha256:e7185f6622a54f85bea7603ab48cd94c51b7d83a9a59f33af015886d5724d255';
const TINY_2 = 'sha256:3f5cc1cbd4017bc66df04f84aa0f0db032deaba4ddd0d32f4702c2b40a710fa7';
const SKOPEO_1 = 'sha256:951dfb674416d07a1fc3273a476025e36477dee096ae1fab3ab6246142f55305';
const SKOPEO_2 = 'sha256:c5a495144ce5d59bc93967dfe4cf1ba9abaf74777c23bc3f4113aecc30becd1e';

/** Archives and layouts of other tools: what they hold, and by which words it is found. */
const READABLE: [path: string, names: string[], found: Record<string, string>][] = [
  [
    'archives/ctr-export-multi.tar',
    ['127.0.0.1:5203/fx/tiny:1', '127.0.0.1:5203/fx/tiny:2'],
    { '127.0.0.1:5203/fx/tiny:1': TINY_1, '2': TINY_2, [TINY_2]: TINY_2 },
  ],
  ['archives/crane-oci-multi.tar', [TINY_1, TINY_2], { [TINY_1]: TINY_1 }],
  [
    'archives/skopeo-oci-archive.tar',
    ['tiny:1'],
    { 'tiny:1': SKOPEO_1, 'library/tiny:1': SKOPEO_1, '1': SKOPEO_1 },
  ],
  ['archives/skopeo-oci-dir-multi.tar', ['tiny:1', 'tiny:2'], { 'tiny:2': SKOPEO_2, '1': SKOPEO_1 }],
  [
    'archives/podman-oci-archive.tar',
    ['127.0.0.1:5203/fx/tiny:1'],
    { '1': 'sha256:7111373b55f6213b39e373823749691157613982c3074db80c54f75ed525f9b5' },
  ],
  ['archives/regctl-export.tar', ['127.0.0.1:5203/fx/tiny:1'], { '1': TINY_1 }],
  ['archives/regctl-ocidir.tar', ['v1'], { v1: TINY_1 }],
  [
    'layouts/synthetic/ok.tar',
    ['v1'],
    { v1: 'sha256:c8f5836eab62e7d62288b693caecbb096eef2ffab21cf74b1f86b111e9d3d68c' },
  ],
  [
    'layouts/synthetic/index-first.tar',
    ['v1'],
    { v1: 'sha256:c8f5836eab62e7d62288b693caecbb096eef2ffab21cf74b1f86b111e9d3d68c' },
  ],
  [
    'layouts/buildkit-oci.tar',
    ['registry.example/built:oci'],
    { oci: 'sha256:b41f6cc8c318a736109e4597efac0f887d946b0e02aa431db2598ac01b38cfe1' },
  ],
  [
    'layouts/dot-slash-index-last.tar',
    ['docker.io/library/dotted:latest'],
    { dotted: 'sha256:d90c935859fece7e8ae3e45e6e76e2a7b26cf15d889796b785b8b60d525b7c40' },
  ],
  [
    'layouts/mislabelled',
    ['1', '2', '3', '4'],
    { '1': 'sha256:0f172cb123184862ed56177957dd56e9b2845671d8e97f232e5d0f26f981d88d' },
  ],
];

describe('the layouts and archives of other tools', () => {
  for (const [path, names, found] of READABLE) {
    it(`are read: ${path}`, async () => {
      const store = await openPath(fixturePath(path));
      try {
        assert.deepEqual((await namesOf(store)).sort(), names.toSorted());
        for (const [reference, digest] of Object.entries(found)) {
          const descriptor = await store.resolve(reference);
          assert.equal(descriptor.digest, digest, reference);
          assert.equal(digestOf(await readAll(store, descriptor)), digest);
        }
        for await (const { digest, region } of store.blobs()) {
          const digester = createDigester();
          digester.update(await readAll(store, { mediaType: '', digest, size: region.size }));
          assert.equal(digester.digest(), digest);
        }
      } finally {
        await store.close();
      }
    });
  }

  it('tell what is attached by the fallback tag, as regclient keeps it', async () => {
    const store = await openPath(fixturePath('layouts/fallback-tag'));
    const digest = parseDigest('sha256:bdfb89b7cf2361fa86e3e6a6e7b48e45229228b9e041b90af58097d80fb62292');
    const found: string[] = [];
    for await (const { descriptor } of store.referrers({ mediaType: '', digest, size: 0 }))
      found.push(descriptor.digest.slice(7, 15));
    assert.deepEqual(found.sort(), ['2b3ec0ab', '8252fccb']);
    await store.close();
  });

  it('are refused in a version that lading does not know', async () => {
    await assert.rejects(openPath(fixturePath('layouts/synthetic/layout-version-2.tar')), {
      code: 'INVALID_LAYOUT',
      message: /layout-version-2\.tar: oci-layout/,
    });
  });

  it('give a manifest of the wrong size to nobody', async () => {
    const store = await openPath(fixturePath('layouts/synthetic/wrong-size.tar'));
    const descriptor = await store.resolve('v1');
    assert.equal(await has(store, descriptor), false);
    await store.close();
  });
});

describe('a layout directory that is read', () => {
  const path = useFolder();
  beforeEach(async () => {
    await mkdir(path('layout/blobs/sha256'), { recursive: true });
    await writeFile(path('layout/oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(path('layout/index.json'), '{"schemaVersion":2,"manifests":[]}');
  });

  it('needs an index', async () => {
    await rm(path('layout/index.json'));
    await assert.rejects(openPath(path('layout')), { code: 'INVALID_LAYOUT', message: /no index\.json/ });
  });

  it('is refused where its documents are damaged', async () => {
    for (const [file, bytes] of [
      [
        'index.json',
        '{"schemaVersion":2,"manifests":[{"digest":"../../etc/passwd","size":1,"mediaType":"a/b"}]}',
      ],
      ['index.json', '{"schemaVersion":2,"manifests":'],
      ['oci-layout', '[]'],
    ] as const) {
      await cp(path('layout'), path('damaged'), { recursive: true });
      await writeFile(path(`damaged/${file}`), bytes);
      await assert.rejects(openPath(path('damaged')), { code: 'INVALID_LAYOUT' });
      await rm(path('damaged'), { recursive: true });
    }
  });

  it('does not follow a blob that is a link out of it', async () => {
    await writeFile(path('secret'), 'secret');
    const digest = digestOf(Buffer.from('secret'));
    await symlink(path('secret'), join(path('layout'), blobPath(digest)));
    const store = await openPath(path('layout'));
    await assert.rejects(async () => readAll(store, { mediaType: '', digest, size: 6 }), {
      code: 'INVALID_LAYOUT',
    });
    await store.close();
  });

  it('may have null for its images, as Docker 25.0.0 writes it', async () => {
    await writeFile(path('layout/index.json'), '{"schemaVersion":2,"manifests":null}');
    const store = await openPath(path('layout'));
    assert.deepEqual(await namesOf(store), []);
    await store.close();
  });

  it('says what is missing at a path', async () => {
    await assert.rejects(openPath(path('nothing')), { code: 'NOT_FOUND', message: /nothing does not exist/ });
  });
});

async function namesOf(store: Source): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.names()) names.push(name);
  return names;
}
