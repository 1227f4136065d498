import assert from 'node:assert/strict';
import { signedHeaders, signedURL } from '../../src/s3/sign.js';

/** The keys and the time of the examples in Amazon's documentation. */
const SIGNING = {
  credentials: {
    accessKeyID: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    sessionToken: undefined,
    expiresAt: undefined,
    origin: 'the documentation',
  },
  region: 'us-east-1',
  service: 's3' as const,
  now: Date.UTC(2013, 4, 24),
};
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ENDPOINT = 'https://examplebucket.s3.amazonaws.com';

describe('signatures of requests to buckets', () => {
  it('are those of the documentation', () => {
    // Amazon S3, "Signature Calculations for the Authorization Header", example of GET Bucket (List Objects)
    const { authorization, ...others } = signedHeaders(
      {
        method: 'GET',
        url: new URL(`${ENDPOINT}/?max-keys=2&prefix=J`),
        headers: { 'x-amz-content-sha256': EMPTY },
      },
      SIGNING,
    );
    assert.match(
      authorization ?? '',
      /Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7$/,
    );
    assert.deepEqual(others, {
      host: 'examplebucket.s3.amazonaws.com',
      'x-amz-content-sha256': EMPTY,
      'x-amz-date': '20130524T000000Z',
    });
    // Amazon S3, "Authenticating Requests: Using Query Parameters", the example
    const url = signedURL({ method: 'GET', url: new URL(`${ENDPOINT}/test.txt`) }, 86_400, SIGNING);
    assert.equal(
      url.searchParams.get('X-Amz-Signature'),
      'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    );
    assert.equal(url.origin + url.pathname, `${ENDPOINT}/test.txt`);
  });

  it('cover the session of a key, and nothing that proxies change', () => {
    const url = new URL(`${ENDPOINT}/a`);
    const credentials = { ...SIGNING.credentials, sessionToken: 'a token' };
    const own = { 'x-amz-content-sha256': EMPTY, 'if-match': '"e"' };
    const changing = { 'accept-encoding': 'identity', range: 'bytes=0-0', 'user-agent': 'lading/0' };
    const headers = signedHeaders(
      { method: 'GET', url, headers: { ...own, ...changing } },
      { ...SIGNING, credentials },
    );
    assert.match(
      headers.authorization ?? '',
      /SignedHeaders=host;if-match;x-amz-content-sha256;x-amz-date;x-amz-security-token,/,
    );
    assert.equal(headers['x-amz-security-token'], 'a token');
    assert.equal(headers.range, 'bytes=0-0');
    const signed = signedURL({ method: 'GET', url }, 60, { ...SIGNING, credentials });
    assert.equal(signed.searchParams.get('X-Amz-Security-Token'), 'a token');
  });
});
