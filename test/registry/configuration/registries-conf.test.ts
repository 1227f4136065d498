import assert from 'node:assert/strict';
import { joinConfs, locate } from '../../../src/registry/configuration/registries-conf.js';
import { parseRegistriesConf } from '../../../src/registry/configuration/registries-toml.js';

const parse = (text: string) => parseRegistriesConf(text, 'x.conf');
const conf = (...texts: string[]) => joinConfs(texts.map(parse));

describe('registries.conf', () => {
  it('has tables with prefix, location and mirrors', () => {
    const text = `
      unqualified-search-registries = ["quay.io"]
      [[registry]]
      prefix = "docker.io/library"
      location = "internal.example:5000/hub/"
      insecure = true
      [[registry.mirror]]
      location = "a.example/hub"
      [[registry.mirror]]
      location = "b.example"
      insecure = true
      pull-from-mirror = "tag-only"
      [[registry]]
      location = "quay.io"
      blocked = true`;
    assert.deepEqual(parse(text), [
      {
        prefix: 'docker.io/library',
        location: 'internal.example:5000/hub',
        insecure: true,
        blocked: false,
        mirrors: [
          { location: 'a.example/hub', insecure: false, pulls: 'all' },
          { location: 'b.example', insecure: true, pulls: 'tag-only' },
        ],
        source: 'x.conf',
      },
      {
        prefix: 'quay.io',
        location: undefined,
        insecure: false,
        blocked: true,
        mirrors: [],
        source: 'x.conf',
      },
    ]);
  });

  it('lets mirrors of a table be for digests only', () => {
    const [table] = parse(
      '[[registry]]\nlocation="a.example"\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation="b.example"',
    );
    assert.equal(table?.mirrors[0]?.pulls, 'digest-only');
  });

  it('is read in version 1 too, of which insecure and blocked registries count', () => {
    const text = `[registries.search]\nregistries=["quay.io"]\n[registries.insecure]\nregistries=["a.example","b.example/"]\n[registries.block]\nregistries=["b.example/"]`;
    assert.deepEqual(
      parse(text).map(({ prefix, insecure, blocked }) => [prefix, insecure, blocked]),
      [
        ['a.example', true, false],
        ['b.example', true, true],
      ],
    );
  });

  const refused: [text: string, message: RegExp][] = [
    ['a=1\n[[registry]', /^x\.conf: Invalid TOML document: .*, line 2$/],
    ['[[registry]]\ninsecure=true', /neither a prefix nor a location/],
    ['[[registry]]\nlocation="https://a.example"', /"https:\/\/a\.example" has a scheme/],
    ['[[registry]]\nlocation=1', /location is not a string/],
    ['[[registry]]\nlocation="a"\nblocked="yes"', /blocked is neither true nor false/],
    ['[registry]\nlocation="a"', /registry is not a list/],
    ['[[registry]]\nlocation="a"\n[[registry.mirror]]\ninsecure=true', /a mirror has no location/],
    [
      '[[registry]]\nlocation="a"\n[[registry.mirror]]\nlocation="b"\npull-from-mirror="never"',
      /"never", not all/,
    ],
    ['[[registry]]\nprefix="a.*.example"', /a \* that is not at the beginning/],
    ['[[registry]]\nprefix="*.example/foo"', /a \* that is not at the beginning/],
    ['[registries.block]\nregistries=["a"]\n[[registry]]\nlocation="a"', /mixes version 1/],
  ];
  for (const [text, message] of refused) {
    it(`is refused when it says ${text.replaceAll('\n', ' ')}`, () => {
      assert.throws(() => parse(text), { code: 'USAGE', message, hint: /CONTAINERS_REGISTRIES_CONF/ });
    });
  }

  const found: [name: string, prefixes: string[], expected: string | undefined][] = [
    ['reg.example/team/app', ['reg.example', 'reg.example/team', 'reg.example/team/ap'], 'reg.example/team'],
    ['reg.example/team/app', ['reg.example/team/app'], 'reg.example/team/app'],
    ['reg.example/teamwork', ['reg.example/team'], undefined],
    ['reg.example:5000/app', ['reg.example'], 'reg.example'],
    ['reg.example', ['reg.example'], 'reg.example'],
    ['reg.example.org/app', ['reg.example'], undefined],
    ['a.b.example.com/app', ['*.example.com'], '*.example.com'],
    ['a.example.com:5000/app', ['*.example.com'], '*.example.com'],
    ['example.com/app', ['*.example.com'], undefined],
    ['a.example.com.org/app', ['*.example.com'], undefined],
    ['x.org/a.example.com/app', ['*.example.com'], undefined],
    ['a.example.com/app', ['*.example.com', 'a.example.com'], '*.example.com'],
    ['a.example.com/app', ['*.example.com', 'a.example.com/app'], 'a.example.com/app'],
  ];
  for (const [name, prefixes, expected] of found) {
    it(`has ${expected ?? 'no table'} for ${name} among ${prefixes.join(', ')}`, () => {
      const text = prefixes.map((prefix) => `[[registry]]\nprefix="${prefix}"`).join('\n');
      assert.equal(conf(text).find(name)?.prefix, expected);
    });
  }

  it('of a later file replaces the table of the same prefix, and leaves the others', () => {
    const joined = conf(
      '[[registry]]\nlocation="a.example"\nblocked=true\n[[registry]]\nlocation="b.example"\nblocked=true',
      '[[registry]]\nlocation="a.example"\ninsecure=true',
    );
    assert.equal(joined.find('a.example/x')?.blocked, false);
    assert.equal(joined.find('b.example/x')?.blocked, true);
  });

  const located: [name: string, prefix: string, location: string | undefined, expected: string][] = [
    ['docker.io/library/app', 'docker.io', 'm.example:5000/hub', 'm.example:5000 hub/library/app'],
    ['docker.io/library/app', 'docker.io/library', 'm.example', 'm.example app'],
    ['docker.io/library/app', 'docker.io/library/app', 'm.example/mine', 'm.example mine'],
    ['a.example.com:5000/app', '*.example.com', 'm.example', 'm.example:5000 app'],
    ['a.example.com/app', '*.example.com', undefined, 'a.example.com app'],
    ['docker.io', 'docker.io', 'm.example', 'm.example '],
  ];
  for (const [name, prefix, location, expected] of located) {
    it(`puts ${name} at ${expected.trim()} by ${prefix} = ${location}`, () => {
      const { registry, repository = '' } = locate(name, { prefix, source: 'x.conf' }, location);
      assert.equal(`${registry} ${repository}`, expected);
    });
  }

  it('is refused where a location makes no name', () => {
    for (const location of ['m.example/UPPER', 'm example'])
      assert.throws(() => locate('a.example/app', { prefix: 'a.example', source: 'x.conf' }, location), {
        code: 'USAGE',
        message: /^x\.conf: the location/,
      });
  });
});
