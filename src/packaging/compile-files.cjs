'use strict';
// Compiles files with the V8 that will run them, and in them the functions that a command calls. What V8 keeps of a program
// that has run is the same in effect, but it is not the same bytes at each run.
// Usage: node --predictable compile-files.cjs FOLDER OUTPUT CALLED NAME… CALLED is a JSON file with the ranges of functions,
// as record-functions.cjs writes it.
const { readFileSync, writeFileSync } = require('node:fs');
const { Session } = require('node:inspector');
const { join } = require('node:path');
const { Script } = require('node:vm');

const [folder, output, list, ...names] = process.argv.slice(2);
const called = JSON.parse(readFileSync(list, 'utf8'));
const files = names.map((name) => {
  const source = readFileSync(join(folder, name), 'latin1');
  const script = new Script(source, { filename: `lading/${name}` });
  script.runInThisContext(); // returns the function that the file is, without a call
  return { name, source, script };
});

// A debugger that asks where a function can be stopped makes V8 compile it, and nothing else does so without a call.
const session = new Session();
session.connect();
const scriptIDs = new Map();
session.on('Debugger.scriptParsed', ({ params }) => scriptIDs.set(params.url, params.scriptId));
session.post('Debugger.enable');
for (const { name, source } of files) {
  const place = placesIn(source, scriptIDs.get(`lading/${name}`));
  for (const [, end] of called[name] ?? [])
    session.post(
      'Debugger.getPossibleBreakpoints',
      { start: place(end - 1), end: place(end), restrictToFunction: true },
      (error) => {
        if (error) throw error;
      },
    );
}
session.post('Debugger.disable');
session.disconnect();

for (const { name, script } of files)
  writeFileSync(join(output, `${name}.compiled`), script.createCachedData());

/** Returns a function that makes a place of the debugger's protocol from an offset. */
function placesIn(source, scriptId) {
  const starts = [0];
  for (const { index } of source.matchAll(/\n/g)) starts.push(index + 1);
  return (offset) => {
    const lineNumber = starts.findLastIndex((start) => start <= offset);
    return { scriptId, lineNumber, columnNumber: offset - starts[lineNumber] };
  };
}
