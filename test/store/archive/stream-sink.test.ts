import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { createStreamSink } from '../../../src/store/archive/stream-sink.js';

describe('createStreamSink', () => {
  it('lets pieces wait until everything before them was written', async () => {
    const stream = new PassThrough({ highWaterMark: 2 });
    const received = buffer(stream);
    const sink = createStreamSink(stream);
    const pieces: [text: string, position: number][] = [
      ['second', 5],
      ['third', 11],
      ['first', 0],
    ];
    await Promise.all(pieces.map(([text, position]) => sink.write([Buffer.from(text)], position)));
    stream.end();
    assert.equal((await received).toString(), 'firstsecondthird');
  });

  it('goes back for nobody, and does not read back', async () => {
    const sink = createStreamSink(new PassThrough().resume());
    await sink.write([Buffer.from('first')], 0);
    await assert.rejects(sink.write([Buffer.from('x')], 2), { message: /written already/ });
    assert.equal(sink.read, undefined);
  });

  it('lets nobody wait who is told to stop, and goes on with the others', async () => {
    const stream = new PassThrough();
    const received = buffer(stream);
    const sink = createStreamSink(stream);
    const controller = new AbortController();
    const stopped = sink.write([Buffer.from('x')], 5, controller.signal);
    controller.abort(new Error('stop'));
    await assert.rejects(stopped, { message: 'stop' });
    const late = sink.write([Buffer.from('x')], 7, controller.signal);
    await assert.rejects(late, { message: 'stop' });
    await sink.write([Buffer.from('first')], 0);
    await assert.rejects(sink.write([Buffer.from('x')], 5, controller.signal), { message: 'stop' });
    stream.end();
    assert.equal((await received).toString(), 'first');
  });

  it('tells of a reader that went away, while it waits and at the next write', async () => {
    const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    const stream = new PassThrough({ highWaterMark: 1 });
    const sink = createStreamSink(stream);
    const waits = sink.write([Buffer.from('first')], 0);
    stream.destroy(gone);
    await assert.rejects(waits, { code: 'IO', message: /closed before the archive was whole/, cause: gone });

    const full = new PassThrough();
    const another = createStreamSink(full);
    full.destroy(Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' }));
    await turn();
    await assert.rejects(another.write([Buffer.from('first')], 0), { code: 'NO_SPACE' });
  });
});
