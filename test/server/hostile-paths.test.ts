import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { digestOf } from '../../src/content/digest.js';
import { blobPath } from '../../src/store/layout/layout-reader.js';
import { makeImage } from '../support/images.js';
import { exchangeRaw, type Served, serve } from '../support/registry-server.js';
import { useFolder } from '../support/temporary.js';
import { layoutOf } from './layout-folder.js';

const SECRET = 'root:$6$not-to-be-served';
const CODES =
  /^\{"errors":\[\{"code":"(UNSUPPORTED|NAME_INVALID|NAME_UNKNOWN|DIGEST_INVALID|(MANIFEST|BLOB)_UNKNOWN)"/;

describe('a path that is a trick', () => {
  const folder = useFolder('the suite');
  let served: Served;
  let close: () => Promise<void>;
  let hex: string;
  const linked = digestOf(Buffer.from('linked'));
  before(async () => {
    const { all, manifest } = await makeImage({ seed: 'paths' });
    await writeFile(folder('secret'), SECRET);
    await mkdir(folder('layout'));
    const layout = await layoutOf(folder('layout'), { contents: all, manifest });
    await symlink('../../../secret', folder(`layout/${blobPath(linked)}`));
    served = await serve({ a: layout });
    close = () => layout.close();
    hex = manifest.descriptor.digest.slice('sha256:'.length);
  });
  after(async () => {
    await served.close();
    await close();
  });

  /** Sends the target unchanged and returns the reply; asserts that it is one complete answer. */
  async function askFor(target: string): Promise<{ status: number; body: string }> {
    const received = await exchangeRaw(
      served.port,
      `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    const [head = '', body = ''] = received.split('\r\n\r\n', 2);
    assert.match(head, new RegExp(`^content-length: ${body.length}\\r?$`, 'im'), target);
    assert.ok(!received.includes(SECRET), target);
    return { status: Number(/^HTTP\/1\.1 (\d+) /.exec(head)?.[1]), body };
  }

  const refused: [what: string, target: () => string, status: number][] = [
    ['dots after a blob', () => '/v2/a/blobs/../../secret', 404],
    ['dots for a digest', () => '/v2/a/blobs/..', 400],
    ['an encoded way out for a digest', () => '/v2/a/blobs/sha256:%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret', 400],
    ['a digest of dots and slashes', () => `/v2/a/blobs/sha256:${'..%2f'.repeat(21)}a`, 400],
    ['a digest that goes on', () => `/v2/a/blobs/sha256:${hex}%00`, 400],
    ['a digest that goes on as a path', () => `/v2/a/blobs/sha256:${hex}%2f..%2fsecret`, 400],
    ['a digest in capitals', () => `/v2/a/blobs/sha256:${hex.toUpperCase()}`, 400],
    ['a digest encoded twice', () => `/v2/a/blobs/sha256%253A${hex}`, 400],
    ['an algorithm with a way out', () => `/v2/a/blobs/..%2fsha256:${hex}`, 400],
    ['an algorithm like a member of every object', () => `/v2/a/blobs/constructor:${hex}`, 400],
    ['overlong UTF-8 for a slash', () => `/v2/a/blobs/..%c0%af..%c0%afsecret`, 400],
    ['overlong UTF-8 for dots', () => '/v2/%c0%ae%c0%ae/tags/list', 400],
    ['dots of full width', () => '/v2/%ef%bc%8e%ef%bc%8e/tags/list', 400],
    ['a lone surrogate', () => '/v2/%ed%a0%80/tags/list', 400],
    ['backslashes', () => '/v2/a/blobs/..\\..\\secret', 400],
    ['encoded backslashes', () => '/v2/%5c..%5c/tags/list', 400],
    ['NUL at the end of a name', () => '/v2/a%00/tags/list', 400],
    ['a line break in a name', () => '/v2/a%0d%0aX-Injected:%20yes/tags/list', 400],
    ['empty segments', () => '/v2//a//blobs//', 404],
    ['an empty segment in a name', () => '/v2/a//b/tags/list', 400],
    ['an empty segment before the version', () => '//v2/a/tags/list', 404],
    ['dots before the version', () => '/x/../v2/a/tags/list', 404],
    ['a dot for a name', () => '/v2/./tags/list', 400],
    ['the file itself', () => '/secret', 404],
    ['a name on disk', () => '/v2/a/manifests/..%2f..%2findex.json', 404],
    ['a tag like a file', () => '/v2/a/manifests/index.json', 404],
    ['a position instead of a name', () => '/v2/a/manifests/@0', 404],
    ['a tag too long', () => `/v2/a/manifests/${'t'.repeat(129)}`, 404],
    ['a way out in absolute form', () => 'http://a/v2/../secret', 404],
    ['a file in absolute form', () => 'file:///v2/a/tags/list', 404],
    ['another scheme in absolute form', () => 'gopher://a/v2/a/tags/list', 404],
    ['credentials in absolute form', () => 'http://u:p@b/v2/none/tags/list', 404],
    ['an authority only', () => 'http://a', 404],
    ['a query for a path', () => '/v2?/a/tags/list', 200],
    ['a way out in the query', () => '/v2/a/tags/list?last=../../secret&n=..', 400],
  ];
  for (const [what, target, status] of refused) {
    it(`gets ${status} for ${what}`, async () => {
      const reply = await askFor(target());
      assert.equal(reply.status, status, reply.body);
      if (status >= 400) assert.match(reply.body, /^\{"errors":\[\{"code":"[A-Z_]+","message":"/);
    });
  }

  it('gets no file that a link in the layout leads to', async () => {
    for (const kind of ['blobs', 'manifests']) {
      const { status } = await askFor(`/v2/a/${kind}/${linked}`);
      assert.ok([404, 500].includes(status), `${kind}: ${status}`);
    }
  });

  it('gets the refusal of the specification or what it names, whatever it is made of', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '',
        'a',
        'blobs',
        'manifests',
        'tags',
        'list',
        'referrers',
        'uploads',
        '_catalog',
      ),
      fc.constantFrom(
        '%2e%2e',
        '%2F',
        '%5C',
        '%00',
        '%c0%af',
        '%',
        '%zz',
        '%25',
        '@0',
        'sha256:',
        '\\',
        ';',
        '~',
        ':',
      ),
      fc.constantFrom(`sha256:${'0'.repeat(64)}`, `sha256:${'0'.repeat(63)}`, linked, 'sha512:../../secret'),
      fc.stringMatching(/^[!-~]{0,6}$/).map((text) => text.replaceAll('#', '%23')),
    );
    const target = fc
      .array(
        fc.array(piece, { maxLength: 2 }).map((pieces) => pieces.join('')),
        { maxLength: 7 },
      )
      .map((segments) => `/v2/${segments.join('/')}`);
    await fc.assert(
      fc.asyncProperty(target, async (asked) => {
        const { status, body } = await askFor(asked);
        // A link out of the layout is a problem for the operator: a 500 without a reason.
        if (status === 500) assert.ok(asked.includes(linked), asked);
        else if (status === 400 && !body.startsWith('{"errors":[{"code":"UNSUPPORTED"'))
          assert.match(body, /_INVALID"/);
        else if (status !== 200) assert.match(body, CODES, asked);
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});
