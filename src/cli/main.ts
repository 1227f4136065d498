#!/usr/bin/env node
// The entry point. Any Node.js since version 12 can parse it, and it imports the program only if this Node.js can run
// it: older ones would print the source of the bundle with a syntax error.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
// The same version as "engines" in package.json, which is not read here.
if (major > 20 || (major === 20 && minor >= 19)) {
  import('./start.js');
} else {
  const found = `${process.versions.node} (${process.execPath})`;
  process.stderr.write(`lading: Node.js 20.19 or later is required, but this is ${found}\n`);
  process.exitCode = 1;
}
