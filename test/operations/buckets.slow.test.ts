import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { serve } from '../../src/operations/serve/serve.js';
import { BUCKET, type FakeS3, startFakeS3 } from '../support/fake-s3.js';
import { runLading } from '../support/programs/lading.js';
import type { Outcome } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';
import { serveWritable, type WritableServed } from '../support/writable-server.js';

const ARCHIVES = fileURLToPath(new URL('../../fixtures/archives/', import.meta.url));
const ARCHIVE = join(ARCHIVES, 'docker20-multi.tar');
const PLACE = `s3://${BUCKET}/shop`;
const NAMES = ['docker.io/library/tiny:1', 'docker.io/library/tiny:2'];

describe('the commands with a bucket', () => {
  const folder = useFolder('each test');
  let fake: FakeS3;
  let registry: WritableServed;
  let env: Record<string, string>;

  beforeEach(async () => {
    fake = await startFakeS3();
    registry = await serveWritable();
    env = { ...(fake.environment as Record<string, string>), AWS_EC2_METADATA_DISABLED: 'true' };
    delete env.HOME;
  });
  afterEach(async () => {
    await registry.close();
    await fake.close();
  });

  const run = (...args: string[]): Promise<Outcome> => runLading(args, { env });
  const succeed = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const namesIn = async (source: string): Promise<string[]> =>
    (await succeed('ls', source, '--format', '{{.Name}}')).trim().split('\n');

  it('carries images from a registry into it, and out of it into another', async () => {
    await succeed('load', '-i', ARCHIVE, registry.registry);
    await succeed('save', `${registry.registry}/library/tiny`, '--all-tags', '-o', PLACE);
    assert.deepEqual(
      await namesIn(PLACE),
      [1, 2].map((tag) => `${registry.registry}/library/tiny:${tag}`),
    );
    const again = await succeed('save', `${registry.registry}/library/tiny:1`, '-o', PLACE, '--json');
    assert.equal(JSON.parse(again).bytes.fetched, 0);
    const other = await serveWritable();
    try {
      await succeed('load', '-i', PLACE, other.registry);
      const reply = await other.ask('/v2/library/tiny/tags/list');
      assert.deepEqual(JSON.parse(reply.body.toString()).tags.sort(), ['1', '2']);
    } finally {
      await other.close();
    }
  });

  it('converts into it, and out of it', async () => {
    await succeed('convert', ARCHIVE, '--to', 'oci', '-o', PLACE);
    assert.deepEqual(await namesIn(PLACE), NAMES);
    await succeed('convert', PLACE, '--to', 'docker', '-o', join(folder(''), 'out.tar'));
    assert.deepEqual(await namesIn(join(folder(''), 'out.tar')), NAMES);
    await succeed('verify', join(folder(''), 'out.tar'));
  });

  it('finds in it what verify finds in a layout, with the images that are damaged', async () => {
    await succeed('copy', ARCHIVE, PLACE);
    const sound = JSON.parse(await succeed('verify', PLACE, '--json'));
    await succeed('copy', ARCHIVE, `oci:${folder('')}/layout`);
    const local = JSON.parse(await succeed('verify', `${folder('')}/layout`, '--json'));
    assert.deepEqual([sound.checked, sound.notes], [local.checked, local.notes]);
    const blobs = [...fake.objects].filter(([key]) => key.includes('blobs/'));
    const [largest] = blobs.sort(([, a], [, b]) => b.bytes.length - a.bytes.length);
    largest?.[1].bytes.fill(0xff, 20, 40);
    const { code, stdout } = await run('verify', PLACE, '--json');
    const damaged = JSON.parse(stdout);
    assert.equal(code, 3);
    assert.deepEqual(
      damaged.findings.map(({ code: kind }: { code: string }) => kind),
      ['DIGEST_MISMATCH'],
    );
    assert.ok(damaged.damaged.length > 0);
  });

  it('serves it, with what others write meanwhile', async function () {
    this.timeout(60_000);
    await succeed('copy', ARCHIVE, PLACE);
    // A server in this process takes the key from this process.
    const before = { ...process.env };
    Object.assign(process.env, env);
    const serving = await serve(PLACE, { host: '127.0.0.1', port: 0 });
    const url = `http://127.0.0.1:${serving.port}/v2/library/tiny`;
    try {
      const pulled = await fetch(`${url}/manifests/2`, {
        headers: { accept: 'application/vnd.docker.distribution.manifest.v2+json' },
      });
      assert.equal(pulled.status, 200);
      const { layers } = (await pulled.json()) as { layers: { digest: string; size: number }[] };
      for (const { digest, size } of layers) {
        const blob = await fetch(`${url}/blobs/${digest}`);
        assert.equal((await blob.arrayBuffer()).byteLength, size);
      }
      await succeed('copy', join(ARCHIVES, 'podman-multi.tar'), PLACE);
      assert.equal((await fetch(`http://127.0.0.1:${serving.port}/v2/fx/tiny/manifests/1`)).status, 404);
      const until = Date.now() + 20_000;
      while ((await fetch(`http://127.0.0.1:${serving.port}/v2/fx/tiny/tags/list`)).status !== 200) {
        assert.ok(Date.now() < until, 'new names are served after some seconds');
        await delay(500);
      }
    } finally {
      for (const name of Object.keys(env)) delete process.env[name];
      Object.assign(process.env, before);
      await serving.close();
    }
  });

  it('says in a line what is wrong, and what to do', async () => {
    const hint = async (...args: string[]): Promise<[number, string]> => {
      const { code, stderr } = await run(...args);
      return [code, stderr];
    };
    const [nothing, told] = await hint('ls', PLACE);
    assert.equal(nothing, 5);
    assert.match(told, /^lading: s3:\/\/images\/shop holds no images/);
    const [bucket, where] = await hint('ls', 's3://other/shop');
    assert.equal(bucket, 5);
    assert.match(
      where,
      /^lading: there is no bucket "other" at 127\.0\.0\.1:\d+ \(NoSuchBucket.*\)\nhint: .*endpoint/,
    );
    const [page, whose] = await hint('ls', PLACE, '--s3-endpoint', `http://${registry.registry}`);
    assert.equal(page, 7);
    assert.match(whose, /of bucket images: 127\.0\.0\.1:\d+ /);
    assert.equal((await hint('copy', ARCHIVE, 's3://ab'))[0], 2);
    const [format, files] = await hint('save', 'a.test/b', '-o', PLACE, '--format', 'oci');
    assert.deepEqual([format, /s3:\/\/images\/shop is a bucket/.test(files)], [2, true]);
    assert.equal((await hint('serve', '--writable', PLACE))[0], 1);
    assert.equal((await hint('index', ARCHIVE))[0], 2);
    assert.equal((await hint('copy', ARCHIVE, PLACE, '--sse-kms-key', 'x'))[0], 2);
    fake.fail(({ method }) => (method === 'PUT' ? { status: 403, code: 'AccessDenied' } : undefined));
    const [denied, why] = await hint('copy', ARCHIVE, PLACE, '--retries', '0');
    assert.equal(denied, 6);
    assert.match(why, /needs the permission s3:PutObject on bucket images/);
    assert.ok(!why.includes(String(env.AWS_SECRET_ACCESS_KEY)));
  }).timeout(60_000);

  it('with --no-clobber moves no name that is there, and sends nothing', async () => {
    await succeed('copy', ARCHIVE, PLACE);
    const other = join(ARCHIVES, 'podman-multi.tar');
    await succeed('copy', other, PLACE, '--no-clobber');
    await succeed('copy', other, PLACE, '--no-clobber');
    const before = fake.requests.filter(({ method }) => method === 'PUT').length;
    await succeed('convert', ARCHIVE, '--to', 'oci', '-o', `oci:${folder('')}/converted`);
    const { code, stderr } = await run('copy', `oci:${folder('')}/converted`, PLACE, '--no-clobber');
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /tiny:1 in s3:\/\/images\/shop already exists and is another image: sha256:.*\nhint: .*--no-clobber/,
    );
    assert.equal(fake.requests.filter(({ method }) => method === 'PUT').length, before);
    await succeed('copy', `oci:${folder('')}/converted`, PLACE);
  });

  it('reads a bucket that everybody may read without a key, into one that needs it', async () => {
    await fake.close();
    fake = await startFakeS3({ isPublic: true });
    env.AWS_ENDPOINT_URL_S3 = fake.endpoint;
    await succeed('copy', ARCHIVE, PLACE);
    await succeed('copy', PLACE, `s3://${BUCKET}/own`, '--no-sign-request');
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...nobody } = env;
    env = nobody;
    const { code, stderr } = await run('ls', PLACE);
    assert.equal(code, 6);
    assert.match(stderr, /^lading: no credentials .*\nhint: .*--no-sign-request reads a bucket/);
    const listed = await succeed('ls', `s3://${BUCKET}/own`, '--format', '{{.Name}}', '--no-sign-request');
    assert.deepEqual(listed.trim().split('\n'), NAMES);
    await succeed('verify', PLACE, '--no-sign-request');
    await succeed('load', '-i', PLACE, registry.registry, '--no-sign-request');
    await succeed('copy', PLACE, join(folder(''), 'public.tar'), '--no-sign-request');
    env.LADING_SIGN_REQUEST = 'false';
    await succeed('inspect', PLACE);
    const written = await run('copy', ARCHIVE, PLACE);
    assert.equal(written.code, 6);
  });

  it('refuses a service that ignores conditions, and says the flag', async () => {
    await fake.close();
    fake = await startFakeS3({ ignoresConditions: true });
    env.AWS_ENDPOINT_URL_S3 = fake.endpoint;
    const { code, stderr } = await run('copy', ARCHIVE, PLACE);
    assert.equal(code, 1);
    assert.match(stderr, /ignores If-None-Match.*\nhint: .*--single-writer/);
    await succeed('copy', ARCHIVE, PLACE, '--single-writer', '--part-size', '5MiB');
    assert.deepEqual(await namesIn(PLACE), NAMES);
  });
});
