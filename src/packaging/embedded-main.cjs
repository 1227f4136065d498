'use strict';
// The start of the single executable. The program is the one of the package, with a file for each part; the files and
// their compiled code are in the executable, so that a command reads and compiles only what it uses.
const { isBuiltin } = require('node:module');
const { getRawAsset } = require('node:sea');
const { Script } = require('node:vm');

const loaded = new Map();

/** Returns the exports of a file of the program, as `require` does. */
function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const module = { exports: {} };
  loaded.set(name, module);
  const source = Buffer.from(getRawAsset(name)).latin1Slice(); // esbuild writes nothing but ASCII
  const script = new Script(source, { filename: `lading/${name}`, cachedData: compiled(name) });
  const call = script.runInThisContext();
  call(module.exports, required, module, process.execPath);
  return module.exports;
}

/** What the files of the program require: each other, modules of Node.js, and optional packages, which are not here. */
function required(id) {
  if (id.startsWith('./')) return load(id.slice(2));
  if (isBuiltin(id)) return require(id);
  throw Object.assign(new Error(`${id} is not part of the executable`), { code: 'MODULE_NOT_FOUND' });
}

/** The compiled code of a file; there is none for other kinds of processors than the one of the build. */
function compiled(name) {
  try {
    return Buffer.from(getRawAsset(`${name}.compiled`));
  } catch {
    return undefined;
  }
}

load('start.cjs');
