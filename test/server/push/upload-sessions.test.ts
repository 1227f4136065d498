import assert from 'node:assert/strict';
import { parseContentRange } from '../../../src/server/push/upload-range.js';
import { UploadSessions } from '../../../src/server/push/upload-sessions.js';

describe('UploadSessions', () => {
  const creating = (id: string) => async () => ({ id });
  const full = { name: 'Refusal', code: 'TOOMANYREQUESTS', status: 429 };

  it('count what is being created', async () => {
    const sessions = new UploadSessions(1);
    let create: (upload: { id: string }) => void = () => {};
    const first = sessions.begin(
      () =>
        new Promise<{ id: string }>((resolve) => {
          create = resolve;
        }),
    );
    await assert.rejects(sessions.begin(creating('2')), full);
    create({ id: '1' });
    await first;
    await assert.rejects(sessions.begin(creating('2')), full);
    sessions.end('1');
    assert.deepEqual(await sessions.begin(creating('2')), { id: '2' });
  });

  it('do not count what could not be created', async () => {
    const sessions = new UploadSessions(1);
    const failing = async (): Promise<{ id: string }> => {
      throw new Error('no space');
    };
    await assert.rejects(sessions.begin(failing), { message: 'no space' });
    assert.deepEqual(await sessions.begin(creating('1')), { id: '1' });
  });

  it('count no upload whose client is gone, until it is back', async () => {
    let now = 0;
    const sessions = new UploadSessions(2, () => now);
    await sessions.begin(creating('gone'));
    await sessions.begin(creating('alive'));
    now = 9 * 60_000;
    sessions.use('alive');
    await assert.rejects(sessions.begin(creating('new')), full);
    now = 11 * 60_000;
    await sessions.begin(creating('new'));
    sessions.use('gone');
    sessions.end('alive');
    await assert.rejects(sessions.begin(creating('newer')), full);
  });
});

describe('parseContentRange', () => {
  it('reads the first and the last byte', () => {
    assert.deepEqual(parseContentRange('0-0'), { start: 0, length: 1 });
    assert.deepEqual(parseContentRange('10-19'), { start: 10, length: 10 });
    assert.equal(parseContentRange(undefined), undefined);
  });

  it('reads nothing else', () => {
    for (const header of [
      '',
      '-',
      '1-',
      '-1',
      '2-1',
      '0-1/2',
      'bytes=0-1',
      'bytes 0-1/2',
      '0-1,2-3',
      '0x1-2',
      '1-9e9',
    ])
      assert.equal(parseContentRange(header), 'invalid', header);
    assert.equal(parseContentRange('0-9007199254740993'), 'invalid');
  });
});
