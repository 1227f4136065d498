import assert from 'node:assert/strict';
import { ContentError, LadingError, RegistryError } from '../../src/errors.js';
import { isRetryable } from '../../src/retry.js';
import { namingImage } from '../../src/transfer/naming.js';

const NAME = 'reg.example/team/app:1.2';

describe('an error about content', () => {
  it('names the image that needs it, and how many more', () => {
    const damaged = new ContentError('DIGEST_MISMATCH', 'sha256:1 is damaged', { hint: 'Ask again.' });
    const named = namingImage(damaged, [NAME, 'b', 'c']);
    assert.ok(named instanceof ContentError);
    assert.equal(named.message, `sha256:1 is damaged; it is needed by ${NAME} and 2 more`);
    assert.deepEqual([named.code, named.hint, named.cause], ['DIGEST_MISMATCH', 'Ask again.', damaged]);
  });

  it('stays what callers judge it by', () => {
    const refused = new RegistryError('TOO_MANY_REQUESTS', 'blob sha256:1 of reg.example/x: no', {
      status: 429,
      retryAfterMs: 2000,
      registryCodes: ['TOOMANYREQUESTS'],
      hint: 'Wait.',
    });
    const named = namingImage(refused, [NAME]);
    assert.ok(named instanceof RegistryError && isRetryable(named));
    assert.match(named.message, new RegExp(`no; it is needed by ${NAME}$`));
    assert.deepEqual(
      [named.status, named.retryAfterMs, named.registryCodes, named.hint],
      [429, 2000, ['TOOMANYREQUESTS'], 'Wait.'],
    );
  });

  it('names the image where its registry cannot be reached, too', () => {
    const unreachable = new RegistryError('UNREACHABLE', 'cannot reach reg.example: connection refused');
    const named = namingImage(unreachable, [NAME]);
    assert.ok(named instanceof RegistryError);
    assert.equal(named.message, `cannot reach reg.example: connection refused; it is needed by ${NAME}`);
  });

  it('is left alone where it names the image, or is about something else', () => {
    const errors = [
      new ContentError('MISSING_CONTENT', `sha256:1 is missing; ${NAME} needs it`),
      new RegistryError('NOT_FOUND', 'tag "1.2" of reg.example/team/app: not found', { status: 404 }),
      new LadingError('NO_SPACE', 'no space left'),
      new LadingError('ABORTED', 'interrupted'),
      new Error('a bug'),
    ];
    for (const error of errors) assert.equal(namingImage(error, [NAME]), error);
    const [first] = errors;
    assert.equal(namingImage(first, []), first);
  });
});
