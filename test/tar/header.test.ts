import assert from 'node:assert/strict';
import fc from 'fast-check';
import { extract, type Header, pack } from 'tar-stream';
import { decodeHeader, HeaderProblem } from '../../src/tar/header.js';

/** The names of the types in tar-stream. */
const TYPES = {
  '0': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
  '7': 'contiguous-file',
} as const;

const path = fc
  .array(fc.stringMatching(/^[\w.-]{1,40}$/), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join('/'));

describe('decodeHeader', () => {
  it('reads what tar-stream writes as tar-stream reads it', async () => {
    const fields = fc.record({
      name: path,
      linkname: fc.stringMatching(/^[\w./-]{1,100}$/),
      size: fc.oneof(
        fc.nat(),
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.constantFrom(0, 8 ** 11 - 1, 8 ** 11),
      ),
      mode: fc.nat(0o7777),
      type: fc.constantFrom(...Object.entries(TYPES)),
    });
    await fc.assert(
      fc.asyncProperty(fields, async ({ type: [flag, type], linkname, size, ...rest }) => {
        const isLink = type === 'link' || type === 'symlink';
        const isFile = type === 'file' || type === 'contiguous-file';
        const block = await written({ ...rest, type, size: isFile ? size : 0, ...(isLink && { linkname }) });
        if (block.length > 512) return; // the name needs a pax header: see the tests of extensions
        assert.deepEqual(decodeHeader(block), { ...(await streamed(block)), type: flag });
      }),
      { numRuns: 500 },
    );
  });

  it('reads altered headers as tar-stream does, or refuses them', async () => {
    const block = await written({ name: 'a/b', size: 1234, type: 'file' });
    const changes = fc.array(fc.tuple(fc.nat(511), fc.nat(255)), { minLength: 1, maxLength: 8 });
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(changes, fc.boolean(), async (edits, withChecksum) => {
        const altered = Buffer.from(block);
        for (const [offset, byte] of edits) altered[offset] = byte;
        if (withChecksum) writeChecksum(altered);
        const decoded = decodedOrRefused(altered);
        // tar-stream does not return extension headers, only their values for the next entry.
        if (decoded === undefined || /[xgLKN]/.test(decoded.type)) return;
        accepted++;
        const { name, linkName, size } = decoded;
        assert.deepEqual({ name, linkName, size }, await streamed(altered));
      }),
      { numRuns: 1000 },
    );
    assert(accepted > 100, `only ${accepted} were read at all`);
  });

  it('reads numbers between spaces and NULs, as old writers pad them', async () => {
    const block = await written({ name: 'a', size: 0, type: 'file' });
    for (const [text, size] of [
      ['         17 ', 15],
      ['17\0         ', 15],
      ['17          ', 15],
      ['00000000017\0', 15],
      ['777777777777', 8 ** 12 - 1],
      ['\0\0\0\0\0\0\0\0\0\0\0\0', 0],
      ['            ', 0],
    ] as const) {
      block.write(text, 124, 12, 'latin1');
      writeChecksum(block);
      assert.equal(decodeHeader(block)?.size, size, JSON.stringify(text));
    }
  });

  it('refuses sizes that readers take differently: signs, other digits, what follows a gap, negative and huge ones', async () => {
    const block = await written({ name: 'a', size: 0, type: 'file' });
    for (const text of [
      '-1',
      '+1',
      '0x10',
      '8',
      '1 1',
      '1\u00001',
      '1.5',
      '1e3',
      '\xff'.repeat(12),
      `\x80${'\xff'.repeat(11)}`,
      '\x81',
    ]) {
      block.fill(0, 124, 136);
      block.write(text, 124, 12, 'latin1');
      writeChecksum(block);
      assert.throws(() => decodeHeader(block), HeaderProblem, JSON.stringify(text));
    }
  });

  it('takes a block of zeros for the end, and refuses one that has nothing but a checksum', () => {
    const block = Buffer.alloc(512);
    assert.equal(decodeHeader(block), undefined);
    writeChecksum(block);
    assert.throws(() => decodeHeader(block), /the header is empty/);
  });

  it('takes no prefix from a header of GNU, whose other fields are there', async () => {
    const block = await written({ name: 'a', size: 0, type: 'file' });
    block.write('12345670', 345, 'latin1');
    writeChecksum(block);
    assert.equal(decodeHeader(block)?.name, '12345670/a');
    block.write('ustar  \0', 257, 'latin1');
    writeChecksum(block);
    assert.equal(decodeHeader(block)?.name, 'a');
  });
});

function decodedOrRefused(block: Buffer): ReturnType<typeof decodeHeader> {
  try {
    return decodeHeader(block);
  } catch (error) {
    assert(error instanceof HeaderProblem);
    return undefined;
  }
}

/** Returns the blocks that tar-stream writes before the body of an entry. */
async function written(header: Partial<Header>): Promise<Buffer> {
  const packer = pack();
  packer
    .entry({ mtime: new Date(0), ...header } as Header) // its types require members that have defaults
    .on('error', () => undefined); // it gets no body
  const first = await packer[Symbol.asyncIterator]().next();
  packer.destroy();
  return Buffer.from(first.value as Uint8Array); // typed as unknown
}

/** Returns what tar-stream reads from a header block of any tar format. */
async function streamed(block: Buffer): Promise<{ name: string; linkName: string; size: number }> {
  const options: object = { allowUnknownFormat: true }; // missing in its types
  const reader = extract(options);
  const { promise, resolve, reject } = withResolvers<Header>();
  reader.on('entry', resolve).on('error', reject);
  reader.write(block);
  const { name, linkname, size = 0 } = await promise;
  reader.destroy();
  return { name, linkName: linkname ?? '', size };
}

function writeChecksum(block: Buffer): void {
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
