import assert from 'node:assert/strict';
import type { Told } from './command.js';

/**
 * Sets a terminal's title, clears its screen, colours by a one-byte CSI, turns the text around, writes a line of
 * our own over the last one, and hides letters among Unicode's tags.
 */
export const ESCAPES =
  '\x1b]0;pwned\x07\x1b[2J\x9b31m\u202eevil\u2066\r\nlading: all right\n\x00\x7f\u2028\ufeff\u{e0041}\u061c';

/** The same where a line end cannot be. */
export const ESCAPES_IN_LINE = ESCAPES.replace(/[\r\n\0]/g, '');

/** All that is neither a letter nor a line's own end. */
const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Nothing that a terminal would act upon, and no line that a stranger wrote. */
export function assertSafe({ stdout, stderr }: Told): void {
  for (const [name, text] of Object.entries({ stdout, stderr })) {
    const found = UNSAFE.exec(text);
    assert.equal(found, null, `${name} has ${JSON.stringify(found?.[0])}: ${JSON.stringify(text)}`);
    assert.ok(!text.includes('This should not happen'), `${name} has ${text}`);
    assert.ok(!/^lading: all right/m.test(text), `${name} has a line of a stranger: ${JSON.stringify(text)}`);
  }
}
