import assert from 'node:assert/strict';
import { formatReference } from '../../src/content/reference.js';
import { isLadingError } from '../../src/errors.js';
import {
  type ExpandImagesOptions,
  expandImages,
  parseImageTexts,
} from '../../src/operations/expand-images.js';

const HEX = 'a'.repeat(64);
const TAGS: Record<string, string[]> = {
  'docker.io/library/alpine': ['3.19', '3.20', '3.21', 'latest', `sha256-${HEX}.sig`, `sha256-${HEX}`],
  'reg.test/k3s': ['v1.30.1-k3s1', 'v1.31.0-k3s1'],
  'reg.test/empty': [],
};

describe('expandImages', () => {
  let asked: string[];
  beforeEach(() => {
    asked = [];
  });

  const expand = async (texts: string[], options: Omit<ExpandImagesOptions, 'tagsOf'> = {}) =>
    expandImages(await parseImageTexts(texts), {
      ...options,
      async *tagsOf({ registry, repository }) {
        asked.push(`${registry}/${repository}`);
        yield* TAGS[`${registry}/${repository}`] ?? [];
      },
    });

  it('turns names and patterns into images, in the order of the list, and asks for patterns alone', async () => {
    const { references, patterns, failures } = await expand([
      'busybox',
      'alpine:{>=3.20}',
      'reg.test/k3s:{newest 1}',
    ]);
    assert.deepEqual(references.map(formatReference), [
      'docker.io/library/busybox:latest',
      'docker.io/library/alpine:3.20',
      'docker.io/library/alpine:3.21',
      'reg.test/k3s:v1.31.0-k3s1',
    ]);
    assert.deepEqual(patterns, [
      {
        text: 'alpine:{>=3.20}',
        repository: 'docker.io/library/alpine',
        resolved: ['docker.io/library/alpine:3.20', 'docker.io/library/alpine:3.21'],
      },
      {
        text: 'reg.test/k3s:{newest 1}',
        repository: 'reg.test/k3s',
        resolved: ['reg.test/k3s:v1.31.0-k3s1'],
      },
    ]);
    assert.deepEqual(failures, []);
    assert.deepEqual(asked, ['docker.io/library/alpine', 'reg.test/k3s']);
  });

  it('asks a repository once, however many patterns it has', async () => {
    await expand(['alpine:{3.19.x}', 'docker.io/library/alpine:{>=3.20}', 'alpine'], { allTags: true });
    assert.deepEqual(asked, ['docker.io/library/alpine']);
  });

  it('never takes the tags of signatures', async () => {
    const { references } = await expand(['alpine:{match /./}']);
    assert.deepEqual(
      references.map(({ tag }) => tag),
      ['latest', '3.19', '3.20', '3.21'],
    );
  });

  it('says what is near if a pattern takes nothing', async () => {
    await assert.rejects(expand(['alpine:{>=4}']), (error) => {
      assert(isLadingError(error, 'NOT_FOUND'));
      assert.equal(error.message, 'alpine:{>=4} takes none of the 4 tags of docker.io/library/alpine');
      assert.equal(error.hint, 'The nearest: 3.19, 3.20, 3.21.');
      return true;
    });
    await assert.rejects(
      expand(['reg.test/empty:{*}']),
      (error) => isLadingError(error, 'NOT_FOUND') && /reg.test\/empty has no tags/.test(error.message),
    );
  });

  it('goes on with the others if that is wanted, but not with none', async () => {
    const { references, failures } = await expand(['alpine:{>=4}', 'busybox:1'], { keepGoing: true });
    assert.deepEqual(references.map(formatReference), ['docker.io/library/busybox:1']);
    assert.deepEqual(
      failures.map(({ name, error }) => [name, isLadingError(error, 'NOT_FOUND')]),
      [['alpine:{>=4}', true]],
    );
    await assert.rejects(expand(['alpine:{>=4}'], { keepGoing: true }));
  });

  it('refuses a pattern that is wrong before anyone is asked', async () => {
    await assert.rejects(parseImageTexts(['busybox', 'alpine:{>=}']), { code: 'USAGE' });
  });
});
