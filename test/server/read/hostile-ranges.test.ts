import assert from 'node:assert/strict';
import fc from 'fast-check';
import { contentOf, randomBytesFrom } from '../../support/images.js';
import { type Served, serve } from '../../support/registry-server.js';
import { useFolder } from '../../support/temporary.js';
import { layoutOf } from '../layout-folder.js';

const SIZE = 10_000;
const blob = contentOf('application/octet-stream', randomBytesFrom('ranges', SIZE));
const path = `/v2/a/blobs/${blob.descriptor.digest}`;
/** Maximum size of a part's head and boundary. */
const MOST_FRAME_BYTES = 200;

for (const form of ['directory', 'tar'] as const) {
  describe(`a Range header that is a trick, at a layout in a ${form}`, () => {
    const folder = useFolder('the suite');
    let served: Served;
    let close: () => Promise<void>;
    before(async () => {
      const layout = await layoutOf(folder('layout'), { contents: [blob] }, form);
      served = await serve({ a: layout });
      close = () => layout.close();
    });
    after(async () => {
      await served.close();
      await close();
    });

    const refused: [what: string, range: string][] = [
      ['negative numbers', 'bytes=-1--2'],
      ['hexadecimal', 'bytes=0x0-0x10'],
      ['exponents', 'bytes=0-1e3'],
      ['signs', 'bytes=+1-+2'],
      ['a first byte beyond all numbers', `bytes=${'9'.repeat(400)}-`],
      ['the byte behind the last', `bytes=${SIZE}-${SIZE}`],
      ['an end before the start', 'bytes=10-9'],
      ['no number at all', 'bytes=-'],
      ['only commas', 'bytes=,,,,'],
      ['a good range beside a bad one', 'bytes=0-1,2-1'],
      ['digits of another script', 'bytes=\u00b2-\u00b3'],
    ];
    for (const [what, range] of refused) {
      it(`is refused for ${what}`, async () => {
        const reply = await served.ask(path, { headers: { Range: range } });
        assert.deepEqual([reply.status, reply.headers['content-range']], [416, `bytes */${SIZE}`]);
        assert.ok(reply.body.length < 1000 && reply.complete);
      });
    }

    const answered: [what: string, range: string, bytes: number][] = [
      ['an end beyond all numbers', `bytes=${SIZE - 1}-${'9'.repeat(400)}`, 1],
      ['a suffix beyond all numbers', `bytes=-${'9'.repeat(400)}`, SIZE],
      ['the same range a hundred times', `bytes=${Array(100).fill('0-').join()}`, SIZE],
      [
        'ranges that start a byte later each time',
        `bytes=${Array.from(Array(100), (_, i) => `${i}-`).join()}`,
        SIZE,
      ],
      [
        'more ranges than anybody needs',
        `bytes=${Array.from(Array(1000), (_, i) => `${2 * i}-${2 * i}`).join()}`,
        SIZE,
      ],
    ];
    for (const [what, range, bytes] of answered) {
      it(`brings no byte twice for ${what}`, async () => {
        const reply = await served.ask(path, { headers: { Range: range } });
        assert.ok([200, 206].includes(reply.status), String(reply.status));
        assert.equal(reply.body.length, bytes);
        assert.ok(blob.bytes.includes(reply.body));
      });
    }

    it('brings at most what there is and a frame for each part, and as much as was announced', async () => {
      const number = fc.oneof(fc.nat(SIZE + 10), fc.constantFrom('', SIZE - 1, SIZE, 2 ** 53, -1, 'x', ' '));
      const range = fc.tuple(number, number).map(([first, last]) => `${first}-${last}`);
      const header = fc.array(range, { maxLength: 8 }).map((ranges) => `bytes=${ranges.join(',')}`);
      await fc.assert(
        fc.asyncProperty(header, async (asked) => {
          const reply = await served.ask(path, { headers: { Range: asked } });
          assert.ok([206, 416].includes(reply.status), asked);
          assert.equal(reply.complete, true, asked);
          assert.equal(reply.headers['content-length'], String(reply.body.length), asked);
          const parts = asked.split(',').length;
          assert.ok(reply.body.length <= SIZE + parts * MOST_FRAME_BYTES, asked);
        }),
        { numRuns: 150, seed: 1 },
      );
    });
  });
}
