import assert from 'node:assert/strict';
import { LadingError } from '../../../src/errors.js';
import { parseContentRange } from '../../../src/server/push/upload-range.js';
import { type CountedUpload, UploadSessions } from '../../../src/server/push/upload-sessions.js';

describe('UploadSessions', () => {
  const cancelled: string[] = [];
  const uploadOf = (id: string): CountedUpload => ({
    id,
    cancel: async () => void cancelled.push(id),
  });
  const creating = (id: string) => async () => uploadOf(id);
  beforeEach(() => void cancelled.splice(0));
  const full = { name: 'Refusal', code: 'TOOMANYREQUESTS', status: 429 };

  it('count what is being created', async () => {
    const sessions = new UploadSessions({ most: 1, clientShare: 100 });
    let create: (upload: CountedUpload) => void = () => {};
    const first = sessions.begin(
      'a',
      () =>
        new Promise<CountedUpload>((resolve) => {
          create = resolve;
        }),
    );
    await assert.rejects(sessions.begin('a', creating('2')), full);
    create(uploadOf('1'));
    await first;
    await assert.rejects(sessions.begin('a', creating('2')), full);
    sessions.end('1');
    assert.equal((await sessions.begin('a', creating('2'))).id, '2');
  });

  it('do not count what could not be created', async () => {
    const sessions = new UploadSessions({ most: 1, clientShare: 100 });
    const failing = async (): Promise<CountedUpload> => {
      throw new Error('no space');
    };
    await assert.rejects(sessions.begin('a', failing), { message: 'no space' });
    assert.equal((await sessions.begin('a', creating('1'))).id, '1');
  });

  it('count no upload whose client is gone, until it is back', async () => {
    let now = 0;
    const sessions = new UploadSessions({ most: 2, clientShare: 100, now: () => now });
    const gone = await sessions.begin('a', creating('gone'));
    const alive = await sessions.begin('a', creating('alive'));
    sessions.use(gone, 'a');
    now = 9 * 60_000;
    sessions.use(alive, 'a');
    await assert.rejects(sessions.begin('a', creating('new')), full);
    now = 11 * 60_000;
    const fresh = await sessions.begin('a', creating('new'));
    sessions.use(gone, 'a');
    sessions.end('alive');
    sessions.use(fresh, 'a');
    await assert.rejects(sessions.begin('a', creating('newer')), full);
    assert.deepEqual(cancelled, []);
  });

  it('leave nothing in the store of those that nothing was sent to for long', async () => {
    let now = 0;
    const sessions = new UploadSessions({ most: 10, clientShare: 100, now: () => now });
    await sessions.begin('a', creating('empty'));
    sessions.use(await sessions.begin('a', creating('begun')), 'a');
    now = 11 * 60_000;
    await sessions.begin('a', creating('new'));
    assert.deepEqual(cancelled, ['empty']);
  });

  it('refuse one client beyond its share, and not the others', async () => {
    const sessions = new UploadSessions({ most: 4, clientShare: 50 });
    await sessions.begin('a', creating('1'));
    await sessions.begin('a', creating('2'));
    await assert.rejects(sessions.begin('a', creating('3')), {
      ...full,
      message: '2 uploads of this client are under way, which is the limit',
    });
    await sessions.begin('b', creating('4'));
    await sessions.begin('b', creating('5'));
    assert.deepEqual(cancelled, []);
  });

  it('count what one client begins at the same moment', async () => {
    const sessions = new UploadSessions({ most: 4, clientShare: 50 });
    const begun = await Promise.allSettled(
      ['1', '2', '3', '4'].map((id) => sessions.begin('a', creating(id))),
    );
    assert.deepEqual(
      begun.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
    );
  });

  it('give up what a client began and sent nothing to for a while, when it begins another', async () => {
    let now = 0;
    const sessions = new UploadSessions({ most: 4, clientShare: 50, now: () => now });
    await sessions.begin('a', creating('1'));
    await sessions.begin('a', creating('2'));
    now = 9_000;
    await assert.rejects(sessions.begin('a', creating('3')), full);
    now = 11_000;
    await sessions.begin('a', creating('3'));
    assert.deepEqual(cancelled, ['1']);
  });

  it('never give up what something was sent to', async () => {
    let now = 0;
    const sessions = new UploadSessions({ most: 1, clientShare: 100, now: () => now });
    sessions.use(await sessions.begin('a', creating('1')), 'a');
    now = 60_000;
    await assert.rejects(sessions.begin('b', creating('2')), full);
    assert.deepEqual(cancelled, []);
  });

  it('have room for a client with few, at the cost of one with many', async () => {
    const sessions = new UploadSessions({ most: 4, clientShare: 50 });
    for (const id of ['1', '2']) await sessions.begin('a', creating(id));
    for (const id of ['3', '4']) await sessions.begin('b', creating(id));
    await sessions.begin('c', creating('5'));
    assert.deepEqual(cancelled, ['1']);
    await assert.rejects(sessions.begin('c', creating('6')), full); // no client has two more than c
  });

  it('let go on with an upload that is being written to when its place is wanted', async () => {
    const sessions = new UploadSessions({ most: 1, clientShare: 100, now: () => (now += 11_000) });
    let now = 0;
    await sessions.begin('a', async () => ({
      id: '1',
      cancel: async () => {
        throw new LadingError('LOCKED', 'a request is at work on it');
      },
    }));
    assert.equal((await sessions.begin('b', creating('2'))).id, '2');
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
