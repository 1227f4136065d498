import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { formatLockAs } from '../../src/operations/lock/write-lock.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { useBucket } from '../store/bucket/use-bucket.js';
import { makeCosignSignature, makeImage, pushAll } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';

describe('lading rm', () => {
  const path = useFolder('each test');
  const bucket = useBucket();
  const lading = (...args: string[]) => runInProcess(args, { env: bucket.fake.environment });
  const digest = async (): Promise<string> => (await makeImage({ seed: 'rm' })).manifest.descriptor.digest;

  beforeEach(async () => {
    const image = await makeImage({ seed: 'rm' });
    for (const store of [await openLayoutForWriting(path('layout')), await bucket.write()]) {
      await pushAll(store, image.all);
      for (const tag of [1, 2, 3]) await store.tag(image.manifest.descriptor, `registry.test/app:${tag}`);
      await store.commit?.();
      await store.close();
    }
  });

  it('removes names from a layout and from a bucket, and says what frees their space', async () => {
    for (const place of [path('layout'), 's3://images/p']) {
      const told = await lading('rm', place, 'app:1', '--dry-run');
      assert.equal(
        told.stdout,
        `would go  registry.test/app:1  ${await digest()}\n${place}: 1 name would go, 2 left\n`,
      );
      const { code, stdout, stderr } = await lading('rm', place, 'app:{<3}');
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^removed {2}registry\.test\/app:1 .*\nremoved {2}registry\.test\/app:2 /);
      assert.ok(stdout.endsWith(`${place}: 2 names removed, 1 left; lading prune frees their space\n`));
      const missing = await lading('rm', place, 'app:1');
      assert.equal(missing.code, 5);
      assert.match(
        missing.stderr,
        /holds no image "app:1"\nhint: Check the name; near it: registry\.test\/app:3/,
      );
      const last = await lading('rm', place, '**', '--json');
      assert.deepEqual(JSON.parse(last.stdout), {
        location: place,
        dryRun: false,
        removed: [{ name: 'registry.test/app:3', digest: await digest() }],
        left: 0,
        failures: [],
      });
    }
  });

  it('removes what is not in a lock', async () => {
    const lock = async (...tags: number[]) =>
      writeFile(
        path('lock.json'),
        await formatLockAs({
          selection: { referrers: true, includeForeign: false },
          images: await Promise.all(
            tags.map(async (tag) => ({
              name: `registry.test/app:${tag}`,
              digest: (await makeImage({ seed: 'rm' })).manifest.descriptor.digest,
              platforms: [],
              by: 'name' as const,
              origins: [],
              mediaType: 'application/vnd.oci.image.manifest.v1+json',
              size: 1,
              attachments: [],
            })),
          ),
          patterns: [],
        }),
      );
    await lock(2, 4);
    const { code, stdout, stderr } = await lading(
      'rm',
      's3://images/p',
      '--not-in',
      path('lock.json'),
      '--json',
    );
    assert.equal(code, 0, stderr);
    const { removed, left } = JSON.parse(stdout) as { removed: { name: string }[]; left: number };
    assert.deepEqual(
      removed.map(({ name }) => name),
      ['registry.test/app:1', 'registry.test/app:3'],
    );
    assert.equal(left, 1);
    const again = await lading('rm', 's3://images/p', '--not-in', path('lock.json'));
    assert.deepEqual([again.code, again.stdout], [0, 's3://images/p: 0 names removed, 1 left\n']);
    await lock(4);
    const wrong = await lading('rm', path('layout'), '--not-in', path('lock.json'));
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /has none of the names that are to stay, so all would go/);
  });

  it('follows many images for what is attached, without a warning of Node.js', async () => {
    const images = await Promise.all(Array.from({ length: 20 }, (_, seed) => makeImage({ seed })));
    const signed = images[0]?.manifest.descriptor;
    assert.ok(signed);
    const signature = makeCosignSignature(signed);
    for (const store of [await openLayoutForWriting(path('many')), await bucket.write()]) {
      await pushAll(
        store,
        [...images, signature].flatMap(({ all }) => [...all]),
      );
      for (const [tag, { manifest }] of images.entries())
        await store.tag(manifest.descriptor, `registry.test/many:${tag}`);
      await store.tag(signature.manifest.descriptor, `registry.test/many:${signature.tag}`);
      await store.commit?.();
      await store.close();
    }
    for (const place of [path('many'), 's3://images/p']) {
      const { code, stdout, stderr } = await lading('rm', place, 'many:0');
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, /attached to sha256:/);
    }
  });

  it('wants to know what is meant', async () => {
    const { code, stderr } = await lading('rm', path('layout'));
    assert.equal(code, 2);
    assert.match(stderr, /no image was named\nhint: Name images after the place, '\*\*' for all of them/);
  });
});
