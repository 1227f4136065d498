import assert from 'node:assert/strict';
import { createPool } from '../../../src/pool.js';
import { Connection } from '../../../src/transfer/ranges/connection.js';
import { Line } from '../../../src/transfer/ranges/line.js';
import { Phases } from '../../../src/transfer/ranges/phases.js';
import type { Piece } from '../../../src/transfer/ranges/piece.js';
import { PieceQueue } from '../../../src/transfer/ranges/piece-queue.js';
import { LIMITS } from './fake-line.js';

const SIZE = 4 * LIMITS.minBytes;

describe('Phases', () => {
  it('tries a second connection with the end of what is being fetched, not of what waits to be read', () => {
    let ms = 0;
    const line = new Line(createPool(4), { limits: LIMITS, now: () => ms });
    const nothing = (): void => undefined;
    const queue = new PieceQueue({
      line,
      start: 0,
      size: SIZE,
      onRead: nothing,
      onStuck: nothing,
      onEnd: nothing,
    });
    const unread = queue.add(1000, 0);
    queue.receive(unread, Buffer.alloc(1000));
    const fetched = queue.add(SIZE, 0);
    const started: (Piece | undefined)[] = [];
    let bytes = 0;
    const phases = new Phases({
      line,
      registry: 'registry.example',
      queue,
      progress: () => ({ bytes, pausedMs: 0 }),
      start: (_, piece) => started.push(piece),
      onSeveral: nothing,
      onVain: nothing,
    });
    const connection = new Connection();
    while (started.length === 0 && ms < 100) {
      ms++;
      bytes += 1024;
      queue.receive(fetched, Buffer.alloc(1024));
      phases.arrived(connection, 1);
    }
    assert.deepEqual([phases.current, started.length], ['trying', 1]);
    const [second] = started;
    assert.deepEqual([unread.end, unread.isWhole], [1000, true]);
    assert.ok(fetched.end > fetched.position && fetched.end < SIZE);
    assert.deepEqual([second?.position, second?.end], [fetched.end, SIZE]);
    queue.clear();
    assert.ok(line.takeWindow(LIMITS.windowBytes));
  });
});
