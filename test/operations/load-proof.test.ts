import assert from 'node:assert/strict';
import { load } from '../../src/operations/load.js';
import { openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import { answering, refusal, type TableAnswer } from '../support/answer-table.js';
import { copyInto, storeOf } from '../support/archives.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startUploadRegistry } from '../support/upload-registry.js';

const HEAD = /^HEAD .*\/manifests\/sha256/;
const GET = /^GET .*\/manifests\/sha256/;

describe('the question whether an image has arrived', () => {
  const path = useFolder();
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  /** Loads an image into a registry that answers in its own way once it has the tag. */
  async function loadInto(...rows: [asked: RegExp, answer: (count: number) => TableAnswer][]) {
    const image = await makeImage({ seed: 'proof' });
    const archive = await openArchiveForWriting(path('in.tar'), { format: 'oci-archive' });
    await copyInto(archive, await storeOf({ 'x.test/app:1': image }), ['x.test/app:1']);
    let isTagged = false;
    let count = 0;
    const registry = await startUploadRegistry({
      refuse: answering(
        [
          /^PUT .*\/manifests\/1$/,
          () => {
            isTagged = true;
            return undefined;
          },
        ],
        ...rows.map(([asked, answer]): [RegExp, () => TableAnswer] => [
          asked,
          () => (isTagged ? answer(count++) : undefined),
        ]),
      ),
    });
    closing.push(registry.close);
    return load({ input: path('in.tar'), destination: registry.host, retries: 0 });
  }

  it('is asked again of a registry that shows what it has taken after a moment', async () => {
    const late = (count: number) => (count < 3 ? refusal(404, 'MANIFEST_UNKNOWN') : undefined);
    assert.equal((await loadInto([HEAD, late], [GET, late])).images.length, 1);
  });

  it('is answered by GET where HEAD finds nothing', async () => {
    assert.equal((await loadInto([HEAD, () => refusal(404)])).images.length, 1);
  });

  it('names the image where the registry does not answer it', async () => {
    for (const status of [403, 500])
      await assert.rejects(loadInto([/\/manifests\/sha256/, () => refusal(status)]), {
        message: /it is needed by x\.test\/app:1$/,
      });
  });

  it('is an error where the image never shows', async () => {
    const lost = () => refusal(404, 'MANIFEST_UNKNOWN');
    await assert.rejects(loadInto([HEAD, lost], [GET, lost]), {
      code: 'MISSING_CONTENT',
      message: /app:1 was pushed, but the registry does not have sha256/,
    });
  });
});
