import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { createSigningKey } from '../../../src/manifest/convert/sign-schema1.js';
import { manifestDigest, parseManifest } from '../../../src/manifest/manifest.js';
import { keyIDOf, signedPayload, verifySchema1Signatures } from '../../../src/manifest/schema1/signature.js';
import { fixture } from '../../support/fixtures.js';

const INVALID = { code: 'INVALID_SIGNATURE' };
const EMPTY_TOP = 'sha256:06579b4856daa02791ccbcafd7bc6effb08105b85adb6ce8326b4a34ee24949b';
const ONE_KEY = 'UNNR:TCVI:564L:JW4M:BTEA:IBBB:VCTW:Z5XP:RWMU:2HH7:G3ZQ:DAXI';
const DOCKER17 = {
  length: 1927,
  digest: 'sha256:d3f6c44789a166f48799084714ebf988d3427bd263f4be73237fbd987d16fdd1',
  keyID: 'N4UF:EMTU:3OZH:3J4V:M25X:ROP4:BQCC:FAAE:MP46:GIAN:AUMA:SWUQ',
};

interface Expected {
  length?: number;
  digest: string;
  /** The key ID of the first signature. */
  keyID?: string;
  algorithms?: string[];
}

const VERIFY: Record<string, Expected> = {
  'docker17-signed.json': DOCKER17,
  'docker17-members-beside.json': DOCKER17,
  'es256-jwk.json': {
    length: 1367,
    digest: EMPTY_TOP,
    keyID: 'WCFP:VEPR:362F:PUD7:P5JF:OUBM:67BK:UE4F:R567:S7LT:IAHD:C5AS',
  },
  'one-layer.signed.json': {
    length: 518,
    digest: 'sha256:9a4c54e67a46bb40d7854de790e921434769997c47f758e559b0395728f4d27e',
    keyID: ONE_KEY,
  },
  'x5c-chain.json': {
    length: 1367,
    digest: EMPTY_TOP,
    keyID: '5IVL:UWIX:N4UE:WLFY:E4MZ:NACB:BYG4:UVVC:F3CG:745Q:TVKN:TI3D',
  },
  'multi-signature.json': { length: 1367, digest: EMPTY_TOP, algorithms: ['ES384', 'RS256', 'ES256'] },
  'multibyte-utf8.json': {
    length: 1105,
    digest: 'sha256:8ad95227ae31873e6acac3658addde3ebea8a2070cc24fa7ab3b26abd0f3f0d3',
    keyID: ONE_KEY,
  },
};

