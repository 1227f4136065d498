import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createStreamSink } from '../../src/store/stream-sink.js';

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
    await sink.write([Buffer.from('first')], 0);
    await assert.rejects(sink.write([Buffer.from('x')], 5, controller.signal), { message: 'stop' });
    stream.end();
    assert.equal((await received).toString(), 'first');
  });
});
