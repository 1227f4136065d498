import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { parseChallenges } from '../../../src/registry/auth/challenge.js';
import { digestAuthorization, readDigestChallenge } from '../../../src/registry/auth/digest.js';
import { sendError, sendJSON } from '../http-server.js';
import { credentials, useAuthentication } from './authenticating.js';

const { start, connect } = useAuthentication();

const challengeIn = (line: string) => {
  const [challenge] = parseChallenges([line]);
  assert(challenge);
  return readDigestChallenge(challenge);
};
const answer = (
  line: string,
  password: string,
  { count = 1, cnonce, username = 'Mufasa' }: { count?: number; cnonce?: string; username?: string } = {},
): string => {
  const challenge = challengeIn(line);
  assert(challenge, line);
  const request = { method: 'GET', uri: '/dir/index.html' };
  return digestAuthorization(
    challenge,
    request,
    { username, password },
    { count, ...(cnonce && { cnonce }) },
  );
};

describe('authentication by Digest', () => {
  const OF_7616 =
    'Digest realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';
  const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';

  it('answers the examples of RFC 7616 and RFC 2617', () => {
    const sha256 = answer(`${OF_7616}, algorithm=SHA-256`, 'Circle of Life', { cnonce });
    assert.match(sha256, /response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"/);
    const md5 = answer(`${OF_7616}, algorithm=MD5`, 'Circle of Life', { cnonce });
    assert.equal(
      md5,
      'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, ' +
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, ' +
        'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, ' +
        'response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
    );
    const of2617 =
      'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"';
    assert.match(
      answer(of2617, 'Circle Of Life', { cnonce: '0a4f113b' }),
      /response="6629fae49393a05397450978507c4ef1"/,
    );
  });

  it('answers without a quality of protection, as RFC 2069 has it', () => {
    const old = answer('Digest realm="r", nonce="n"', 'p', { username: 'u' });
    const md5 = (text: string) => createHash('md5').update(text).digest('hex');
    const response = md5(`${md5('u:r:p')}:n:${md5('GET:/dir/index.html')}`);
    assert.equal(
      old,
      `Digest username="u", realm="r", uri="/dir/index.html", nonce="n", response="${response}"`,
    );
  });

  it('writes names and realms that have quotes, and names beyond ASCII, so that they are read as they are', () => {
    assert.match(
      answer('Digest realm="a \\"b\\" c", nonce="n"', 'p', { username: 'x"y' }),
      /^Digest username="x\\"y", realm="a \\"b\\" c"/,
    );
    assert.match(
      answer('Digest realm="r", nonce="n"', 'p', { username: 'Jäsøn Doe' }),
      /^Digest username\*=UTF-8''J%C3%A4s%C3%B8n%20Doe,/,
    );
  });

  it('passes over what it does not know', () => {
    for (const line of [
      'Digest realm="r", nonce="n", algorithm=SHA-1',
      'Digest realm="r", nonce="n", qop="auth-int"',
      'Digest realm="r"',
      'Basic realm="r", nonce="n"',
    ])
      assert.equal(challengeIn(line), undefined, line);
  });

  it('answers each request for itself, with the same nonce until the server gives another', async () => {
    const nonces = ['first', 'second'];
    let nonce = 'first';
    const registry = await start((request, response) => {
      if (isAnswered(request, nonce)) return sendJSON(response, {});
      const offered = [
        'Basic realm="r"',
        `Digest realm="r", qop="auth", algorithm=SHA-256, nonce="${nonce}"`,
      ];
      return sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': offered });
    });
    const client = connect({ credentials });
    for (const repository of ['a', 'b'])
      await client.getManifest({ registry: registry.host, repository }, '1');
    nonce = nonces[1] ?? '';
    await client.getManifest({ registry: registry.host, repository: 'c' }, '1');
    assert.deepEqual(registry.requests, [
      'GET /v2/a/manifests/1',
      'GET /v2/a/manifests/1',
      'GET /v2/b/manifests/1',
      'GET /v2/c/manifests/1',
      'GET /v2/c/manifests/1',
    ]);
    const counts = registry.headers.map(({ authorization }) => /nc=(\d+)/.exec(authorization ?? '')?.[1]);
    assert.deepEqual(counts, [undefined, '00000001', '00000002', '00000003', '00000001']);
  });

  it('is refused once, where the password is wrong', async () => {
    const registry = await start((_, response) =>
      sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Digest realm="r", nonce="n"' }),
    );
    await assert.rejects(
      connect({ credentials }).getManifest({ registry: registry.host, repository: 'a' }, '1'),
      { code: 'UNAUTHORIZED', hint: /from a test were refused/ },
    );
    assert.equal(registry.requests.length, 2);
  });
});

/** Whether a request has the right answer for `me` and `p:w`, computed from the request's own parameters. */
function isAnswered(
  { headers: { authorization = '' }, method, url }: IncomingMessage,
  nonce: string,
): boolean {
  const of = (name: string): string =>
    new RegExp(`${name}="?([^",]*)`).exec(authorization.replace(/^Digest/, ''))?.[1] ?? '';
  const hash = (...parts: string[]): string => createHash('sha256').update(parts.join(':')).digest('hex');
  const key = hash('me', 'r', 'p:w');
  const request = hash(method ?? '', url ?? '');
  return (
    of(' uri') === url &&
    of(' nonce') === nonce &&
    of(' response') === hash(key, nonce, of(' nc'), of(' cnonce'), 'auth', request)
  );
}
