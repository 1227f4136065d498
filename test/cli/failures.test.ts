import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { failuresOf, resultWithFailures } from '../../src/cli/failures.js';
import { createOutput } from '../../src/cli/output.js';
import { LadingError } from '../../src/errors.js';

describe('a result with failures', () => {
  const NAME = 'reg.test/a:1';
  const unreachable = new LadingError('UNREACHABLE', 'reg.test cannot be reached', { hint: 'Look at it.' });
  const unknown = new LadingError('NOT_FOUND', `${NAME} does not exist`);

  function shown(error: Error | undefined, images: string[], isJSON = false) {
    const written: string[] = [];
    const stream = (name: string): PassThrough =>
      new PassThrough().on('data', (chunk) => written.push(`${name}${chunk}`)) as PassThrough;
    const output = createOutput({
      ...{ json: isJSON, quiet: false, verbose: false },
      stdout: stream('> '),
      stderr: stream(''),
    });
    const result = { images, failures: error === undefined ? [] : [{ name: NAME, error }] };
    const text = () => `${failuresOf(result)}${images.length} saved\n`;
    return { code: resultWithFailures(output, result, { text, isJSON }), text: written.join('') };
  }

  it('names the image of each error, and ends with the sum, failures first', () => {
    assert.deepEqual(shown(unreachable, ['b', 'c']), {
      code: 4,
      text: 'lading: reg.test/a:1: reg.test cannot be reached\nhint: Look at it.\n> 1 of 3 images failed; 2 saved\n',
    });
    assert.match(
      shown(unknown, ['b']).text,
      /^lading: reg\.test\/a:1 does not exist\n> 1 of 2 images failed; /,
    );
  });

  it('ends with the code of the first failure if nothing else came of it', () => {
    assert.deepEqual(shown(unknown, []).code, 5);
    assert.deepEqual(shown(undefined, ['b']), { code: 0, text: '> 1 saved\n' });
  });

  it('has them as data with --json, and says nothing besides', () => {
    const { text } = shown(unreachable, ['b'], true);
    const document = JSON.parse(text.replace(/^> /, ''));
    assert.deepEqual(document.failures, [
      {
        name: NAME,
        error: { code: 'UNREACHABLE', message: 'reg.test cannot be reached', hint: 'Look at it.' },
      },
    ]);
  });
});
