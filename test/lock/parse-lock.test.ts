import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Digest } from '../../src/content/digest.js';
import { isLadingError } from '../../src/errors.js';
import { formatImgpkgLock } from '../../src/lock/images-lock.js';
import { formatLock, type Lock, type LockedImage } from '../../src/lock/lock.js';
import { parseLock } from '../../src/lock/parse-lock.js';

const digest = (fill: string): Digest => `sha256:${fill.repeat(64)}`;

function image(name: string, more: Partial<LockedImage> = {}): LockedImage {
  return {
    name,
    digest: digest('a'),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    size: 1234,
    platforms: ['linux/amd64', 'linux/arm64/v8'],
    by: 'name',
    attachments: [],
    origins: [],
    ...more,
  };
}

function lockOf(images: LockedImage[], more: Partial<Lock> = {}): Lock {
  return { selection: { referrers: true, includeForeign: false }, images, patterns: [], ...more };
}

const parse = (text: string | object, where = 'images.lock.json'): Promise<Lock> =>
  parseLock(Buffer.from(typeof text === 'string' ? text : JSON.stringify(text)), where);

describe('a lock', () => {
  const attachment = {
    digest: digest('c'),
    mediaType: 'application/x',
    size: 7,
    subject: digest('a'),
    tag: 'a.sig',
  };
  const origin = {
    file: 'deploy/app.yaml',
    line: 3,
    path: 'spec.containers[0].image',
    grade: 'certain',
  } as const;
  const whole = lockOf(
    [
      image('docker.io/library/b:1', { attachments: [attachment], origins: [origin] }),
      image(`docker.io/library/a@${digest('b')}`, { digest: digest('b'), by: 'digest' }),
    ],
    {
      selection: { platforms: ['linux/amd64'], index: 'sparse', referrers: false, includeForeign: true },
      patterns: [{ text: 'b:{newest 1}', repository: 'docker.io/library/b', resolved: ['1'] }],
    },
  );

  it('is read as it was written, and written again with the same bytes', async () => {
    const bytes = formatLock(whole);
    const read = await parseLock(bytes, 'x.json');
    assert.deepEqual(formatLock(read), bytes);
    assert.deepEqual(read.images[1], whole.images[0]);
    assert.deepEqual(read.selection, whole.selection);
    assert.deepEqual(read.patterns, whole.patterns);
    assert.equal(read.location, 'x.json');
  });

  it('has its members and images in the order of their names, whatever their order was', () => {
    const sorted = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(sorted)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .map(([k, v]) => [k, sorted(v)]),
            )
          : value;
    const text = formatLock(whole).toString();
    assert.equal(text, `${JSON.stringify(sorted(JSON.parse(text)), undefined, 2)}\n`);
    const reversed = { ...whole, images: [...whole.images].reverse() };
    assert.equal(formatLock(reversed).toString(), text);
  });

  it('keeps two digests of one name in their order', async () => {
    const two = lockOf([image('reg.test/a:1', { digest: digest('f') }), image('reg.test/a:1')]);
    const read = await parseLock(formatLock(two), 'x');
    assert.deepEqual(
      read.images.map((one) => one.digest),
      [digest('f'), digest('a')],
    );
  });

  it('keeps no password of a URL in an origin', () => {
    const file = 'https://user:hunter2@git.test/app.yaml?token=hunter2';
    const text = formatLock(lockOf([image('reg.test/a:1', { origins: [{ ...origin, file }] })])).toString();
    assert(text.includes('git.test/app.yaml') && !text.includes('hunter2'), text);
  });

  const changed = (change: (document: Record<string, never> & { images: object[] }) => void): string => {
    const document = JSON.parse(formatLock(whole).toString());
    change(document);
    return JSON.stringify(document);
  };
  const withImage = (more: object): string =>
    changed(({ images }) => {
      images[1] = { ...images[1], ...more };
    });
  const REFUSED: [what: string, text: string, message: RegExp][] = [
    [
      'a digest that nobody computes',
      withImage({ digest: 'md5:0' }),
      /\/images\/1\/digest, expected a digest.*md5/,
    ],
    ['a digest in capitals', withImage({ digest: digest('A') }), /\/images\/1\/digest/],
    [
      'a member that it does not know',
      withImage({ extra: 1 }),
      /at \/images\/1, the member "extra" is not defined/,
    ],
    ['a size below zero', withImage({ size: -1 }), /\/images\/1\/size/],
    ['a name with a space', withImage({ name: 'a b' }), /\/images\/1\/name/],
    [
      'a name without a host',
      withImage({ name: 'b:1' }),
      /image 2 is not a valid lock: b:1 is not written in full/,
    ],
    ['a name with neither tag nor digest', withImage({ name: 'reg.test/b' }), /neither a tag nor a digest/],
    [
      'a name of another digest',
      withImage({ name: `reg.test/b@${digest('e')}` }),
      /is said to have the digest/,
    ],
    [
      'a URL for a name',
      withImage({ name: 'https://u:hunter2@reg.test/b:1' }),
      /image 2: its name is not a valid name/,
    ],
    [
      'an image that is there twice',
      changed(({ images }) => images.push({ ...images[1] })),
      /image 3 .*is there twice/,
    ],
    [
      'no images',
      changed((document) => document.images.splice(0)),
      /at \/images, expected a list of 1 to 100000 images/,
    ],
    [
      'an index of another kind',
      changed((d) => Object.assign(d, { selection: { index: 'x' } })),
      /selection/,
    ],
    [
      'a newer version',
      changed((d) => Object.assign(d, { mediaType: 'application/vnd.lading.lock.v2+json' })),
      /it is application\/vnd\.lading\.lock\.v2/,
    ],
    ['another document', '{"schemaVersion":2,"mediaType":"application/x"}', /it is application\/x/],
    ['a list of names', 'alpine\nbusybox:1\n', /neither a lock of lading nor an ImagesLock/],
    ['text that ends early', '{"images": [', /images\.lock\.json/],
    ['members twice', '{"images":[],"images":[]}', /images/],
    ['binary', '\u0000\u0001', /images\.lock\.json/],
    ['nothing', '', /neither a lock of lading/],
    ['escapes of a terminal', withImage({ mediaType: '\u001b[2J' }), /\\x1b\[2J/],
    ['aliases', 'kind: ImagesLock\na: &a [1]\nb: [*a, *a]\n', /neither JSON nor YAML/],
    ['a YAML bomb', `a: &a [x]\nb: &b [${'*a,'.repeat(999)}]\n`, /neither JSON nor YAML/],
    ['brackets without end', '['.repeat(100_000), /images\.lock\.json/],
    ['YAML that nests without end', `a: ${'['.repeat(100_000)}`, /nests too deep/],
    ['YAML lists in lists', `a: ${'- '.repeat(100_000)}`, /nests too deep/],
  ];
  for (const [what, text, message] of REFUSED)
    it(`is refused with ${what}, in a line with its name`, async () => {
      await assert.rejects(parse(text), (error) => {
        assert(isLadingError(error, 'INVALID_LOCK'), String(error));
        assert.match(error.message, message);
        assert.match(error.message, /^images\.lock\.json/);
        assert(!/\p{Cc}/u.test(error.message) && !error.message.includes('hunter2'), error.message);
        assert(error.message.length < 700, error.message);
        return true;
      });
    });

  it('of 10,000 images takes less than 8 MiB and is read in a moment', async function () {
    this.timeout(10_000);
    const images = Array.from({ length: 10_000 }, (_, at) => image(`registry.example/team/app-${at}:1.2.3`));
    const bytes = formatLock(lockOf(images));
    assert(bytes.byteLength < 8 * 1024 * 1024, String(bytes.byteLength));
    assert.equal((await parseLock(bytes, 'x')).images.length, 10_000);
  });

  it('is refused, or read and written with the same meaning, whatever a stranger changes', async () => {
    const bytes = formatLock(whole);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, byte) => {
        const other = Buffer.from(bytes);
        other[at] = byte;
        try {
          const read = await parseLock(other, 'x');
          assert.deepEqual(await parseLock(formatLock(read), 'x'), {
            ...read,
            images: [...read.images].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
          });
        } catch (error) {
          assert(isLadingError(error, 'INVALID_LOCK'), String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('the ImagesLock of imgpkg', () => {
  const YAML = `---
apiVersion: imgpkg.carvel.dev/v1alpha1
kind: ImagesLock
images:
- image: index.docker.io/library/nginx@${digest('a')}
  annotations:
    kbld.carvel.dev/id: nginx:1.27
- image: reg.test/copies/app@${digest('b')}
  annotations:
    kbld.carvel.dev/id: ghcr.io/org/app:2
- image: reg.test/copies/app@${digest('b')}
`;

  it('is read with the tag that kbld resolved, where it is of that repository', async () => {
    const { images } = await parse(YAML, 'images.yml');
    assert.deepEqual(
      images.map(({ name, digest: of, by }) => [name, of, by]),
      [
        ['docker.io/library/nginx:1.27', digest('a'), 'name'],
        [`reg.test/copies/app@${digest('b')}`, digest('b'), 'digest'],
      ],
    );
  });

  it('is written so that it is read again as the same images', async () => {
    const images = [
      image('reg.test/b:1'),
      image(`reg.test/a@${digest('b')}`, { digest: digest('b'), by: 'digest' }),
    ];
    const bytes = await formatImgpkgLock(lockOf(images));
    assert.match(
      bytes.toString(),
      /^---\napiVersion: imgpkg\.carvel\.dev\/v1alpha1\nimages:\n {2}- annotations:/,
    );
    const read = await parseLock(bytes, 'images.yml');
    assert.deepEqual(
      read.images.map(({ name, digest: of }) => [name, of]),
      [
        [`reg.test/a@${digest('b')}`, digest('b')],
        ['reg.test/b:1', digest('a')],
      ],
    );
  });

  it('is refused without digests, and with an apiVersion that is not its own', async () => {
    await assert.rejects(parse(YAML.replace(`@${digest('a')}`, ':1')), {
      code: 'INVALID_LOCK',
      message: /imgpkg-images-lock: at \/images\/0\/image, expected a name of an image with its digest/,
    });
    await assert.rejects(parse(YAML.replace('v1alpha1', 'v9')), {
      code: 'INVALID_LOCK',
      message: /apiVersion/,
    });
  });
});

describe('the Images.lock of dt', () => {
  it('is read as an image for each platform', async () => {
    const { images } = await parse(`apiVersion: v0
kind: ImagesLock
metadata: {generatedAt: "2023-07-13T16:30:33Z"}
chart: {name: app, version: 1.0.0}
images:
  - name: app
    image: docker.io/bitnami/app:1.2
    chart: app
    digests:
      - {digest: ${digest('a')}, arch: linux/amd64}
      - {digest: ${digest('b')}, arch: linux/arm64}
`);
    assert.deepEqual(
      images.map(({ name, digest: of, platforms }) => [name, of, platforms]),
      [
        ['docker.io/bitnami/app:1.2', digest('a'), ['linux/amd64']],
        ['docker.io/bitnami/app:1.2', digest('b'), ['linux/arm64']],
      ],
    );
  });
});
