import assert from 'node:assert/strict';
import type { Told } from './command.js';

/**
 * Sets a terminal's title, clears its screen, sets a colour with a one-byte CSI, reverses the direction of text, writes
 * a line that looks like lading's, and hides letters as Unicode tags.
 */
export const ESCAPES =
  '\x1b]0;pwned\x07\x1b[2J\x9b31m\u202eevil\u2066\r\nlading: all right\n\x00\x7f\u2028\ufeff\u{e0041}\u061c';

/** The same for places that cannot have line ends. */
export const ESCAPES_IN_LINE = ESCAPES.replace(/[\r\n\0]/g, '');

/** Characters that are invisible or control a terminal, except the end of a line. */
const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Asserts that the output has no control characters for a terminal, and no line from the attack. */
export function assertSafe({ stdout, stderr }: Told): void {
  for (const [name, text] of Object.entries({ stdout, stderr })) {
    const found = UNSAFE.exec(text);
    assert.equal(found, null, `${name} has ${JSON.stringify(found?.[0])}: ${JSON.stringify(text)}`);
    assert.ok(!text.includes('This should not happen'), `${name} has ${text}`);
    assert.ok(!/^lading: all right/m.test(text), `${name} has a line of a stranger: ${JSON.stringify(text)}`);
  }
}
