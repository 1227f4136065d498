import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { needs } from '../support/needs.js';
import { lading, ladingJSON, runLading } from '../support/programs/lading.js';
import { documentOf, getManifest, sha256, TYPE } from '../support/programs/registry-content.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { refuses } from './refusal.js';
import { addBigImage, openSource, SOURCE_PROGRAMS, type Source } from './source.js';
import { digestOfFile, openWritten, type Written } from './written.js';

/** The document of `save --json`, as far as these tests look at it. */
interface Saved {
  images: { name: string; digest: string; mediaType: string; platforms: unknown[]; referrers: unknown }[];
}

describe('the content of what save writes', () => {
  let source: Source;
  let folder: string;
  let all: string[];

  before(async function () {
    needs(this, ...SOURCE_PROGRAMS);
    source = await openSource();
    const big = await addBigImage();
    folder = await temporaryFolder('content');
    all = [
      `${source.host}/${source.multi}:oci`,
      `${source.host}/${big}:gzip`,
      `${source.host}/${source.chain}:2`,
      `${source.host}/${source.multi}:docker`,
      `${source.host}/${source.signed}:1`,
    ];
  });

  for (const tag of ['oci', 'docker']) {
    it(`keeps all platforms of an ${tag} index, each byte as the registry has it`, async () => {
      const output = join(folder, `index-${tag}.tar`);
      const image = `${source.host}/${source.multi}:${tag}`;
      const { images } = await ladingJSON<Saved>('save', image, '-o', output);
      const root = await getManifest(source.host, source.multi, tag);
      assert.deepEqual(
        images.map(({ name, digest, mediaType }) => ({ name, digest, mediaType })),
        [{ name: image, digest: root.digest, mediaType: root.mediaType }],
      );
      const written = await openWritten(output);
      assert.deepEqual(
        written.entries.map(({ digest, size, mediaType }) => ({ digest, size, mediaType })),
        [{ digest: root.digest, size: root.bytes.length, mediaType: root.mediaType }],
      );
      assert.deepEqual(await written.readBlob(root.digest), root.bytes);
      const children = documentOf(root.bytes).manifests ?? [];
      assert.equal(children.length, 2);
      for (const child of children) {
        const { bytes } = await getManifest(source.host, source.multi, child.digest);
        assert.deepEqual(await written.readBlob(child.digest), bytes);
      }
      await holdsTogether(written);
    });
  }

  it('keeps a schema1 image under the digest of its payload', async () => {
    const tag = '2-schema1';
    const { digest } = await getManifest(source.host, source.chain, tag);
    for (const format of ['universal', 'oci']) {
      const output = join(folder, `schema1-${format}`);
      await lading('save', `${source.host}/${source.chain}:${tag}`, '--format', format, '-o', output);
      const { entries, readBlob } = await openWritten(output);
      assert.deepEqual(
        entries.map((entry) => [entry.digest, entry.mediaType]),
        [[digest, TYPE.dockerSchema1]],
      );
      const bytes = await readBlob(digest);
      assert.equal(sha256(payloadOf(bytes)), digest);
      assert.ok(bytes.includes('"signatures"'), 'the signature is kept');
      const { ok } = await ladingJSON<{ ok: boolean }>('verify', output);
      assert.equal(ok, true);
    }
  });

  it('saves the signature and the referrers of an image with it', async () => {
    const output = join(folder, 'signed.tar');
    await lading('save', `${source.host}/${source.signed}:1`, '-o', output);
    const { digests } = await openWritten(output);
    for (const { digest } of Object.values(source.attached)) assert.ok(digests.includes(digest), digest);
  });

  it('leaves them out with --no-referrers', async () => {
    const output = join(folder, 'bare.tar');
    await lading('save', `${source.host}/${source.signed}:1`, '--no-referrers', '-o', output);
    const { digests } = await openWritten(output);
    for (const { digest } of Object.values(source.attached)) assert.ok(!digests.includes(digest), digest);
  });

  it('chooses platforms: a sparse index keeps its digest, a rewritten one is smaller', async () => {
    const image = `${source.host}/${source.multi}:oci`;
    const root = await getManifest(source.host, source.multi, 'oci');
    const children = documentOf(root.bytes).manifests ?? [];
    const amd64 = children.find((child) => child.platform?.architecture === 'amd64');
    const arm64 = children.find((child) => child.platform?.architecture === 'arm64');
    assert.ok(amd64 && arm64);
    for (const index of ['sparse', 'rewrite']) {
      const output = join(folder, `${index}.tar`);
      await lading('save', image, '--platform', 'linux/arm64', '--index', index, '-o', output);
      const { entries, digests } = await openWritten(output);
      assert.equal(entries.length, 1);
      if (index === 'sparse') assert.equal(entries[0]?.digest, root.digest);
      else assert.notEqual(entries[0]?.digest, root.digest);
      assert.ok(digests.includes(arm64.digest), index);
      assert.ok(!digests.includes(amd64.digest), index);
      const { ok } = await ladingJSON<{ ok: boolean }>('verify', output);
      assert.equal(ok, true, index);
    }
  });

  it('is the same, byte for byte, whatever the concurrency', async () => {
    const results: string[] = [];
    for (const concurrency of ['1', '8']) {
      const output = join(folder, `concurrency-${concurrency}.tar`);
      await lading('save', ...all, '--concurrency', concurrency, '-o', output);
      results.push(await digestOfFile(output));
    }
    assert.equal(results[0], results[1]);
  });

  it('is the same on standard output as in a file', async () => {
    const output = join(folder, 'file.tar');
    const streamed = join(folder, 'streamed.tar');
    await lading('save', ...all, '-o', output);
    const outcome = await runLading(['save', ...all, '-o', '-'], { stdoutFile: streamed });
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.equal(await digestOfFile(streamed), await digestOfFile(output));
  });

  it('is added to by --append, and what was there is kept', async () => {
    for (const format of ['universal', 'oci']) {
      const output = join(folder, `append-${format}`);
      await lading('save', `${source.host}/${source.chain}:1`, '--format', format, '-o', output);
      const again = ['--format', format, '--append', '-o', output];
      await lading('save', `${source.host}/${source.multi}:oci`, ...again);
      const written = await openWritten(output);
      const expected = await Promise.all([
        getManifest(source.host, source.chain, '1'),
        getManifest(source.host, source.multi, 'oci'),
      ]);
      assert.deepEqual(
        written.entries.map((entry) => entry.digest).sort(),
        expected.map((manifest) => manifest.digest).sort(),
      );
      await holdsTogether(written);
    }
  });

  it('is saved from a list and with all tags', async () => {
    const list = join(folder, 'list.txt');
    await writeFile(
      list,
      `# two of three\n${source.host}/${source.chain}:1\n\n${source.host}/${source.single}:1\n`,
    );
    const fromList = join(folder, 'list.tar');
    const { images } = await ladingJSON<Saved>('save', '--file', list, '-o', fromList);
    assert.equal(images.length, 2);
    const everyTag = join(folder, 'tags.tar');
    const tags = await ladingJSON<Saved>(
      'save',
      `${source.host}/${source.chain}`,
      '--all-tags',
      '-o',
      everyTag,
    );
    assert.deepEqual(
      tags.images.map((image) => image.name).sort(),
      ['1', '2', '2-schema1'].map((tag) => `${source.host}/${source.chain}:${tag}`),
    );
  });

  it('passes verify, is listed by ls and shown by inspect', async () => {
    const output = join(folder, 'shown.tar');
    await lading('save', ...all, '-o', output);
    const { ok, findings } = await ladingJSON<{ ok: boolean; findings: unknown[] }>('verify', output);
    assert.deepEqual({ ok, findings }, { ok: true, findings: [] });
    const listed = await lading('ls', output);
    for (const name of all) assert.ok(listed.includes(name), `${name} in\n${listed}`);
    const { images } = await ladingJSON<{ images: { name: string; platforms: unknown[] }[] }>(
      'inspect',
      output,
    );
    const multi = images.find((image) => image.name === all[0]);
    assert.equal(multi?.platforms.length, 2);
  });

  it('is listed by ls on the registry: tags of a repository, repositories of a host', async () => {
    const tags = await lading('ls', `${source.host}/${source.chain}`);
    for (const tag of ['1', '2', '2-schema1']) assert.match(tags, new RegExp(`\\b${tag}\\b`));
    const repositories = await lading('ls', source.host);
    for (const repository of [source.chain, source.multi]) assert.ok(repositories.includes(repository));
  });

  it('is found damaged by verify: exit 3 and the digest of what is wrong', async () => {
    const layout = join(folder, 'damaged');
    await lading('save', `${source.host}/${source.chain}:1`, '--format', 'oci', '-o', layout);
    const { bytes } = await getManifest(source.host, source.chain, '1');
    const layer = documentOf(bytes).layers?.[0];
    assert.ok(layer);
    const file = (await openWritten(layout)).blobFile(layer.digest);
    const damaged = await readFile(file);
    damaged.writeUInt8(damaged.readUInt8(50) ^ 1, 50);
    await writeFile(file, damaged);
    const outcome = await runLading(['verify', layout]);
    assert.equal(outcome.code, 3, outcome.stderr);
    assert.ok(outcome.stdout.includes(layer.digest), outcome.stdout + outcome.stderr);
  });

  it('is never written from a blob that the registry has damaged', async () => {
    const { bytes } = await getManifest(source.host, source.multi, 'oci');
    const child = documentOf(bytes).manifests?.[1];
    assert.ok(child);
    const manifest = documentOf((await getManifest(source.host, source.multi, child.digest)).bytes);
    const layer = manifest.layers?.at(-1);
    assert.ok(layer);
    const file = source.registry.contentFile(layer.digest);
    const good = await readFile(file);
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(20) ^ 1, 20);
    await writeFile(file, bad);
    try {
      const output = join(folder, 'never.tar');
      const image = `${source.host}/${source.multi}:oci`;
      await refuses(3, new RegExp(layer.digest), ['save', image, '--retries', '1', '-o', output]);
      await assert.rejects(readFile(output), { code: 'ENOENT' });
    } finally {
      await writeFile(file, good);
    }
  });
});

/** Every blob hashes to its name, and everything that a manifest names is there. */
async function holdsTogether({ digests, blobFile, readBlob }: Written): Promise<void> {
  const present = new Set(digests);
  for (const digest of digests) {
    assert.equal(await digestOfFile(blobFile(digest)), digest);
    const bytes = await readBlob(digest);
    if (bytes.length > 100_000 || bytes[0] !== '{'.charCodeAt(0)) continue;
    const { config, layers = [], manifests = [] } = documentOf(bytes);
    for (const child of [...(config?.digest ? [config] : []), ...layers, ...manifests]) {
      assert.ok(present.has(child.digest), `${child.digest}, named by ${digest}`);
    }
  }
}

/** The signed part of a schema1 document, found as libtrust does, without its checks. */
function payloadOf(document: Buffer): Buffer {
  const { signatures } = JSON.parse(document.toString()) as { signatures: { protected: string }[] };
  const encoded = signatures[0]?.protected ?? '';
  const { formatLength, formatTail } = JSON.parse(Buffer.from(encoded, 'base64url').toString()) as {
    formatLength: number;
    formatTail: string;
  };
  return Buffer.concat([document.subarray(0, formatLength), Buffer.from(formatTail, 'base64url')]);
}
