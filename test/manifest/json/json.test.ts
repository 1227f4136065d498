import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isLadingError } from '../../../src/errors.js';
import { parseJSON } from '../../../src/manifest/json/json.js';
import { processorTimeMs } from '../../support/processor-time.js';

const parse = (text: string | Uint8Array) => parseJSON(Buffer.from(text as string), { what: 'it' });

/** Converts objects without a prototype to plain ones, because deepEqual distinguishes them. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('parseJSON', () => {
  it('reads what JSON.parse reads, to the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8, stringUnit: 'grapheme' }), fc.nat(4), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        fc.pre(!hasUnsafeInteger(value));
        assert.deepEqual(plain(parse(text)), JSON.parse(text));
      }),
    );
  });

  it('reads every string back that JSON.stringify wrote, escapes and pairs included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(parse(JSON.stringify(text)), text);
      }),
    );
  });

  it('refuses whatever JSON.parse refuses', () => {
    const token = fc.constantFrom(
      ...'{}[],:"\\',
      'true',
      'nul',
      '1',
      '-',
      '.5',
      'e',
      '"a"',
      ' ',
      '\n',
      '\u00a0',
      '\\u12',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
        const text = tokens.join('');
        fc.pre(!accepts(text));
        assert.throws(() => parse(text), { code: 'INVALID_MANIFEST' });
      }),
      { numRuns: 1000 },
    );
  });

  it('throws nothing but its own errors, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          parse(bytes);
        } catch (error) {
          assert.ok(isLadingError(error, 'INVALID_MANIFEST'));
        }
      }),
      { numRuns: 1000 },
    );
  });

  const REFUSED: [title: string, text: string | Uint8Array, message: RegExp][] = [
    ['nothing', '', /its end where a value was expected, at byte 0$/],
    ['a byte-order mark', '\ufeff{}', /a byte-order mark, at byte 0$/],
    ['more after the value', '{} {}', /more after the end of the value, at byte 3$/],
    ['a member named twice', '{"a":1,"b":{"a":1,"a":2}}', /the member "a" for the second time, at byte 18$/],
    ['a member named twice by way of an escape', '{"ab":1,"\\u0061b":2}', /the member "ab"/],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}', /the member "__proto__"/],
    ['a truncated document', '{"layers": [{"size": 1}, {"dig', /its end where the rest of a string/],
    ['a truncated literal', '[tru', /"t" where a value was expected, at byte 1$/],
    ['a control character in a string', '"a\nb"', /at byte 2$/],
    ['an unknown escape', '"\\x41"', /an unknown escape, at byte 1$/],
    ['a lone high surrogate', '"\\ud800x"', /half of a surrogate pair, at byte 1$/],
    ['a lone low surrogate', '"\\udc00"', /half of a surrogate pair/],
    ['an integer beyond 2^53-1', '[9007199254740992]', /9007199254740992, which is too large, at byte 1$/],
    ['a negative integer beyond -(2^53-1)', '-9007199254740993', /too large/],
    ['a number beyond any other', '1e400', /1e400, which is too large/],
    ['a number with a leading zero', '[01]', /"1" where "," or "\]" was expected/],
    ['a number with a sign', '+1', /"\+" where a value/],
    ['a comma at the end', '[1,]', /"\]" where a value/],
    ['single quotes', "{'a':1}", /"'" where a member name/],
    ['comments', '/* */ 1', /"\/" where a value/],
    ['NaN', 'NaN', /"N" where a value/],
    ['UTF-16', Buffer.from('{}', 'utf16le'), /where a member name/],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), /not UTF-8$/],
    ['an overlong encoding', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), /not UTF-8$/],
    ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), /not UTF-8$/],
  ];
  for (const [title, text, message] of REFUSED) {
    it(`refuses ${title}`, () => {
      assert.throws(() => parse(text), { code: 'INVALID_MANIFEST', message });
    });
  }

  it('counts the position of an error in bytes', () => {
    assert.throws(() => parse('{"é€😀": x}'), { message: /at byte 14$/ });
  });

  it('takes a member named __proto__ as one like any other', () => {
    const value = parse('{"__proto__": {"polluted": true}, "constructor": 1}');
    assert.deepEqual(Object.keys(value as object), ['__proto__', 'constructor']);
    assert.equal(Reflect.get(value as object, 'polluted'), undefined);
    assert.equal(Reflect.get({}, 'polluted'), undefined);
  });

  it('finds no member in an object that has none', () => {
    const value = parse('{}') as Record<string, unknown>;
    assert.equal(value.toString, undefined);
    assert.equal('hasOwnProperty' in value, false);
  });

  it('allows 64 levels and no more', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    assert.ok(Array.isArray(parse(nested(64))));
    assert.throws(() => parse(nested(65)), { message: /more than 64 levels, at byte 64$/ });
    assert.throws(() => parse('{"a":'.repeat(1_000_000)), { message: /more than 64 levels/ });
  });

  it('notes what the outermost object repeats, where that is asked for, and keeps the first', () => {
    const repeated = new Set<string>();
    const value = parseJSON(Buffer.from('{"a":1,"b":[2],"a":[{"c":3}]}'), { what: 'it', repeated });
    assert.deepEqual(plain(value), { a: 1, b: [2] });
    assert.deepEqual([...repeated], ['a']);
    assert.throws(() => parseJSON(Buffer.from('[{"a":1,"a":2}]'), { what: 'it', repeated }), /second time/);
  });

  it('refuses more bytes than it is allowed to read', () => {
    assert.throws(() => parseJSON(Buffer.from('[1,2]'), { what: 'it', maxBytes: 4 }), { code: 'TOO_LARGE' });
  });

  it('keeps an error to one printable line', () => {
    const name = `${'\\u001b'}[2J${'x'.repeat(10_000)}`;
    assert.throws(
      () => parse(`{"${name}":1,"${name}":2}`),
      (error: Error) => !error.message.includes('\u001b') && error.message.length < 250,
    );
  });

  it('reads a million entries without delay', () => {
    const DOCUMENTS = {
      numbers: `[${'0,'.repeat(1_000_000)}0]`,
      lists: `[${'[],'.repeat(1_000_000)}[]]`,
      members: `{${Array.from({ length: 200_000 }, (_, index) => `"member${index}":0`).join(',')}}`,
      string: `"${'\\n'.repeat(1_000_000)}"`,
    };
    for (const [name, text] of Object.entries(DOCUMENTS)) {
      const start = processorTimeMs();
      parse(text);
      const elapsedMs = processorTimeMs() - start;
      assert.ok(elapsedMs < 2000, `${name} took ${elapsedMs} ms`);
    }
  });
});

function accepts(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    assert.ok(error instanceof SyntaxError);
    return false;
  }
}

/** True if JSON.stringify writes a number that parseJSON refuses. */
function hasUnsafeInteger(value: unknown): boolean {
  if (typeof value === 'number')
    return Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21;
  return typeof value === 'object' && value !== null && Object.values(value).some(hasUnsafeInteger);
}
