import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { checking } from '../../../src/operations/serve/checking.js';

describe('the check whether a store can be read', () => {
  let now: number;
  /** Ends the questions that were asked, in their order. */
  let answers: ((error?: Error) => void)[];
  let check: () => Promise<void>;

  beforeEach(() => {
    now = 0;
    answers = [];
    const ask = () =>
      new Promise<void>((resolve, reject) =>
        answers.push((error) => (error === undefined ? resolve() : reject(error))),
      );
    check = checking(ask, () => now);
  });

  it('asks once a second at most', async () => {
    const both = [check(), check()];
    answers[0]?.();
    await Promise.all(both);
    now = 900;
    await check();
    assert.equal(answers.length, 1);
    now = 1100;
    const next = check();
    assert.equal(answers.length, 2);
    answers[1]?.();
    await next;
  });

  it('says at once that the last answer was a failure, and asks for another meanwhile', async () => {
    const first = check();
    answers[0]?.(new Error('pulled out'));
    await assert.rejects(first, /pulled out/);
    now = 1100;
    await assert.rejects(check(), /pulled out/); // the new question has no answer yet
    assert.equal(answers.length, 2);
    answers[1]?.();
    await turn();
    await check();
  });

  it('goes by the latest question that has an answer', async () => {
    const first = check();
    now = 1100;
    const second = check();
    answers[1]?.();
    await second;
    answers[0]?.(new Error('too late'));
    await assert.rejects(first, /too late/);
    await check();
    assert.equal(answers.length, 2);
  });
});
