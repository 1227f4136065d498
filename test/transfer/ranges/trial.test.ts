import assert from 'node:assert/strict';
import { Meter, type Rates, type Reading, Trial } from '../../../src/transfer/ranges/trial.js';

const INTERVAL_MS = 100;

/** Readings of a line whose rate changes: `rates` are bytes in a millisecond, for an interval each. */
function readings(rates: readonly number[], extra: Partial<Reading> = {}): Reading[] {
  let total = 0;
  return [0, ...rates].map((rate, index) => {
    total += rate * INTERVAL_MS;
    return { at: index * INTERVAL_MS, bytes: total, total, connections: 1, pausedMs: 0, ...extra };
  });
}

describe('Meter', () => {
  const measured = (all: readonly Reading[]): (Rates | undefined)[] => {
    const meter = new Meter(INTERVAL_MS);
    return all.map((reading) => meter.read(reading));
  };

  it('gives the rate when it does not rise any more', () => {
    const rates = measured(readings([1, 2, 4, 5, 4]));
    assert.deepEqual(
      rates.map((rate) => rate?.own),
      [undefined, undefined, undefined, undefined, 5000, 4000],
    );
    assert.equal(rates.at(-1)?.total, 5000); // the better one of two intervals
  });

  it('waits for the end of an interval', () => {
    const [first, second, third] = readings([1, 1]);
    assert.ok(first && second && third);
    const early = { ...third, at: third.at - 1 };
    assert.deepEqual(
      measured([first, second, early, third]).map((rate) => rate !== undefined),
      [false, false, false, true],
    );
  });

  it('gives nothing where the reader is waited for', () => {
    const paused = readings([1, 1, 1]).map((reading) => ({ ...reading, pausedMs: reading.at * 0.6 }));
    assert.deepEqual(measured(paused), [undefined, undefined, undefined, undefined]);
  });

  it('begins anew when other connections come or go', () => {
    const all = readings([1, 1, 1, 1]).map((reading, index) => ({
      ...reading,
      connections: index < 2 ? 1 : 2,
    }));
    assert.deepEqual(
      measured(all).map((rate) => rate !== undefined),
      [false, false, false, false, true],
    );
  });
});

describe('Trial', () => {
  const ofOne: Rates = { own: 1000, total: 1000, connections: 1 };
  const judged = (rates: readonly number[], before: Rates = ofOne, isOver = false): unknown => {
    const trial = new Trial(before, INTERVAL_MS);
    trial.arrived(0);
    const all = readings(rates, { connections: before.connections + 1 });
    for (const [index, reading] of all.entries()) {
      const verdict = trial.judge(reading, { isOver: isOver && index === all.length - 1 });
      if (verdict !== undefined) return [verdict, index];
    }
    return undefined;
  };

  it('sees that a second connection adds, once it has become fast', () => {
    assert.deepEqual(judged([1, 2, 2]), ['adds', 3]);
    assert.deepEqual(judged([0, 1.5, 1.5]), ['adds', 3]);
  });

  it('sees that it does not', () => {
    assert.deepEqual(judged([1, 1, 1, 1]), ['same', 4]);
    assert.deepEqual(judged([1, 1.4, 1.4, 1.4]), ['same', 4]);
  });

  it('is not misled by one interval in which the machine was busy', () => {
    assert.deepEqual(judged([1, 0.1, 2, 2]), ['adds', 4]);
    assert.deepEqual(judged([1, 3, 1, 1, 1]), ['same', 5]);
  });

  it('expects less of a fifth connection than of a second', () => {
    const ofFour: Rates = { own: 1000, total: 4000, connections: 4 };
    assert.deepEqual(judged([4, 4.6, 4.6], ofFour), ['adds', 3]);
    assert.deepEqual(judged([4, 4.4, 4.4, 4.4], ofFour), ['same', 4]);
  });

  it('says what it knows when it is over', () => {
    assert.deepEqual(judged([1, 2], ofOne, true), ['adds', 2]);
    assert.deepEqual(judged([1, 1], ofOne, true), ['same', 2]);
    assert.deepEqual(judged([1], ofOne, true), ['unclear', 1]);
    assert.deepEqual(judged([1, 2, 1], ofOne, true), ['unclear', 3]);
  });

  it('is unclear when other transfers begin or end', () => {
    const trial = new Trial(ofOne, INTERVAL_MS);
    trial.arrived(0);
    const [reading] = readings([]);
    assert.ok(reading);
    assert.equal(trial.judge({ ...reading, connections: 2 }, { isOver: false }), undefined);
    assert.equal(trial.judge({ ...reading, connections: 3 }, { isOver: false }), 'unclear');
  });
});
