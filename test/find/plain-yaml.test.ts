import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { DEFAULT_LIMITS, Unreadable } from '../../src/find/limits.js';
import type { Node } from '../../src/find/node.js';
import { readPlainYAML } from '../../src/find/plain-yaml.js';
import { documentsOf } from '../../src/find/split.js';
import { readYAMLTree } from '../../src/find/yaml-tree.js';
import { createRandom } from '../fuzz/mutate.js';
import { fixturePath } from '../support/fixtures.js';

const INSERTED = [
  ...[
    ' ',
    '  ',
    '\n',
    '\t',
    '#',
    ' #',
    ':',
    ': ',
    '-',
    '- ',
    '|',
    '>',
    '"',
    "'",
    '\\',
    '&a ',
    '*a',
    '{',
    '}',
  ],
  ...['[', ']', ',', '\r\n', '!', '%', '@', '?', '~', '---\n', 'é', 'null', '0'],
];

describe('the reader of plain YAML', () => {
  it('reads what the yaml package reads, with the same places, or leaves it to the package', () => {
    const documents = documentsOfCorpus();
    const random = createRandom(20261130);
    let [read, left] = [0, 0];
    for (let round = 0; round < 4000; round++) {
      const lines = random.pick(documents).split('\n');
      const start = random.below(lines.length);
      let text = `${lines.slice(start, start + 3 + random.below(25)).join('\n')}\n`;
      for (let changes = random.below(4); changes > 0; changes--) {
        const place = random.below(text.length + 1);
        const removed = random.below(2);
        text =
          text.slice(0, place) +
          (random.below(3) === 0 ? '' : random.pick(INSERTED)) +
          text.slice(place + removed);
      }
      const plain = readPlainYAML(text);
      if (plain === undefined) left++;
      else {
        read++;
        assert.deepEqual(withoutEmpty(plain), withoutEmpty(treeOf(text)), JSON.stringify(text));
      }
    }
    assert.ok(read > 500 && left > 500, `${read} read, ${left} left`);
  });

  it('reads the forms that programs print', () => {
    for (const text of [
      'a: b\n',
      "---\na: b # c\nd:\n- e\n- f: \"g h\"\n  i: 'j''k'\n",
      'a: |\n  b\n\n   c\nd: |-\n  e\n',
      '# only a comment\nquoted: 1\n"q: k": {}\nl: []\n',
      'a:\r\n  - b: c\r\n    d: |\r\n      e\r\n',
      '- - a\n  - b: c\n-\n  d: e\n',
    ])
      assert.deepEqual(
        readPlainYAML(text) && withoutEmpty(readPlainYAML(text) as Node),
        withoutEmpty(treeOf(text)),
        text,
      );
  });
});

function documentsOfCorpus(): string[] {
  const root = fixturePath('find/open');
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .flatMap((name) => [...documentsOf(readFileSync(`${root}/${name}`))].map(({ text }) => text))
    .filter((text) => text.length < 6000);
}

function treeOf(text: string): Node {
  try {
    return readYAMLTree(text, DEFAULT_LIMITS);
  } catch (error) {
    if (error instanceof Unreadable)
      return assert.fail(`the package refuses it: ${error.message}: ${JSON.stringify(text)}`);
    throw error;
  }
}

/** The place of an empty value is of no use; nor is a carriage return, which the package leaves in some values. */
function withoutEmpty(node: Node): unknown {
  return JSON.parse(
    JSON.stringify(node, (_, value) => {
      if (value?.type !== 'scalar') return value;
      const text = value.text.replaceAll('\r', '');
      return { ...value, text, at: text === '' ? 0 : value.at };
    }),
  );
}
