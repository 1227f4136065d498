import assert from 'node:assert/strict';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { credentialAdvice } from '../../src/registry/auth/credential.js';
import { responseError } from '../../src/registry/http/response-error.js';
import { sendError, sendJSON } from './http-server.js';
import { blob, manifest, useRepository } from './repository.js';

const { start, connect } = useRepository();

describe('the hint of a 403', () => {
  const reasons = [
    'DENIED: adding 9.2 KiB of storage resource, which when updated to current usage will exceed the limit',
    'DENIED: quota exceeded',
    'FORBIDDEN: image has 3 critical vulnerabilities',
    'DENIED: The repository is archived',
    'access from your country is not allowed',
    'Missing Authentication Token',
  ];
  for (const said of reasons) {
    it(`leaves the reason to the registry that gives one: ${said}`, () => {
      assert.match(
        credentialAdvice(403, 'reg.example', undefined, said).hint ?? '',
        /has the reason that reg\.example gave/,
      );
    });
  }

  const plain = [
    '',
    'DENIED',
    'DENIED: denied',
    'DENIED: requested access to the resource is denied',
    'UNAUTHORIZED: authentication required',
    'Forbidden',
    'DENIED: insufficient_scope',
  ];
  for (const said of plain) {
    it(`speaks of credentials where there is no more than a refusal: ${JSON.stringify(said)}`, () => {
      const { hint = '', ...remedy } = credentialAdvice(403, 'reg.example', undefined, said);
      assert.match(hint, /found no credentials for reg\.example/);
      assert.deepEqual(remedy, { remedy: 'login', remedyFor: 'reg.example' });
    });
  }

  it('of a quota comes with a push, too', async () => {
    const { name } = await start((_, response) =>
      sendJSON(response, { errors: [{ code: 'DENIED', message: 'quota exceeded' }] }, { status: 403 }),
    );
    const push = connect().putManifest(name, '1', { mediaType: 'application/json', bytes: manifest });
    await assert.rejects(push, {
      code: 'DENIED',
      message: /quota exceeded/,
      hint: /has the reason that \S+ gave/,
    });
  });
});

describe('a refusal that comes compressed', () => {
  const said = JSON.stringify({ errors: [{ code: 'DENIED', message: 'quota exceeded' }] });
  const kinds: [what: string, encoding: string, body: Buffer][] = [
    ['gzip', 'gzip', gzipSync(said)],
    ['Brotli', 'br', brotliCompressSync(said)],
    ['gzip in name only', 'gzip', Buffer.from(said)],
  ];
  for (const [what, encoding, body] of kinds) {
    it(`is read: ${what}`, async () => {
      const { name } = await start((_, response) => {
        response.writeHead(403, { 'content-encoding': encoding }).end(body);
      });
      await assert.rejects(connect().getManifest(name, '1'), { code: 'DENIED', message: /quota exceeded/ });
    });
  }

  it('is told by its status where it is not whole, or too large', async () => {
    const large = gzipSync(
      JSON.stringify({ errors: [{ code: 'DENIED', message: 'x'.repeat(1024 * 1024) }] }),
    );
    for (const body of [large, gzipSync(said).subarray(0, 20)]) {
      const { name } = await start((_, response) => {
        response.writeHead(403, { 'content-encoding': 'gzip' }).end(body);
      });
      await assert.rejects(connect().getManifest(name, '1'), { code: 'DENIED', message: /access denied/ });
    }
  });
});

describe('the hint of a refused push', () => {
  const push = (status: number, code: string) => async () => {
    const { name } = await start((_, response) => sendError(response, status, code));
    const open = async () => [Buffer.alloc(1)] as never;
    return connect().uploadBlob(name, { mediaType: 'x', digest: blob, size: 1 }, open);
  };
  for (const [status, code] of [
    [415, 'UNSUPPORTED'],
    [400, 'UNSUPPORTED'],
    [501, 'UNSUPPORTED'],
  ] as const) {
    it(`does not call a registry a mirror for ${status} ${code}`, async () => {
      await assert.rejects(
        push(status, code),
        (error) => !/read-only|mirror/.test(String(Reflect.get(Object(error), 'hint'))),
      );
    });
  }

  it('does so where it begins no upload at all', async () => {
    await assert.rejects(push(405, 'UNSUPPORTED'), { hint: /read-only/ });
  });
});

describe('the hint of a push that is not sent on', () => {
  it('names where the registry sends it', async () => {
    const { name } = await start((_, response) => {
      response.writeHead(301, { location: 'https://registry.example/v2/x?token=secret' }).end();
    });
    const manifest = { mediaType: 'application/json', bytes: Buffer.from('{}') };
    await assert.rejects(connect().putManifest(name, '1', manifest), {
      message: /status 301/,
      hint: /redirects such requests to https:\/\/registry\.example\/v2\/x\?token=REDACTED/,
    });
  });

  for (const status of [409, 412])
    it(`says of ${status} that the tag may not change`, async () => {
      const { name } = await start((_, response) => sendError(response, status, 'PRECONDITION'));
      const manifest = { mediaType: 'application/json', bytes: Buffer.from('{}') };
      await assert.rejects(connect().putManifest(name, '1', manifest), { hint: /another tag/ });
    });
});

describe('the hint of a wait', () => {
  const refused = (retryAfter: string) =>
    responseError({ status: 429, headers: { 'retry-after': retryAfter }, body: Buffer.alloc(0) }, 'tag "1"');

  it('names the time where it is too long to be sat out', () => {
    const { hint } = refused('3600');
    assert.match(hint ?? '', /^The registry asks to wait 60 minutes, until \d{4}-\d\d-\d\dT\d\d:\d\dZ;/);
  });

  it('survives a time beyond all calendars', () => {
    assert.match(refused(new Date(8.64e15).toUTCString()).hint ?? '', /minutes/);
    assert.match(refused('999999999').hint ?? '', /minutes/);
  });

  for (const retryAfter of ['0', '-1', 'soon', 'Wed, 21 Oct 2015 07:28:00 GMT', '59']) {
    it(`is the usual one for "${retryAfter}"`, () =>
      assert.match(refused(retryAfter).hint ?? '', /^Wait and run/));
  }
});