describe('a signed schema1 manifest', () => {
  for (const [name, { length, digest, keyID, algorithms = ['ES256'] }] of Object.entries(VERIFY)) {
    it(`verifies and has its payload’s digest: ${name}`, () => {
      const bytes = fixture(`schema1/${name}`);
      const payload = signedPayload(bytes);
      if (length !== undefined) assert.equal(payload?.length, length);
      assert.equal(manifestDigest(bytes, MEDIA_TYPE.dockerSchema1Signed), digest);
      const signatures = verifySchema1Signatures(bytes);
      assert.deepEqual(
        signatures.map((signature) => signature.algorithm),
        algorithms,
      );
      if (keyID !== undefined) assert.equal(signatures[0]?.keyID, keyID);
      const manifest = parseManifest(bytes);
      assert.equal(manifest.format === 'docker-schema1' && manifest.signed, true);
      assert.equal(manifest.mediaType, MEDIA_TYPE.dockerSchema1Signed);
    });
  }

  it('has its payload’s digest even where its signature is not one: edited-after-signing.json', () => {
    const bytes = fixture('schema1/edited-after-signing.json');
    const digest = 'sha256:d97fefb9dca629ba0182cdcaa2870af4bdf73a688b8c593a834ebd42990858da';
    assert.equal(manifestDigest(bytes, MEDIA_TYPE.dockerSchema1Signed), digest);
    assert.equal(parseManifest(bytes).format, 'docker-schema1');
    assert.throws(() => verifySchema1Signatures(bytes), { ...INVALID, message: /it does not verify/ });
  });

  it('lists its keys in the order of their IDs', () => {
    const keyIDs = verifySchema1Signatures(fixture('schema1/multi-signature.json')).map(({ keyID }) => keyID);
    assert.ok(keyIDs.includes('JMFR:6YHR:5OB4:LXKZ:IDOH:7ERZ:EMKQ:VLWU:DD32:6Y7F:2KJM:CFP6'));
    assert.deepEqual(keyIDs, keyIDs.toSorted());
  });

  it('is read from what is signed, not from what stands beside it', () => {
    const extra = parseManifest(fixture('schema1/docker17-members-beside.json'));
    assert.deepEqual(extra, parseManifest(fixture('schema1/docker17-signed.json')));
    assert.equal(extra.format === 'docker-schema1' && extra.fsLayers[0]?.startsWith('sha256:a3ed95ca'), true);
  });

  it('is refused when a member that decides its format stands beside what is signed', () => {
    const text = fixture('schema1/one-layer.signed.json').toString();
    for (const member of ['"layers": []', '"manifests": null', '"Signatures": []', '"schemaVersion": 2']) {
      const bytes = Buffer.from(text.replace('"signatures":', `${member}, "signatures":`));
      assert.throws(() => parseManifest(bytes), { code: 'INVALID_MANIFEST' }, member);
    }
  });

  it('is refused when it has two lists of signatures', () => {
    const text = fixture('schema1/one-layer.signed.json').toString();
    const bytes = Buffer.from(text.replace('"signatures":', '"signatures": [], "signatures":'));
    assert.throws(() => parseManifest(bytes), { code: 'INVALID_MANIFEST' });
    assert.throws(() => signedPayload(bytes), INVALID);
  });

  const REFUSED: Record<string, { message: RegExp; digest?: string }> = {
    'bad-missing-key.json': { message: /it has no public key/, digest: EMPTY_TOP },
    'bad-kid.json': { message: /its key ID is WCFP:.*, not "AAAA:VEPR/, digest: EMPTY_TOP },
    'bad-flipped-signature.json': { message: /it does not verify/, digest: EMPTY_TOP },
    'bad-tampered-tag.json': {
      message: /it does not verify/,
      digest: 'sha256:37a4a80869029a61530dfa9c94a93737d4787467b61dd3392ff52ec634184696',
    },
    'bad-formatlength-too-large.json': { message: /formatLength 999999 is not within its 2014 bytes/ },
  };
  for (const [name, { message, digest }] of Object.entries(REFUSED)) {
    it(`does not verify: ${name}`, () => {
      const bytes = fixture(`schema1/${name}`);
      assert.throws(() => verifySchema1Signatures(bytes), { ...INVALID, message });
      if (digest !== undefined) assert.equal(manifestDigest(bytes, MEDIA_TYPE.dockerSchema1Signed), digest);
      else assert.throws(() => parseManifest(bytes), INVALID);
    });
  }

  it('is no unsigned one when its list of signatures is empty', () => {
    const bytes = fixture('schema1/bad-empty-signatures.json');
    const message = /at \/signatures, expected a list of 1 to 64 signatures, found a list of 0/;
    for (const read of [parseManifest, signedPayload, verifySchema1Signatures])
      assert.throws(() => read(bytes as never), { code: 'INVALID_MANIFEST', message });
  });
});

describe('an unsigned schema1 manifest', () => {
  it('has the digest of its bytes and no payload', () => {
    const bytes = fixture('schema1/no-signatures-unsigned.json');
    assert.equal(signedPayload(bytes), undefined);
    assert.equal(manifestDigest(bytes, MEDIA_TYPE.dockerSchema1), EMPTY_TOP);
    assert.equal(parseManifest(bytes).mediaType, MEDIA_TYPE.dockerSchema1);
    assert.throws(() => verifySchema1Signatures(bytes), { ...INVALID, message: /it has no signatures/ });
  });
});

describe('hostile signatures', () => {
  const PAYLOAD = Buffer.from(
    JSON.stringify({
      schemaVersion: 1,
      name: 'é',
      tag: '',
      architecture: 'amd64',
      fsLayers: [{ blobSum: digestOf(Buffer.from('x')) }],
      history: [{ v1Compatibility: '{}' }],
    }),
  );
  const privateKey = createSigningKey();
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const FORMAT = { formatLength: PAYLOAD.length - 1, formatTail: Buffer.from('}').toString('base64url') };

  /** Makes a signature of `format` and the right payload. */
  function signature(format: object = FORMAT, key: KeyObject = privateKey, alg = 'ES256', hash = 'sha256') {
    const header = encode(format);
    const input = Buffer.from(`${header}.${PAYLOAD.toString('base64url')}`);
    const { d, p, q, dp, dq, qi, ...jwk } = key.export({ format: 'jwk' });
    return {
      header: { jwk, alg },
      signature: sign(hash, input, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url'),
      protected: header,
    };
  }
  const document = (...signatures: object[]) =>
    Buffer.from(`${PAYLOAD.subarray(0, -1)},"signatures":${JSON.stringify(signatures)}}`);

  it('are told from good ones, which verify', () => {
    assert.deepEqual(signedPayload(document(signature())), PAYLOAD);
    assert.deepEqual(verifySchema1Signatures(document(signature())), [
      { keyID: keyIDOf(createPublicKey(privateKey)), algorithm: 'ES256' },
    ]);
  });

  it('are told from those of every algorithm of libtrust', () => {
    const rsa = createSigningKey('RS256');
    for (const bits of ['256', '384', '512'])
      assert.equal(
        verifySchema1Signatures(document(signature(FORMAT, rsa, `RS${bits}`, `sha${bits}`))).length,
        1,
      );
    for (const bits of ['384', '512'] as const) {
      const key = createSigningKey(`ES${bits}`);
      const signed = document(signature(FORMAT, key, `ES${bits}`, `sha${bits}`));
      assert.equal(verifySchema1Signatures(signed).length, 1);
    }
  });

  for (const formatLength of [0, -1, 1.5, 1e15, '3', null, undefined]) {
    it(`are refused when formatLength is ${formatLength}`, () => {
      const bytes = document(signature({ ...FORMAT, formatLength }));
      for (const read of [signedPayload, verifySchema1Signatures, parseManifest])
        assert.throws(() => read(bytes as never), INVALID);
    });
  }

  it('are refused when they cover different things', () => {
    const other = signature({ ...FORMAT, formatTail: Buffer.from(' }').toString('base64url') });
    assert.throws(() => signedPayload(document(signature(), other)), { ...INVALID, message: /disagree/ });
    const shorter = signature({ ...FORMAT, formatLength: 3 });
    assert.throws(() => signedPayload(document(signature(), shorter)), { ...INVALID, message: /disagree/ });
  });

  it('are refused when only one of several verifies', () => {
    const bad = { ...signature(), signature: signature({ ...FORMAT, time: 'x' }).signature };
    const bytes = document(signature(), bad);
    assert.throws(() => verifySchema1Signatures(bytes), {
      ...INVALID,
      message: /signature 2 of 2.*not verify/,
    });
  });

  it('are refused when their algorithm is not of their key', () => {
    for (const alg of ['ES384', 'RS256', 'none', 'HS256', '__proto__', '']) {
      const made = signature();
      const bytes = document({ ...made, header: { ...made.header, alg } });
      assert.throws(() => verifySchema1Signatures(bytes), { ...INVALID, message: /does not fit its key/ });
    }
  });

  it('are refused when their key is not on its curve, or none at all', () => {
    const made = signature();
    const jwk = { ...made.header.jwk, x: Buffer.alloc(32, 1).toString('base64url') };
    for (const header of [
      { alg: 'ES256', jwk },
      { alg: 'ES256', jwk: { kty: 'EC' } },
      { alg: 'ES256', jwk: { kty: 'RSA', n: '', e: '' } },
      { alg: 'ES256', x5c: ['not a certificate'] },
    ])
      assert.throws(() => verifySchema1Signatures(document({ ...made, header })), INVALID);
  });

  it('are refused when they are of another length than their key’s', () => {
    for (const text of ['', 'AAAA', `${signature().signature}AAAA`, 'A', '*'])
      assert.throws(() => verifySchema1Signatures(document({ ...signature(), signature: text })), INVALID);
  });

  it('are refused when their protected header is no JSON, or says something twice', () => {
    const twice = Buffer.from('{"formatLength":5,"formatLength":6,"formatTail":"fQ"}').toString('base64url');
    for (const header of ['', 'A', '!!!!', encode([]), encode('x'), twice])
      assert.throws(() => signedPayload(document({ ...signature(), protected: header })), INVALID);
  });

  it('are refused when there are more than anyone makes', () => {
    const many = Array.from({ length: 65 }, () => signature());
    assert.throws(() => signedPayload(document(...many)), { code: 'INVALID_MANIFEST', message: /1 to 64/ });
  });

  it('may cover something that is no manifest, which is then refused', () => {
    const bytes = document(signature({ ...FORMAT, formatLength: 1 })); // the payload is `{}`
    assert.equal(signedPayload(bytes)?.toString(), '{}');
    assert.throws(() => parseManifest(bytes), { code: 'INVALID_MANIFEST' });
  });
});
