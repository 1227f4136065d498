import assert from 'node:assert/strict';
import { colourFor, hasColours } from '../../src/cli/colours.js';

describe('colours', () => {
  const terminal = { isTTY: true };
  const pipe = { isTTY: false };

  it('are for terminals that have them', () => {
    assert.equal(hasColours(terminal, { TERM: 'xterm' }), true);
    assert.equal(hasColours(terminal, {}), true, 'Windows has no TERM');
    assert.equal(hasColours(terminal, { TERM: 'dumb' }), false);
    assert.equal(hasColours(pipe, { TERM: 'xterm' }), false);
  });

  it('are turned off by NO_COLOR, whatever else is set, and by CLICOLOR=0', () => {
    assert.equal(hasColours(terminal, { NO_COLOR: '1' }), false);
    assert.equal(hasColours(terminal, { NO_COLOR: '' }), true, 'an empty one says nothing');
    assert.equal(hasColours(terminal, { NO_COLOR: '1', FORCE_COLOR: '1', CLICOLOR_FORCE: '1' }), false);
    assert.equal(hasColours(terminal, { CLICOLOR: '0' }), false);
    assert.equal(hasColours(terminal, { FORCE_COLOR: '0' }), false);
  });

  it('are kept in a pipe where that is wanted', () => {
    assert.equal(hasColours(pipe, { FORCE_COLOR: '1' }), true);
    assert.equal(hasColours(pipe, { FORCE_COLOR: '' }), true, 'as for Node.js');
    assert.equal(hasColours(pipe, { CLICOLOR_FORCE: '1' }), true);
    assert.equal(hasColours(pipe, { CLICOLOR_FORCE: '0' }), false);
  });

  it('add nothing to the words', () => {
    const coloured = colourFor(terminal, {})('warning:', 'warning');
    assert.equal(coloured.split('\x1b')[1], '[1;33mwarning:');
    assert.equal(colourFor(pipe, {})('warning:', 'warning'), 'warning:');
  });
});
