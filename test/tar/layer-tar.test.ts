import assert from 'node:assert/strict';
import { LayerTarCheck } from '../../src/tar/layer-tar.js';
import { makeTar, paxEntry, type RawEntry, rawEntry } from '../support/tar-maker.js';

const A = rawEntry({ name: 'a', body: 'x'.repeat(3000) });
const B = rawEntry({ name: 'b', body: 'y'.repeat(3000) });
const END = Buffer.alloc(1024);
const LAST: RawEntry = { name: 'z', body: 'last' };

/** Returns the problem of a tar, after checking that it is the same for all splits into chunks. */
function problemOf(tar: Buffer): string | undefined {
  const [first, ...others] = [Math.max(tar.length, 1), 1, 7, 512, 513].map((length) => {
    const check = new LayerTarCheck();
    for (let at = 0; at < tar.length; at += length) check.update(tar.subarray(at, at + length));
    return check.problem();
  });
  for (const other of others) assert.equal(other, first);
  return first;
}

/** Makes a tar of a valid entry, and one whose header has this text in a field. */
function withField(offset: number, text: string, entry: Partial<RawEntry> = {}): Buffer {
  const alter = (block: Buffer): number => block.write(text, offset, 'latin1');
  return Buffer.concat([A, makeTar({ name: 'b', ...entry, alter }, LAST)]);
}

/** Makes a header with this text as its checksum. */
function withChecksum(text: (sum: string) => string, name = 'b'): Buffer {
  const header = rawEntry({ name });
  header.write(text(header.toString('latin1', 148, 154)), 148, 'latin1');
  return Buffer.concat([A, header, END]);
}

/** Makes a tar with a pax header of exactly this body before an entry. */
function withPax(body: string, type = 'x'): Buffer {
  return makeTar({ name: 'PaxHeader', type, body }, LAST);
}

function ofType(type: string, entry: Partial<RawEntry> = {}): Buffer {
  return makeTar({ name: 'q', type, ...entry }, LAST);
}

const SIZE = 124;
const UID = 108;
const TIME = 136;
const DIRECTORY = { name: 'd/', type: '5' };

