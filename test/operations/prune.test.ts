import assert from 'node:assert/strict';
import { mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import { prune } from '../../src/operations/prune/prune.js';
import { verify } from '../../src/operations/verify/verify.js';
import { payloadOf, type Upload } from '../../src/s3/client.js';
import type { BucketSource } from '../../src/store/bucket/bucket-source.js';
import { BucketCollector, type CollectOptions } from '../../src/store/bucket/collect.js';
import { touch } from '../../src/store/bucket/touch.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { blobPath } from '../../src/store/layout/layout-reader.js';
import { RepositoryBlobs } from '../../src/store/layout/repository.js';
import { blobKey, useBucket } from '../store/bucket/use-bucket.js';
import type { FakeRequest } from '../support/fake-s3.js';
import type { Content, MadeImage } from '../support/images.js';
import { contentOf, makeImage, makeReferrer, pushAll } from '../support/images.js';
import { openerOf } from '../support/openers.js';
import { useFolder } from '../support/temporary.js';

const DAY_MS = 24 * 3600_000;

describe('prune of a layout directory', () => {
  const path = useFolder();
  let kept: MadeImage;
  let old: MadeImage;

  beforeEach(async () => {
    // They share their first layer.
    kept = await makeImage({ seed: 'kept', seeds: ['shared'] });
    old = await makeImage({ seed: 'old', seeds: ['shared'] });
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, [...kept.all, ...old.all]);
    await store.tag(kept.manifest.descriptor, 'app:1');
    const signature = makeReferrer(kept.manifest.descriptor, {
      artifactType: 'application/vnd.test',
      payload: 's',
    });
    await pushAll(store, signature.all);
    await store.commit();
    await store.close();
  });

  const age = async (contents: Iterable<Content>): Promise<void> => {
    const time = (Date.now() - 2 * DAY_MS) / 1000;
    for (const { descriptor } of contents)
      await utimes(path(`layout/${blobPath(descriptor.digest)}`), time, time);
  };
  const onlyOld = () =>
    [...old.all].filter(
      (one) => ![...kept.all].some(({ descriptor }) => descriptor.digest === one.descriptor.digest),
    );

  it('removes what no entry leads to, and keeps shared layers and attachments', async () => {
    await age([...kept.all, ...old.all]);
    const result = await prune(path('layout'));
    const digests = onlyOld().map(({ descriptor }) => descriptor.digest);
    assert.deepEqual(result.removed.map(({ digest }) => digest).sort(), digests.sort());
    assert.deepEqual([result.young.blobs, result.failures], [0, []]);
    const verified = await verify(path('layout'));
    assert.ok(verified.ok);
    assert.equal(verified.checked.blobs + verified.checked.manifests > 0, true);
    assert.deepEqual((await prune(path('layout'))).removed, []);
  });

  it('keeps what is young, and says what would go', async () => {
    const young = await prune(path('layout'));
    assert.deepEqual([young.removed, young.young.blobs], [[], onlyOld().length]);
    await age(old.all);
    const told = await prune(path('layout'), { dryRun: true });
    assert.equal(told.removed.length, onlyOld().length);
    assert.deepEqual((await prune(path('layout'), { dryRun: true })).removed, told.removed);
  });

  it('removes nothing if a manifest is damaged, since it is unknown what that needs', async () => {
    await age([...kept.all, ...old.all]);
    await writeFile(path(`layout/${blobPath(kept.manifest.descriptor.digest)}`), '{}');
    await assert.rejects(prune(path('layout')), { code: 'MISSING_CONTENT', message: /nothing is removed/ });
    const blob = onlyOld()[0];
    assert.ok(blob);
    await stat(path(`layout/${blobPath(blob.descriptor.digest)}`));
  });

  it('removes parts of blobs that interrupted saves left, unless they are young', async () => {
    const digest = (digit: string): string => `sha256-${digit.repeat(64)}`;
    const left = path(`layout/ingest/${digest('a')}.part`);
    const young = path(`layout/ingest/${digest('b')}.part`);
    const upload = path('layout/ingest/app.1.upload');
    await mkdir(path('layout/ingest'), { recursive: true });
    for (const file of [left, young, upload]) await writeFile(file, 'half a layer');
    for (const file of [left, upload]) await utimes(file, 0, 0);
    const told = await prune(path('layout'), { dryRun: true });
    assert.deepEqual(told.unfinished, { blobs: 1, bytes: 12 });
    await stat(left);
    assert.deepEqual((await prune(path('layout'))).unfinished, { blobs: 1, bytes: 12 });
    await assert.rejects(stat(left), { code: 'ENOENT' });
    // What a server has left is removed by servers.
    for (const file of [young, upload]) await stat(file);
    assert.deepEqual((await prune(path('layout'))).unfinished, { blobs: 0, bytes: 0 });
  });

  it('keeps blobs that were pushed to a repository just now, and waits for a save', async () => {
    await age([...kept.all, ...old.all]);
    const [, layer] = old.layers;
    assert.ok(layer);
    const blobs = new RepositoryBlobs(path('layout'));
    await blobs.add('app', layer.descriptor.digest);
    const save = await openLayoutForWriting(path('layout'));
    await assert.rejects(prune(path('layout'), { signal: AbortSignal.timeout(300) }), { name: 'AbortError' });
    await save.close();
    const result = await prune(path('layout'));
    assert.equal(result.removed.length, onlyOld().length - 1);
    assert.equal(result.young.blobs, 1);
    await blobs.remove('app', layer.descriptor.digest);
    assert.equal((await prune(path('layout'))).removed.length, 1);
  });
});

