import assert from 'node:assert/strict';
import { parseChallenges } from '../../../src/registry/auth/challenge.js';
import { fixture } from '../../support/fixtures.js';
import { processorTimeMs } from '../../support/processor-time.js';

interface Row {
  headers: string[];
  distributionParser: { scheme: string; parameters: Record<string, string> }[];
}

const rows: Row[] = JSON.parse(fixture('auth/challenges.json').toString());

function parse(...lines: string[]) {
  return parseChallenges(lines).map(({ scheme, parameters }) => ({
    scheme,
    parameters: Object.fromEntries(parameters),
  }));
}

describe('parseChallenges', () => {
  for (const { headers, distributionParser } of rows) {
    it(`gets no less than distribution out of ${JSON.stringify(headers)}`, () => {
      const parsed = parse(...headers);
      assert.equal(parsed.length, distributionParser.length);
      for (const [index, expected] of distributionParser.entries()) {
        assert.equal(parsed[index]?.scheme, expected.scheme);
        for (const [name, value] of Object.entries(expected.parameters)) {
          const actual = parsed[index]?.parameters[name] ?? '';
          assert.ok(actual.startsWith(value), `${name}: ${actual}`);
        }
      }
    });
  }

  it('keeps an unquoted URL up to the comma', () => {
    assert.deepEqual(parse('bearer realm=https://zot.example.com/token?a=b,service=zot'), [
      { scheme: 'bearer', parameters: { realm: 'https://zot.example.com/token?a=b', service: 'zot' } },
    ]);
  });

  it('finds several challenges in one line', () => {
    assert.deepEqual(parse('Basic realm="a, b", Bearer realm="https://t.example/",service="s"'), [
      { scheme: 'basic', parameters: { realm: 'a, b' } },
      { scheme: 'bearer', parameters: { realm: 'https://t.example/', service: 's' } },
    ]);
  });

  it('allows white space around the equals sign, and a semicolon for a comma', () => {
    assert.deepEqual(parse('Bearer  realm = "https://t.example/" ; service = s'), [
      { scheme: 'bearer', parameters: { realm: 'https://t.example/', service: 's' } },
    ]);
  });

  it('joins repeated scopes and keeps the last of other parameters', () => {
    assert.deepEqual(parse('Bearer realm="x",realm="y",scope="a:b:pull",scope="c:d:pull"'), [
      { scheme: 'bearer', parameters: { realm: 'y', scope: 'a:b:pull c:d:pull' } },
    ]);
  });

  it('drops what follows a quote that is not closed', () => {
    assert.deepEqual(parse('Bearer realm="https://t.example/",service="s'), [
      { scheme: 'bearer', parameters: { realm: 'https://t.example/' } },
    ]);
  });

  it('takes no time over hostile lines', () => {
    const started = processorTimeMs();
    parse('"'.repeat(16_000), `Bearer realm="${'\\'.repeat(16_000)}`, ' =,'.repeat(5_000));
    assert.ok(processorTimeMs() - started < 500);
  });
});