/** Each was tested with Docker 20.10, containerd 1.6 and podman 4.3, which all accept it. */
const TAKEN: Record<string, Buffer> = {
  'a tar of two files': Buffer.concat([A, B, END]),
  'no byte': Buffer.alloc(0),
  'one block of zeros': Buffer.alloc(512),
  'no end': Buffer.concat([A, B]),
  'half an end': Buffer.concat([A, B, Buffer.alloc(512)]),
  'no padding behind the last body': Buffer.concat([A, B]).subarray(0, -72),
  'half of that padding': Buffer.concat([A, B]).subarray(0, -10),
  'anything behind the end': Buffer.concat([A, END, Buffer.from('garbage'.repeat(100))]),
  'a tar that is older than ustar': makeTar({ name: 'a', magic: 'none', body: 'x' }, LAST),
  "GNU's long name": makeTar(
    { name: '././@LongLink', type: 'L', magic: 'gnu', body: `${'n'.repeat(150)}\0` },
    LAST,
  ),
  'a long name of nothing': makeTar({ name: '././@LongLink', type: 'L', magic: 'gnu' }, LAST),
  'a checksum of signed characters': withChecksum((sum) => sum, '\xe9'),
  'a checksum with another byte behind its end': withChecksum((sum) => `${sum}\0x`),
  'a checksum of eight digits': withChecksum((sum) => sum.padStart(8, '0')),
  'a checksum behind a NUL': withChecksum((sum) => `\0${sum} `),
  'a size with bytes behind its NUL': withField(SIZE, '0000000\0junk'),
  'a size behind spaces': withField(SIZE, '          0 '),
  'a size of NULs': withField(SIZE, '\0'.repeat(12)),
  'a size in base 256': makeTar({ name: 'b', body: 'hello', size: base256(5) }, LAST),
  'a directory of a negative size': withField(SIZE, '\xff'.repeat(12), DIRECTORY),
  'a link with a size': makeTar({ name: 'l', type: '1', linkName: 'below', size: '00000005000\0' }, LAST),
  "an old writer's directory with a size": makeTar({ name: 'd/', type: '\0', size: '00000001000\0' }, LAST),
  'a device': ofType('3'),
  'a block device': ofType('4'),
  'a pipe': ofType('6'),
  'a symbolic link': ofType('2', { linkName: '/nowhere' }),
  'a pax header': makeTar(paxEntry({ path: 'long', mtime: '1700000000.5' }), LAST),
  'a size of pax alone': Buffer.concat([
    rawEntry(paxEntry({ size: '5' })),
    rawEntry({ name: 'b', body: 'hello', size: '00000000000\0' }),
    B,
  ]),
  'a size of pax for a directory': makeTar(paxEntry({ size: '5' }), DIRECTORY, LAST),
  'a size of pax with a plus': makeTar(paxEntry({ size: '+4' }), LAST),
  'an empty size of pax': makeTar(paxEntry({ size: '' }), LAST),
  'a pax header of nothing': withPax(''),
  'a pax length that begins with 0': withPax('012 path=fo\n'),
  'a NUL in a comment': makeTar(paxEntry({ comment: 'a\0b' }), LAST),
  'a NUL in an attribute': makeTar(paxEntry({ 'SCHILY.xattr.user.x': 'a\0b' }), LAST),
  'a global pax header': makeTar(paxEntry({ comment: 'of git archive' }, 'g'), LAST),
  'a global size, which is not taken': makeTar(paxEntry({ size: '5000' }, 'g'), LAST),
  'a global uid that is no number': makeTar(paxEntry({ uid: 'abc' }, 'g'), LAST),
  'a size of pax that a global header takes away': makeTar(
    paxEntry({ size: '5000' }),
    paxEntry({ comment: 'c' }, 'g'),
    LAST,
  ),
  'a bad pax header that another one replaces': makeTar(
    paxEntry({ uid: 'abc' }),
    paxEntry({ path: 'p' }),
    LAST,
  ),
  'a pax header of no entry': makeTar(LAST, paxEntry({ path: 'p' })),
  'a sparse file of pax': makeTar(
    paxEntry({
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': 'sparse',
      'GNU.sparse.realsize': '10000',
    }),
    { name: 'GNUSparseFile.0/sparse', body: `${'1\n0\n5\n'.padEnd(512, '\0')}hello` },
    LAST,
  ),
  'a whiteout of an unknown type': ofType('Z', { name: '.wh.q' }),
  'such a whiteout by its pax name': makeTar(paxEntry({ path: 'd/.wh.q' }), { name: 'q', type: 'Z' }, LAST),
};