describe('prune of a bucket', () => {
  const bucket = useBucket();
  const options: CollectOptions = { graceMs: DAY_MS, waitMs: 0, wait: async () => undefined };
  const collect = async (more: Partial<CollectOptions> = {}) =>
    new BucketCollector((await bucket.read()) as BucketSource, { ...options, ...more }).collect();

  const fill = async (): Promise<{ kept: MadeImage; old: MadeImage }> => {
    const kept = await makeImage({ seed: 'kept', seeds: ['shared'] });
    const old = await makeImage({ seed: 'old', seeds: ['shared'] });
    const store = await bucket.write();
    for (const [image, name] of [
      [old, 'app:1'],
      [kept, 'app:1'],
    ] as const) {
      await pushAll(store, image.all);
      await store.tag(image.manifest.descriptor, name);
    }
    bucket.fake.pass(2 * DAY_MS);
    return { kept, old };
  };

  it('removes the image that lost its name, and says so before', async () => {
    const { kept, old } = await fill();
    const told = await collect({ dryRun: true });
    const before = bucket.fake.objects.size;
    const condemned: number[] = [];
    const report = await collect({ onCondemned: ({ blobs }) => condemned.push(blobs) });
    assert.deepEqual(report.removed, told.removed);
    assert.deepEqual([report.names, condemned], [1, [report.removed.length]]);
    for (const { descriptor } of kept.all) assert.ok(bucket.fake.objects.has(blobKey(descriptor)));
    assert.equal(bucket.fake.objects.has(blobKey(old.manifest.descriptor)), false);
    // gc.lock came; the list of what is condemned has gone.
    assert.equal(bucket.fake.objects.size, before - report.removed.length + 1);
  });

  it('is done by one run at a time', async () => {
    await fill();
    let second: unknown;
    await collect({
      onCondemned: () => {
        second = collect().catch((error: unknown) => error);
      },
      wait: async () => void (await second),
      waitMs: 1,
    });
    assert.equal(((await second) as { code: string }).code, 'LOCKED');
    assert.deepEqual((await collect()).removed, []);
  });

  describe('on a machine that was suspended, whose clock for durations stood still', () => {
    const HOUR_MS = 3600_000;
    let passedMs: number;
    const clocks = { now: () => Date.UTC(2030, 0, 1) + passedMs, ticks: () => 0 };
    const deletions = (): number =>
      bucket.count('POST', ({ query }) => query.has('delete')) + bucket.count('DELETE');
    beforeEach(() => {
      passedMs = 0;
    });

    it('removes nothing when it goes on after the end of its lease', async () => {
      await fill();
      const before = deletions();
      const beforeRemoving = async () => {
        passedMs = HOUR_MS;
      };
      await assert.rejects(collect({ ...clocks, beforeRemoving }), { code: 'LOCKED' });
      assert.equal(deletions(), before);
    });

    it('sends no request again to remove something', async () => {
      const { old } = await fill();
      const key = blobKey(old.manifest.descriptor);
      for (const status of [500, 501]) {
        // Services that do not know the removal of many are asked to remove each.
        bucket.fake.fail(({ method, query }) => {
          if (status === 501 && query.has('delete')) return { status, code: 'NotImplemented' };
          if (!query.has('delete') && method !== 'DELETE') return undefined;
          passedMs += HOUR_MS;
          return { status: 500, code: 'InternalError' };
        });
        const before = bucket.count('POST', ({ query }) => query.has('delete'));
        await assert.rejects(collect(clocks), { code: 'LOCKED' });
        assert.equal(
          bucket.count('POST', ({ query }) => query.has('delete')),
          before + 1,
        );
        assert.ok(bucket.fake.objects.has(key));
        bucket.fake.fail(undefined);
        // The lease counts as held until nothing that was sent can arrive.
        await assert.rejects(collect(clocks), { code: 'LOCKED' });
        bucket.fake.pass(HOUR_MS);
      }
      await collect();
      assert.equal(bucket.fake.objects.has(key), false);
    });
  });

  it('removes nothing if a manifest that a name needs is missing', async () => {
    const { kept } = await fill();
    bucket.fake.objects.delete(blobKey(kept.manifest.descriptor));
    const before = bucket.fake.objects.size;
    await assert.rejects(collect(), { code: 'MISSING_CONTENT', message: /app:1/ });
    assert.equal(bucket.fake.objects.size, before + 1);
  });

  it('tells what the service refuses to remove', async () => {
    await fill();
    bucket.fake.fail(({ query }) =>
      query.has('delete') ? { status: 403, code: 'AccessDenied' } : undefined,
    );
    await assert.rejects(collect(), { code: 'DENIED', hint: /s3:DeleteObject/ });
    bucket.fake.fail(undefined);
    assert.ok((await collect()).removed.length > 0);
  });

  it('removes objects one by one where the service knows no other way', async () => {
    await fill();
    bucket.fake.fail(({ query }) =>
      query.has('delete') ? { status: 501, code: 'NotImplemented' } : undefined,
    );
    assert.ok((await collect()).removed.length > 0);
    assert.deepEqual((await collect({ dryRun: true })).removed, []);
  });

  it('does not hurt a writer that has found something old: it becomes new', async () => {
    const { old } = await fill();
    const writer = await bucket.write();
    await writer.prepare();
    const [, layer] = old.layers;
    assert.ok(layer);
    const copies = () => bucket.count('PUT', ({ headers }) => headers['x-amz-copy-source'] !== undefined);
    const before = copies();
    assert.equal(await writer.sizeOf(layer.descriptor), layer.bytes.length);
    assert.equal(copies() - before, 1);
  });

  describe('with uploads that are not completed', () => {
    const key = (digit: string): string => `p/blobs/sha256/${digit.repeat(64)}`;
    const twelve = payloadOf(Buffer.from('twelve bytes'));
    /** Begins an upload of two parts, and lets time pass between them. */
    const begin = async (digit: string, { between = 0 } = {}): Promise<Upload> => {
      const { client } = await bucket.write();
      const upload = await client.createUpload(key(digit));
      await client.uploadPart(upload, 1, twelve);
      bucket.fake.pass(between);
      await client.uploadPart(upload, 2, twelve);
      return upload;
    };
    const left = (): string[] => [...bucket.fake.uploads.values()].map((upload) => upload.key).sort();
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    beforeEach(() => void warnings.splice(0));

    it('ends those that got no part for the grace, and no others', async () => {
      await bucket.restart({ pageSize: 2 });
      await fill();
      // From now on there is gc.lock, by which the clock of the service is known.
      await collect();
      for (const digit of ['a', 'b', 'c']) await begin(digit);
      const { client } = await bucket.write();
      await client.createUpload('p/else');
      await client.createUpload('q/blobs/sha256/other');
      // It began before the grace, and its writer is still sending.
      await begin('d', { between: 2 * DAY_MS });
      await begin('e');
      const told = await collect({ dryRun: true, onWarning });
      assert.deepEqual(told.unfinished, { blobs: 3, bytes: 72 });
      assert.equal(left().length, 7);
      const report = await collect({ onWarning });
      assert.deepEqual([report.unfinished, report.removed, warnings], [told.unfinished, [], []]);
      assert.deepEqual(left(), [key('d'), key('e'), 'p/else', 'q/blobs/sha256/other']);
      assert.deepEqual((await collect()).unfinished, { blobs: 0, bytes: 0 });
    });

    for (const [what, fault, said] of [
      [
        'may not be listed',
        ({ query }) => query.has('uploads'),
        /s3:ListBucketMultipartUploads on bucket images$/,
      ],
      [
        'may not be ended',
        ({ method, query }) => method === 'DELETE' && query.has('uploadId'),
        /s3:AbortMultipartUpload on bucket images$/,
      ],
    ] as [string, (request: FakeRequest) => boolean, RegExp][])
      it(`says in one line that they ${what}, and goes on`, async () => {
        await begin('a');
        await fill();
        bucket.fake.fail((request) => (fault(request) ? { status: 403, code: 'AccessDenied' } : undefined));
        const report = await collect({ onWarning });
        assert.ok(report.removed.length > 0);
        assert.deepEqual([report.unfinished.blobs, warnings.length, left().length], [0, 1, 1]);
        assert.match(
          warnings[0] ?? '',
          /^unfinished uploads stay: .*bucket images: 127\.0\.0\.1:\d+ denied access/,
        );
        assert.match(warnings[0] ?? '', said);
      });
  });

  it('touches objects above the limit of a copy in parts', async () => {
    const store = await bucket.write();
    const blob = contentOf('text/plain', Buffer.from('twelve bytes'));
    await store.push(blob.descriptor, openerOf(blob.bytes));
    const key = blobKey(blob.descriptor);
    const before = bucket.fake.objects.get(key);
    assert.ok(await touch(store.client, key, 12, { maxCopiedBytes: 5, partBytes: 5 }));
    const after = bucket.fake.objects.get(key);
    assert.ok(after?.bytes.equals(blob.bytes));
    assert.ok(after && after.modified > (before?.modified ?? 0));
    assert.equal(await touch(store.client, `${key}x`, 12, { maxCopiedBytes: 5, partBytes: 5 }), false);
    assert.equal(bucket.fake.uploads.size, 0);
    bucket.fake.fail(({ method }) =>
      method === 'DELETE' ? { status: 403, code: 'AccessDenied' } : undefined,
    );
    assert.equal(await touch(store.client, `${key}x`, 12, { maxCopiedBytes: 5, partBytes: 5 }), false);
  });
});
