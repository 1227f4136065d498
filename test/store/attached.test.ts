import assert from 'node:assert/strict';
import { digestOf } from '../../src/content/digest.js';
import { referrersTag } from '../../src/content/names.js';
import { parseManifest } from '../../src/manifest/manifest.js';
import { attachedTag, attachedTo, isAttachmentTag, subjectOfTag } from '../../src/store/attached.js';
import { makeCosignSignature, makeImage, makeReferrer } from '../support/images.js';

const SHA256 = digestOf(Buffer.from('subject'));
const SHA512 = digestOf(Buffer.from('subject'), 'sha512');
const tagOf = (digest: string): string => digest.replace(':', '-');

describe('what is attached to a manifest', () => {
  it('is told by its subject member', async () => {
    const image = await makeImage({ seed: 1 });
    const { manifest } = makeReferrer(image.manifest.descriptor, {
      artifactType: 'text/x-note',
      payload: 'x',
    });
    assert.deepEqual(attachedTo(manifest.descriptor, parseManifest(manifest.bytes)), {
      subject: image.manifest.descriptor.digest,
      referrer: { descriptor: { ...manifest.descriptor, artifactType: 'text/x-note' } },
    });
    assert.equal(attachedTo(image.manifest.descriptor, parseManifest(image.manifest.bytes)), undefined);
  });

  it('is described with what its manifest says of itself, as lists of referrers have it', async () => {
    const image = await makeImage({ seed: 1 });
    const { manifest } = makeReferrer(image.manifest.descriptor, {
      artifactType: 'text/x-note',
      payload: 'x',
      annotations: { about: 'it' },
    });
    assert.deepEqual(attachedTo(manifest.descriptor, parseManifest(manifest.bytes))?.referrer.descriptor, {
      ...manifest.descriptor,
      artifactType: 'text/x-note',
      annotations: { about: 'it' },
    });
  });

  it("is told by cosign's tags, in whatever repository", async () => {
    const image = await makeImage({ seed: 1 });
    const { manifest, tag } = makeCosignSignature(image.manifest.descriptor);
    const attached = {
      subject: image.manifest.descriptor.digest,
      referrer: { descriptor: manifest.descriptor, tag },
    };
    assert.deepEqual(attachedTag(manifest.descriptor, tag), attached);
    const name = `reg.test:5000/a/b:${tag}`;
    assert.deepEqual(attachedTag(manifest.descriptor, name), {
      ...attached,
      referrer: { ...attached.referrer, name },
    });
    assert.equal(attachedTag(manifest.descriptor, 'reg.test/a:1'), undefined);
  });
});

describe('tags that attach', () => {
  it("are cosign's three kinds, which tell their subject", () => {
    for (const digest of [SHA256, SHA512]) {
      for (const suffix of ['.sig', '.att', '.sbom']) {
        assert.equal(subjectOfTag(tagOf(digest) + suffix), digest);
        assert.ok(isAttachmentTag(tagOf(digest) + suffix));
      }
    }
  });

  it('are those of the referrers fallback, cut to its lengths', () => {
    assert.ok(isAttachmentTag(referrersTag(SHA256)));
    assert.ok(isAttachmentTag(referrersTag(SHA512)));
  });

  it('are no others', () => {
    for (const tag of [
      'latest',
      'sha256-abc.sig',
      `${tagOf(SHA256)}.tar`,
      `${tagOf(SHA256)}0`,
      `x${tagOf(SHA256)}.sig`,
      `${tagOf(SHA256)}.zip`,
      `${tagOf(SHA256)}.sig\n`,
      SHA256,
    ]) {
      assert.equal(subjectOfTag(tag), undefined, tag);
    }
    for (const tag of ['latest', `${tagOf(SHA256)}.tar`, `${tagOf(SHA256)}0`, `${tagOf(SHA256)}\n`])
      assert.ok(!isAttachmentTag(tag), tag);
  });
});
