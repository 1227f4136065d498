import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { createSigningKey, signSchema1 } from '../../../src/manifest/convert/sign-schema1.js';
import { manifestDigest, parseManifest } from '../../../src/manifest/manifest.js';
import { keyIDOf, signedPayload, verifySchema1Signatures } from '../../../src/manifest/schema1/signature.js';
import { fixture, json } from '../../support/fixtures.js';

const KEYS = {
  ES256: createSigningKey(),
  ES384: createSigningKey('ES384'),
  ES512: createSigningKey('ES512'),
  RS256: createSigningKey('RS256'),
};
const TIME = new Date('2026-11-21T02:05:56.789Z');

describe('signing a schema1 manifest', () => {
  for (const [algorithm, key] of Object.entries(KEYS)) {
    it(`makes a signature that verifies, and keeps the digest: ${algorithm}`, () => {
      const payload = fixture('schema1/no-signatures-unsigned.json');
      const signed = signSchema1(payload, key);
      assert.deepEqual(signedPayload(signed), payload);
      assert.deepEqual(verifySchema1Signatures(signed), [
        { keyID: keyIDOf(createPublicKey(key)), algorithm },
      ]);
      const unsigned = manifestDigest(payload, MEDIA_TYPE.dockerSchema1);
      assert.equal(manifestDigest(signed, MEDIA_TYPE.dockerSchema1Signed), unsigned);
    });
  }

  it('writes the document as libtrust does, but for the key and the signature', () => {
    const expected = fixture('schema1/one-layer.signed.json').toString();
    const payload = signedPayload(Buffer.from(expected)) ?? Buffer.alloc(0);
    const signed = signSchema1(payload, KEYS.ES256, { time: TIME }).toString();
    const blind = (text: string) => text.replace(/"(kid|x|y|signature)": "[^"]+"/g, '"$1": ""');
    assert.equal(blind(signed), blind(expected));
  });

  it('notes the time in whole seconds', () => {
    const signed = signSchema1(fixture('schema1/no-signatures-unsigned.json'), KEYS.ES256, {
      time: TIME,
    });
    const { signatures } = JSON.parse(signed.toString());
    const header = Buffer.from(signatures[0].protected, 'base64url').toString();
    assert.equal(header, '{"formatLength":1365,"formatTail":"Cn0","time":"2026-11-21T02:05:56Z"}');
  });

  const PAYLOADS = { compact: '{"a":"é"}', spaced: '{ "a":1 \n } \n', tabs: '{\n\t"a": [\n\t]\n}' };
  for (const [style, payload] of Object.entries(PAYLOADS)) {
    it(`keeps what is signed byte for byte: ${style}`, () => {
      const signed = signSchema1(Buffer.from(payload), KEYS.ES256);
      assert.equal(signedPayload(signed)?.toString(), payload);
      assert.equal(verifySchema1Signatures(signed).length, 1);
    });
  }

  it('is read from as what it was', () => {
    const payload = fixture('schema1/no-signatures-unsigned.json');
    const manifest = parseManifest(signSchema1(payload, KEYS.ES256));
    assert.deepEqual(manifest, {
      ...parseManifest(payload),
      signed: true,
      mediaType: MEDIA_TYPE.dockerSchema1Signed,
    });
  });

  it('refuses what is signed, empty or no object', () => {
    for (const value of [{ signatures: [] }, {}, []])
      assert.throws(() => signSchema1(json(value), KEYS.ES256), { code: 'INVALID_MANIFEST' });
  });

  it('refuses a key of another kind', () => {
    const { privateKey } = generateKeyPairSync('ed25519', {
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    assert.throws(() => signSchema1(json({ a: 1 }), createPrivateKey(privateKey)), { code: 'USAGE' });
  });
});
