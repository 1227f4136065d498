import assert from 'node:assert/strict';
import { type AccessEntry, formatAccess } from '../../../src/server/operational/access-log.js';

const ENTRY: AccessEntry = {
  time: new Date(0),
  method: 'GET',
  url: '/v2/a/tags/list',
  protocol: 'HTTP/1.1',
  route: 'tags',
  status: 200,
  bytes: 30,
  received: 0,
  complete: true,
  durationMs: 1.25,
  remoteAddress: '127.0.0.1',
  user: 'alice',
  userAgent: 'test',
};

describe('formatAccess', () => {
  it('writes the combined log format of Apache and the duration', () => {
    assert.equal(
      formatAccess(ENTRY, 'text'),
      '127.0.0.1 - alice [01/Jan/1970:00:00:00 +0000] "GET /v2/a/tags/list HTTP/1.1" 200 30 "-" "test" 1.3ms',
    );
  });

  it('lets no field run into the next', () => {
    const strange = { ...ENTRY, user: 'a" b', url: '/"\\', userAgent: undefined, remoteAddress: undefined };
    assert.equal(
      formatAccess({ ...strange, complete: false, error: new Error('disk "a" is gone\n') }, 'text'),
      '- - "a\\" b" [01/Jan/1970:00:00:00 +0000] "GET /\\"\\\\ HTTP/1.1" 200 30 "-" "-" 1.3ms cut "disk \\"a\\" is gone\\\\x0a"',
    );
  });

  it('writes a JSON document on a line', () => {
    const line = formatAccess({ ...ENTRY, error: new Error('gone') }, 'json');
    assert.equal(line.includes('\n'), false);
    assert.deepEqual(JSON.parse(line), { ...ENTRY, time: '1970-01-01T00:00:00.000Z', error: 'gone' });
    assert.equal('error' in JSON.parse(formatAccess(ENTRY, 'json')), false);
  });
});
