import assert from 'node:assert/strict';
import { goIndentedJSON, goJSON, RawJSON, rawMembers } from '../../../src/manifest/json/go-json.js';
import { goTime, ZERO_TIME } from '../../../src/manifest/json/go-time.js';

describe('JSON as Go writes it', () => {
  it('escapes what HTML could trip over, and leaves all else of Unicode as it is', () => {
    assert.equal(
      goJSON('<a> & \u2028\u2029 é世/"\\'),
      '"\\u003ca\\u003e \\u0026 \\u2028\\u2029 é世/\\"\\\\"',
    );
  });

  it('has no short escapes but those for line ends and tabs', () => {
    assert.equal(goJSON('\b\f\n\r\t\u0001\\b\u007f'), '"\\u0008\\u000c\\n\\r\\t\\u0001\\\\b\u007f"');
  });

  it('keeps the order of a struct’s members and leaves out those that are undefined', () => {
    assert.equal(goJSON({ b: 1, gone: undefined, a: [true, null] }), '{"b":1,"a":[true,null]}');
  });

  it('sorts a map by the bytes of its names, numbers and characters beyond U+FFFF too', () => {
    const map = new Map(['\u{1f600}', '\uff5e', '9', '10', 'a', 'B'].map((name) => [name, {}]));
    assert.equal(goJSON(map), '{"10":{},"9":{},"B":{},"a":{},"\uff5e":{},"\u{1f600}":{}}');
  });

  it('keeps a raw value’s order, numbers and escapes, without white space outside of strings', () => {
    const text = ' { "z" : [ 1.50 , 1E3 ] ,\n"a":"\\u00e9 \\/ \\" <  >", "n" : null } ';
    assert.equal(
      goJSON(new RawJSON(text)),
      '{"z":[1.50,1E3],"a":"\\u00e9 \\/ \\" \\u003c  \\u003e","n":null}',
    );
  });

  it('gives an object’s members by name, whatever stands in their values', () => {
    const members = rawMembers(' {"a" : {"b":"}],{"} , "c\\u0064":[ [],"\\\\" ],"e":-1.5e+3,"f":true}\n');
    const texts = [...members].map(([name, value]) => [name, value.text]);
    assert.deepEqual(texts, [
      ['a', '{"b":"}],{"}'],
      ['cd', '[[],"\\\\"]'],
      ['e', '-1.5e+3'],
      ['f', 'true'],
    ]);
  });

  it('has no members in an empty object', () => {
    assert.equal(rawMembers('{ }').size, 0);
  });

  it('indents as MarshalIndent does, empty lists on one line', () => {
    assert.equal(
      goIndentedJSON({ a: [], b: [{ c: '<' }] }),
      '{\n   "a": [],\n   "b": [\n      {\n         "c": "\\u003c"\n      }\n   ]\n}',
    );
    assert.equal(goIndentedJSON([{ a: 1 }], '  ', '>'), '[\n>  {\n>    "a": 1\n>  }\n>]');
  });
});

describe('a time as Go writes it', () => {
  const TIMES = {
    '2020-01-01T02:00:00.500+02:00': '2020-01-01T02:00:00.5+02:00',
    '2020-01-01T00:00:01.120000000Z': '2020-01-01T00:00:01.12Z',
    '2020-01-01T00:00:01.000Z': '2020-01-01T00:00:01Z',
    '2020-01-01T00:00:01.1234567899Z': '2020-01-01T00:00:01.123456789Z',
    '2020-02-29T23:59:59-00:00': '2020-02-29T23:59:59Z',
    '0001-01-01T00:00:00Z': ZERO_TIME,
  };
  for (const [text, written] of Object.entries(TIMES)) {
    it(`is ${written} for ${text}`, () => assert.equal(goTime(text, 'x'), written));
  }

  it('is the zero time where there is none', () => assert.equal(goTime(undefined, 'x'), ZERO_TIME));

  const INVALID = [
    '',
    '2020',
    '2020-02-30T00:00:00Z',
    '2020-01-01T24:00:00Z',
    '2020-01-01T00:00:60Z',
    '2020-01-01 00:00:00Z',
    '2020-13-01T00:00:00Z',
    '2020-01-01T00:00:00',
    '2020-01-01T00:00:00,5Z',
  ];
  for (const text of INVALID) {
    it(`is refused: "${text}"`, () => assert.throws(() => goTime(text, 'x'), { code: 'INVALID_MANIFEST' }));
  }
});
