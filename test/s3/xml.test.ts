import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LadingError } from '../../src/errors.js';
import { childrenOf, escaped, readXML, textOf } from '../../src/s3/xml.js';

const refuse = (reason: string): LadingError => new LadingError('REGISTRY', reason);

describe('the reader of the answers of buckets', () => {
  it('reads elements, text and entities', () => {
    const document = readXML(
      '<?xml version="1.0" encoding="UTF-8"?>\n<List xmlns="http://s3"><A>1 &lt; 2 &amp; &#x41;&#66;</A>\n<Empty/><E x="y" /><A>3</A></List>\n',
      refuse,
    );
    assert.equal(document.name, 'List');
    assert.equal(textOf(document, 'A'), '1 < 2 & AB');
    assert.deepEqual(
      childrenOf(document, 'A').map(({ text }) => text),
      ['1 < 2 & AB', '3'],
    );
    assert.deepEqual(
      [textOf(document, 'Empty'), textOf(document, 'E'), textOf(document, 'B')],
      ['', '', undefined],
    );
  });

  it('reads CDATA as it is, as old services write it', () => {
    const document = readXML('<Error><Message>a <![CDATA[<b> & ]> &lt;]]> c</Message></Error>', refuse);
    assert.equal(textOf(document, 'Message'), 'a <b> & ]> &lt; c');
  });

  for (const [what, text] of Object.entries({
    'a declaration of entities': '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    'an entity that nobody declared': '<a>&b;</a>',
    'an entity without its end': '<a>&amp</a>',
    'a character that there is not': '<a>&#x110000;</a>',
    'CDATA without an end': '<a><![CDATA[x]></a>',
    'CDATA outside of the root': '<![CDATA[x]]><a></a>',
    'a comment': '<a><!-- x --></a>',
    'an instruction in the middle': '<a><?x y?></a>',
    'a wrong end': '<a><b></a></b>',
    'an end that nothing began': '</a>',
    'no end': '<a><b>x</b>',
    'a tag without an end': '<a><b',
    'two roots': '<a/><b/>',
    'text outside': 'x<a/>',
    nothing: '',
    'too deep elements': '<a>'.repeat(100),
    'too many elements': `<a>${'<b/>'.repeat(60_000)}</a>`,
    'a page': '<html><head><meta charset=utf-8><p>x</html>',
  })) {
    it(`refuses ${what}`, () => {
      assert.throws(() => readXML(text, refuse), { code: 'REGISTRY' });
    });
  }

  it('reads what was written, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(readXML(`<a>${escaped(text)}</a>`, refuse).text, text);
      }),
    );
  });

  it('throws no other error, whatever comes', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '/',
      '&',
      ';',
      '#',
      'a',
      ' ',
      '?',
      '!',
      '"',
      '<a>',
      '</a>',
      '&amp;',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          readXML(pieces.join(''), refuse);
        } catch (error) {
          assert.ok(error instanceof LadingError);
        }
      }),
    );
  });
});
