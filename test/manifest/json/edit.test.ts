import assert from 'node:assert/strict';
import { editJSON, inList, inObject, type JSONEdit, REMOVE, set } from '../../../src/manifest/json/edit.js';

function edited(text: string, edit: JSONEdit): string {
  return editJSON(Buffer.from(text), edit).toString();
}

describe('editing JSON in its text', () => {
  const PRETTY = '{\n   "a": 1,\n   "b": {\n      "c": "é"\n   }\n}\n';

  it('changes nothing else', () => {
    const edit = inObject({ b: inObject({ c: set('<') }) });
    assert.equal(edited(PRETTY, edit), PRETTY.replace('é', '\\u003c'));
  });

  it('keeps a value that is the same, however it is spelled', () => {
    const text = '{"type":"a\\/b","n":1.0}';
    assert.equal(edited(text, inObject({ type: set('a/b'), n: set(1) })), text);
  });

  it('takes members out with their commas', () => {
    const text = '{ "a":1, "b":2,\n"c":3 }';
    assert.equal(edited(text, inObject({ a: REMOVE })), '{ "b":2,\n"c":3 }');
    assert.equal(edited(text, inObject({ b: REMOVE })), '{ "a":1,\n"c":3 }');
    assert.equal(edited(text, inObject({ c: REMOVE })), '{ "a":1, "b":2 }');
    assert.equal(edited(text, inObject({ a: REMOVE, b: REMOVE, c: REMOVE })), '{}');
    assert.equal(edited(text, inObject({ x: REMOVE })), text);
  });

  it('adds members in the style of the object', () => {
    assert.equal(
      edited(PRETTY, inObject({ x: set(true, 'a') })),
      PRETTY.replace('"a": 1,', '"a": 1,\n   "x": true,'),
    );
    assert.equal(edited('{"a":1}', inObject({ x: set('y') })), '{"a":1,"x":"y"}');
    assert.equal(edited('{\n  "a": 1\n}', inObject({ x: set(2) })), '{\n  "a": 1,\n  "x": 2\n}');
    assert.equal(edited('{}', inObject({ x: set(2), y: set(3) })), '{"x":2,"y":3}');
  });

  it('adds a member where the others go', () => {
    assert.equal(edited('{"a":1, "b":2}', inObject({ a: REMOVE, b: REMOVE, x: set(1) })), '{"x":1}');
  });

  it('changes elements of a list by their place', () => {
    const edit = inList([inObject({}), inObject({ a: set(2) })]);
    assert.equal(edited('[ {"a":1}, {"a":1} , {"a":1} ]', edit), '[ {"a":1}, {"a":2} , {"a":1} ]');
    assert.equal(edited('[]', edit), '[]');
  });

  it('leaves a value alone that is not of the kind to be changed', () => {
    assert.equal(edited('{"a":null}', inObject({ a: inObject({ b: set(1) }) })), '{"a":null}');
    assert.equal(edited('{"a":null}', inObject({ a: inList([set(1)]) })), '{"a":null}');
  });

  it('is not misled by names that look like others', () => {
    const text = '{"\\u0061":1,"b":{"a":1},"constructor":2,"__proto__":3}';
    assert.equal(edited(text, inObject({ a: set(5) })), text.replace(':1,"b"', ':5,"b"'));
  });
});
