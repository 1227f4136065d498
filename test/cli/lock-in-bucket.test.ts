import assert from 'node:assert/strict';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { type FakeS3, startFakeS3 } from '../support/fake-s3.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';

describe('a lock in a bucket', () => {
  const path = useFolder();
  let registry: TestRegistry;
  let bucket: FakeS3;
  before(async () => {
    registry = await startRegistry();
    bucket = await startFakeS3();
    await registry.put('app:1', await makeImage({ seed: 'one' }));
  });
  after(async () => {
    await registry.close();
    await bucket.close();
  });

  const LOCK = 's3://images/nightly/images.lock.json';
  const lading = (...args: string[]) => runInProcess([...args, '--quiet'], { env: bucket.environment });

  it('is written by lock, and each job saves by it', async () => {
    const locked = await lading('lock', `${registry.name}/app:1`, '-o', LOCK);
    assert.deepEqual([locked.code, locked.stdout], [0, `1 image in ${LOCK}\n`], locked.stderr);
    const written = bucket.objects.get('nightly/images.lock.json')?.bytes.toString() ?? '';
    assert.equal(JSON.parse(written).images[0].name, `${registry.name}/app:1`);

    const outputs = await Promise.all(
      ['0/2', '1/2'].map((shard) =>
        lading('save', '--lock', LOCK, '--shard', shard, '-o', 's3://images/all'),
      ),
    );
    for (const { code, stderr } of outputs) assert.equal(code, 0, stderr);
    const listed = await lading('ls', 's3://images/all', '--json');
    assert.deepEqual(
      JSON.parse(listed.stdout).images.map(({ name }: { name: string }) => name),
      [`${registry.name}/app:1`],
    );
  });

  it('is written by save, too', async () => {
    const saved = await lading('save', `${registry.name}/app:1`, '-o', path('a.tar'), '--write-lock', LOCK);
    assert.equal(saved.code, 0, saved.stderr);
    assert.ok(bucket.objects.has('nightly/images.lock.json'));
  });

  it('is named in errors', async () => {
    const output = path('b.tar');
    const missing = await lading('save', '--lock', 's3://images/none.json', '-o', output);
    assert.deepEqual(
      [missing.code, missing.stderr],
      [5, 'lading: s3://images/none.json: there is no such object\n'],
    );
    bucket.objects.set('wrong.json', { bytes: Buffer.from('{}'), etag: '"1"', modified: 0, headers: {} });
    const wrong = await lading('save', '--lock', 's3://images/wrong.json', '-o', output);
    assert.equal(wrong.code, 3);
    assert.match(wrong.stderr, /^lading: s3:\/\/images\/wrong\.json is not a valid lock/);
    const folder = await lading('save', '--lock', 's3://images/nightly/', '-o', output);
    assert.deepEqual(
      [folder.code, folder.stderr],
      [2, 'lading: "s3://images/nightly/" names no object\nhint: Write s3://BUCKET/KEY.\n'],
    );
  });
});
