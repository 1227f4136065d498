import assert from 'node:assert/strict';
import { namesRepeatedUnread, parseJSON } from '../../../src/manifest/json/json.js';
import { foldName, INTEGER, list, map, object, type Shape, VALUE } from '../../../src/manifest/json/shape.js';

const SHAPE = object(['digest', 'task'], {
  size: INTEGER,
  labels: map(VALUE),
  layers: list(object(['digest'], { size: INTEGER })),
});

const parse = (text: string, shape: Shape = SHAPE) => parseJSON(Buffer.from(text), { what: 'it', shape });

describe('parseJSON with a shape', () => {
  for (const [title, text, message] of [
    [
      'a defined name in another case',
      '{"Digest":"x"}',
      /ambiguous: .*"Digest", which .* as "digest", at byte 1/,
    ],
    ['the same after the defined name', '{"digest":"x","DIGEST":"y"}', /"DIGEST", which/],
    ['a long s in place of an s', '{"\u017fize":1}', /"ſize", which some tools read as "size"/],
    ['a Kelvin sign in place of a k', '{"tas\u212a":1}', /which some tools read as "task"/],
    ['another case in the elements of a list', '{"layers":[{"Digest":"x"}]}', /"Digest", which/],
    ['two undefined names that differ in case', '{"x-y":1,"X-y":2}', /"X-y", which some tools read as "x-y"/],
    ['an escaped name in another case', '{"\\u0044igest":"x"}', /"Digest", which/],
    ['a defined name twice', '{"digest":"x","digest":"x"}', /"digest" for the second time/],
    ['a free name twice', '{"labels":{"a":1,"a":1}}', /"a" for the second time/],
    ['an integer with a fraction', '{"size":2.0}', /2\.0, which is not written as an integer/],
    ['an integer with an exponent', '{"layers":[{"size":1e3}]}', /1e3, which is not written as an integer/],
  ] as [string, string, RegExp][]) {
    it(`refuses ${title}`, () => assert.throws(() => parse(text), message));
  }

  it('leaves alone what readers understand alike', () => {
    for (const text of [
      '{"labels":{"a":1,"A":2},"x":{"a":1,"A":2},"other":1.5,"layers":[{"size":12}]}',
      '{"digest":{"Digest":1}}',
    ])
      assert.equal(JSON.stringify(parse(text)), text);
  });

  it('notes names that stand twice where no reader decodes them, and keeps the last, as readers do', () => {
    const text = '{"x":{"a":1,"a":2,"b":[{"c":1,"c":3}]}}';
    const bytes = Buffer.from(text);
    assert.deepEqual(namesRepeatedUnread(bytes, { what: 'it', shape: SHAPE }), ['a', 'c']);
    assert.deepEqual(JSON.parse(JSON.stringify(parse(text))), JSON.parse(text));
  });
});

describe('foldName', () => {
  it('joins the letters that regular expressions without case join, and no others', () => {
    for (let code = 0x41; code < 0x1e944; code += 1) {
      const letter = String.fromCodePoint(code);
      if (!/^\p{L}$/u.test(letter)) continue;
      for (const other of [letter.toUpperCase(), letter.toLowerCase(), letter.toUpperCase().toLowerCase()]) {
        if (other === letter) continue;
        const isSame = new RegExp(`^${letter}$`, 'iu').test(other);
        assert.equal(foldName(letter) === foldName(other), isSame, `${letter} ${other}`);
      }
    }
  });

  it('joins what has more than two spellings', () => {
    for (const [a, b] of ['sſ', 'kK', 'åÅ', 'σς', 'θϑ', 'ǆǅ', 'µμ'].map((pair) => Array.from(pair)))
      assert.equal(foldName(a ?? ''), foldName(b ?? ''), `${a} ${b}`);
  });

  it('keeps apart what has no simple folding', () => {
    assert.notEqual(foldName('ß'), foldName('ss'));
    assert.notEqual(foldName('İ'), foldName('i'));
  });
});
