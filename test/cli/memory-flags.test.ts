import assert from 'node:assert/strict';
import { cachedDataVersionTag } from 'node:v8';
import { takeLessMemory } from '../../src/cli/memory-flags.js';

describe('the flags of V8 for less memory', () => {
  it('are set from the first module to the exit: V8 recognises kept code by its flags', () => {
    const scope = globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } };
    const { Module } = scope.WebAssembly;
    const before = cachedDataVersionTag();
    const listeners = process.listeners('exit');

    takeLessMemory();
    assert.equal(cachedDataVersionTag(), before);

    const smallest = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    assert(new scope.WebAssembly.Module(smallest) instanceof Module);
    assert.notEqual(cachedDataVersionTag(), before);
    assert.equal(scope.WebAssembly.Module, Module);

    const atExit = process.listeners('exit').filter((listener) => !listeners.includes(listener));
    for (const listener of atExit) {
      listener(0);
      process.off('exit', listener);
    }
    assert.equal(cachedDataVersionTag(), before);
  });
});
