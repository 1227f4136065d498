'use strict';
// Runs a command of the program as the executable does, and writes which functions of its files were called.
// Usage: node record-functions.cjs ASSETS OUTPUT ARGUMENT… ASSETS is a JSON file with the path of each asset. OUTPUT gets
// an object with a list of ranges [start, end] for each file.
const { readFileSync, writeFileSync } = require('node:fs');
const { Session } = require('node:inspector');
const Module = require('node:module');

const [list, output, ...args] = process.argv.slice(2);
const assets = JSON.parse(readFileSync(list, 'utf8'));
process.argv = [process.execPath, process.execPath, ...args];

/** What `node:sea` is in the executable. */
const sea = {
  isSea: () => true,
  getAsset: (name, encoding) => readFileSync(assets[name], encoding),
  getRawAsset: (name) => readFileSync(assets[name]),
};
const { _load: load } = Module;
Module._load = (id, ...rest) => (id === 'node:sea' ? sea : load(id, ...rest));

// What is called must not depend on how fast the machine is: no time passes, and no timer is due that waits long.
performance.now = () => 0;
const now = Date.now();
Date.now = () => now;
const { setTimeout: after, setInterval: every } = globalThis;
const NEVER_MS = 2 ** 31 - 1;
const LONG_MS = 20;
globalThis.setTimeout = (callback, ms, ...given) => after(callback, ms >= LONG_MS ? NEVER_MS : ms, ...given);
globalThis.setInterval = (callback, _ms, ...given) => every(callback, NEVER_MS, ...given);

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: false });
process.on('exit', () => {
  session.post('Profiler.takePreciseCoverage', (error, { result }) => {
    if (error) throw error;
    const called = {};
    for (const { url, functions } of result) {
      if (!url.startsWith('lading/')) continue;
      called[url.slice('lading/'.length)] = functions
        .map(({ ranges: [{ startOffset, endOffset, count }] }) => [startOffset, endOffset, count])
        .filter(([, , count]) => count > 0)
        .map(([start, end]) => [start, end]);
    }
    writeFileSync(output, JSON.stringify(called));
  });
});

require('./embedded-main.cjs');
