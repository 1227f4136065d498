#!/usr/bin/env node
// What Node.js reads first. It is written so that every Node.js since 12 can parse it, and imports the program only
// when this Node.js can run it: an older one would print the source of the bundle beside a syntax error.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
// The version is that of package.json, which is not read for it.
if (major > 20 || (major === 20 && minor >= 19)) {
  import('./start.js');
} else {
  const found = `${process.versions.node} (${process.execPath})`;
  process.stderr.write(`lading: needs Node.js 20.19 or later, and this is ${found}\n`);
  process.exitCode = 1;
}