/** Each was tested with the same engines, which all refuse it. */
const REFUSED: Record<string, [tar: Buffer, problem: RegExp]> = {
  'a cut in a body': [Buffer.concat([A, B]).subarray(0, -80), /^ends inside the entry at byte 3584$/],
  'a cut in the first body': [A.subarray(0, 1512), /^ends inside the entry at byte 0$/],
  'a cut in a header': [Buffer.concat([A, B.subarray(0, 200)]), /^ends inside the header at byte 3584$/],
  'a cut in the zeros behind an entry': [
    Buffer.concat([A, Buffer.alloc(200)]),
    /^ends inside the header at byte 3584$/,
  ],
  'a cut in a pax header': [
    rawEntry(paxEntry({ path: 'foo' })).subarray(0, 515),
    /^ends inside the entry at byte 0$/,
  ],
  'an entry behind a lone block of zeros': [
    Buffer.concat([A, Buffer.alloc(512), B, END]),
    /the header at byte 4096 follows a single block of zeros$/,
  ],
  'a wrong checksum': [withChecksum(() => '000000'), /the header at byte 3584 has a wrong checksum$/],
  'a checksum with a space in it': [withChecksum((sum) => `${sum} 1`), /wrong checksum$/],
  'a size of letters': [withField(SIZE, 'zzzzzzzzzzz\0'), /byte 3584 has a size that is not a number$/],
  'a size with an 8': [withField(SIZE, '00000000008\0'), /size that is not a number$/],
  'a size with a minus': [withField(SIZE, '-0000000001\0'), /size that is not a number$/],
  'a size beyond 64 bits': [withField(SIZE, `\x80\0\0\x01${'\0'.repeat(8)}`), /size that is not a number$/],
  'a negative size': [withField(SIZE, '\xff'.repeat(12)), /has a negative size$/],
  'a mode of letters': [withField(100, 'zzzzzzz\0'), /mode that is not a number$/],
  'a uid of letters': [withField(UID, 'zzzzzzz\0'), /uid that is not a number$/],
  'a time of letters': [withField(TIME, 'zzzzzzzzzzz\0'), /time that is not a number$/],
  'a body of an old directory': [
    makeTar({ name: 'd/', type: '\0', body: 'q'.repeat(512) }, LAST),
    /the header at byte 512 has a wrong checksum$/,
  ],
  'a size of pax that is no number': [makeTar(paxEntry({ size: '5x' }), LAST), /pax record of its size/],
  'a size of pax beyond 64 bits': [
    makeTar(paxEntry({ size: '9'.repeat(400) }), LAST),
    /does not fit into 64 bits$/,
  ],
  'a negative size of pax': [makeTar(paxEntry({ size: '-5' }), LAST), /has a negative size$/],
  'a uid of pax that is no number': [makeTar(paxEntry({ uid: 'abc' }), LAST), /pax record of its uid/],
  'a gid of pax with a fraction': [makeTar(paxEntry({ gid: '1.5' }), LAST), /pax record of its gid/],
  'a time of pax without seconds': [makeTar(paxEntry({ mtime: '.5' }), LAST), /pax record of its mtime/],
  'a pax record without a length': [withPax('abc path=foo\n'), /has malformed pax records$/],
  'a pax record without its end': [withPax('12 path=foox'), /malformed pax records$/],
  'a pax record without a value': [withPax('10 pathfo\n'), /malformed pax records$/],
  'a pax record without a key': [withPax('10 =foooo\n'), /malformed pax records$/],
  'a pax record that is too long': [withPax('99 path=foo\n'), /malformed pax records$/],
  'NULs behind the pax records': [withPax(`12 path=foo\n${'\0'.repeat(20)}`), /malformed pax records$/],
  'bad records in a global header': [withPax('abc path=foo\n', 'g'), /malformed pax records$/],
  'a NUL in a path': [makeTar(paxEntry({ path: 'a\0b' }), LAST), /with a NUL, which is not allowed there$/],
  'a NUL in a link target': [makeTar(paxEntry({ linkpath: 'a\0b' }), LAST), /with a NUL/],
  "a NUL in an owner's name": [makeTar(paxEntry({ uname: 'a\0b' }), LAST), /with a NUL/],
  'a NUL in a key': [makeTar(paxEntry({ 'foo\0x': 'a' }), LAST), /with a NUL/],
  'a NUL in a path of a global header': [makeTar(paxEntry({ path: 'a\0b' }, 'g'), LAST), /with a NUL/],
  'an unknown type': [ofType('Z'), /the header at byte 0 has the type "Z", which no engine unpacks$/],
  'a contiguous file': [ofType('7'), /type "7"/],
  'a sparse file of old GNU tar': [ofType('S', { magic: 'gnu' }), /type "S"/],
  'a directory of an incremental backup': [ofType('D', { magic: 'gnu', name: 'q/' }), /type "D"/],
  'a type that cannot be printed': [ofType('\x01'), /type "\\x01"/],
};

function base256(size: number): Buffer {
  const field = Buffer.alloc(12);
  field[0] = 0x80;
  field.writeUInt32BE(size, 8);
  return field;
}

describe('LayerTarCheck', () => {
  describe('says nothing of', () => {
    for (const [name, tar] of Object.entries(TAKEN)) {
      it(name, () => assert.equal(problemOf(tar), undefined));
    }
  });

  describe('finds', () => {
    for (const [name, [tar, problem]] of Object.entries(REFUSED)) {
      it(name, () => assert.match(problemOf(tar) ?? '', problem));
    }
  });

  it('says nothing of what engines differ in', () => {
    const large = 'n'.repeat(1024 * 1024 + 1);
    for (const entry of [
      { name: './', type: 'Z' },
      { name: '', type: 'Z' },
      { name: 'a/..', type: 'Z' },
      { name: 'L', type: 'L', body: large },
      paxEntry({ comment: large }),
    ]) {
      const check = new LayerTarCheck();
      check.update(makeTar(entry, LAST));
      assert.equal(check.problem(), undefined);
    }
  });
});
