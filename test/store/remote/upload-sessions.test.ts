import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createUploadSessions } from '../../../src/store/remote/upload-sessions.js';
import { useFolder } from '../../support/temporary.js';

const UPLOAD = {
  location: 'https://reg.example/v2/a/blobs/uploads/1?_state=secret',
  offset: 5,
  minChunkBytes: 9,
};
const DAY_MS = 24 * 60 * 60_000;

describe('remembered uploads', () => {
  const path = useFolder();

  it('are there for the next process, readable by their owner only', async () => {
    const file = path('uploads.json');
    await createUploadSessions(file).save('a', UPLOAD);
    assert.deepEqual(await createUploadSessions(file).load('a'), UPLOAD);
    assert.equal(await createUploadSessions(file).load('b'), undefined);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  it('leave no file when the last is gone', async () => {
    const file = path('uploads.json');
    const sessions = createUploadSessions(file);
    await Promise.all([sessions.save('a', UPLOAD), sessions.save('b', UPLOAD)]);
    await sessions.remove('a');
    assert.deepEqual(Object.keys(JSON.parse(await readFile(file, 'utf8')).uploads), ['b']);
    await sessions.remove('b');
    await assert.rejects(stat(file), { code: 'ENOENT' });
  });

  it('leave no file when one is gone that is still being written', async () => {
    const file = path('uploads.json');
    const sessions = createUploadSessions(file);
    await Promise.all([sessions.save('a', UPLOAD), sessions.remove('a')]);
    assert.equal(await sessions.load('a'), undefined);
    await assert.rejects(stat(file), { code: 'ENOENT' });
  });

  it('of processes side by side are kept, whoever writes last', async () => {
    const file = path('uploads.json');
    const [one, other] = [createUploadSessions(file), createUploadSessions(file)];
    assert.equal(await other.load('a'), undefined); // has read the file
    await one.save('a', UPLOAD);
    await other.save('b', UPLOAD);
    await one.save('c', UPLOAD);
    await other.remove('b');
    const later = createUploadSessions(file);
    const kept = await Promise.all(['a', 'b', 'c'].map((key) => later.load(key)));
    assert.deepEqual(kept, [UPLOAD, undefined, UPLOAD]);
  });

  it('are forgotten after a day', async () => {
    const file = path('uploads.json');
    await createUploadSessions(file, { now: () => 1000 }).save('a', UPLOAD);
    assert.deepEqual(await createUploadSessions(file, { now: () => DAY_MS }).load('a'), UPLOAD);
    assert.equal(await createUploadSessions(file, { now: () => DAY_MS + 2000 }).load('a'), undefined);
  });

  it('are none where the file is damaged or holds something else', async () => {
    const file = path('uploads.json');
    for (const text of [
      '',
      '{"uploads":',
      '[]',
      '{"uploads":{"a":{"location":5,"savedAt":1}}}',
      '{"uploads":{"a":{"location":"x","savedAt":"1"}}}',
      '{"uploads":{"a":null}}',
    ]) {
      await writeFile(file, text);
      assert.equal(await createUploadSessions(file, { now: () => 1 }).load('a'), undefined, text);
    }
  });

  it('warn once where nothing can be written, and hold nobody up', async () => {
    await mkdir(path('uploads.json'));
    const warnings: string[] = [];
    const sessions = createUploadSessions(path('uploads.json'), { onWarning: (text) => warnings.push(text) });
    await sessions.save('a', UPLOAD);
    await sessions.save('b', UPLOAD);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /will start over/);
  });
});
