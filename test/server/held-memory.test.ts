import assert from 'node:assert/strict';
import { HeldMemory } from '../../src/server/held-memory.js';

const KB = 1024;

describe('the memory for bodies', () => {
  it('lends large buffers while there are some, then small ones, as large as the body at most', () => {
    const memory = new HeldMemory(1024 * KB); // half of it is for lent buffers
    const first = memory.lend(10_000 * KB);
    const second = memory.lend(10_000 * KB);
    const third = memory.lend(10_000 * KB);
    assert.deepEqual(
      [first, second, third, memory.lend(100)].map(({ buffer }) => buffer.length),
      [256 * KB, 256 * KB, 16 * KB, 100],
    );
    first.release();
    third.release();
    assert.equal(memory.lend(240 * KB).buffer.length, 240 * KB);
  });

  it('refuses a body that does not fit beside those of the same client, with 503', () => {
    const memory = new HeldMemory(512 * KB);
    const release = memory.holdBody('a', Buffer.alloc(200 * KB), assert.fail);
    const refusal = { code: 'UNAVAILABLE', status: 503, headers: { 'Retry-After': '1' } };
    assert.throws(() => memory.holdBody('a', Buffer.alloc(100 * KB), assert.fail), refusal);
    memory.holdBody('a', Buffer.alloc(64 * KB), assert.fail)(); // small bodies are not counted
    release();
    release();
    memory.holdBody('a', Buffer.alloc(200 * KB), assert.fail);
  });

  it('takes the oldest body of a client that holds more than the one in need, and never of one that holds less', () => {
    const memory = new HeldMemory(1024 * KB);
    const cut: string[] = [];
    const hold = (client: string, name: string) =>
      memory.holdBody(client, Buffer.alloc(150 * KB), () => void cut.push(name));
    hold('b', 'b1');
    for (const name of ['a1', 'a2']) hold('a', name);
    hold('c', 'c1');
    assert.deepEqual(cut, ['a1']);
    assert.throws(() => hold('b', 'b2'), { code: 'UNAVAILABLE' });
    assert.deepEqual(cut, ['a1']);
  });

  it('counts a body once that many answers share', () => {
    const memory = new HeldMemory(512 * KB);
    const body = Buffer.alloc(250 * KB);
    const releases = ['a', 'b', 'c'].map((client) => memory.holdBody(client, body, assert.fail));
    releases[0]?.();
    releases[1]?.();
    assert.throws(() => memory.holdBody('d', Buffer.alloc(250 * KB), assert.fail), { code: 'UNAVAILABLE' });
    releases[2]?.();
    memory.holdBody('d', Buffer.alloc(250 * KB), assert.fail);
  });

  it('counts a body that comes piece by piece from where it is no longer small', () => {
    const memory = new HeldMemory(512 * KB);
    const small = Array.from({ length: 20 }, () => memory.hold('a', assert.fail));
    for (const held of small) held.grow(64 * KB);
    const large = memory.hold('b', assert.fail);
    for (let pieces = 0; pieces < 4; pieces++) large.grow(64 * KB);
    assert.throws(() => large.grow(1), { code: 'UNAVAILABLE' });
    large.release();
    const other = memory.hold('b', assert.fail);
    for (let pieces = 0; pieces < 4; pieces++) other.grow(64 * KB);
  });
});
