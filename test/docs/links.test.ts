import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { ROOT } from './pages.js';

const PAPERS = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'fixtures/README.md'];

interface Link {
  from: string;
  to: string;
}

/** Returns the links of a page that do not lead to a site, with the page itself as the path of `#anchor`. */
function linksIn(path: string, text: string): { path: string; anchor: string | undefined; link: Link }[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, to = '']) => to)
    .filter((to) => !/^[a-z]+:/.test(to))
    .map((to) => {
      const [file = '', anchor] = to.split('#');
      return {
        path: file === '' ? path : normalize(join(dirname(path), file)),
        anchor,
        link: { from: path, to },
      };
    });
}

/** Returns the names that a site gives to the headings of a page. */
function anchorsIn(text: string): string[] {
  const seen = new Map<string, number>();
  return [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => {
    const plain = heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '');
    const name = plain.replaceAll(' ', '-');
    const earlier = seen.get(name) ?? 0;
    seen.set(name, earlier + 1);
    return earlier === 0 ? name : `${name}-${earlier}`;
  });
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '');
}

describe('the papers', () => {
  const texts = new Map<string, string>();
  before(async () => {
    const docs = (await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md'));
    for (const path of [...PAPERS, ...docs.map((name) => `docs/${name}`)])
      texts.set(path, await readFile(join(ROOT, path), 'utf8'));
  });

  it('have links to files and headings that are there', () => {
    const links = [...texts].flatMap(([path, text]) => linksIn(path, text));
    assert.ok(links.length > 50, `${links.length}`);
    const broken = links.filter(({ path, anchor }) => {
      if (!existsSync(join(ROOT, path))) return true;
      const text = texts.get(path);
      return anchor !== undefined && !(text !== undefined && anchorsIn(text).includes(anchor));
    });
    assert.deepEqual(
      broken.map(({ link }) => link),
      [],
    );
  });

  it('lead from README.md to every page of docs/', () => {
    const reached = new Set(linksIn('README.md', texts.get('README.md') ?? '').map(({ path }) => path));
    const docs = [...texts.keys()].filter((path) => path.startsWith('docs/'));
    assert.deepEqual(
      docs.filter((path) => !reached.has(path)),
      [],
    );
  });

  it('name every room of src/ in CONTRIBUTING.md', async () => {
    const entries = await readdir(join(ROOT, 'src'), { withFileTypes: true });
    const rooms = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    const named = [...(texts.get('CONTRIBUTING.md') ?? '').matchAll(/^ {2}([a-z0-9]+)\/ /gm)].map(
      ([, name]) => name,
    );
    assert.deepEqual(named.sort(), rooms.sort());
  });

  it('know a heading by the name that it has on a site', () => {
    assert.deepEqual(anchorsIn('# One, `two`: 3\n## a b\n```\n# no\n```\n## a b\n'), [
      'one-two-3',
      'a-b',
      'a-b-1',
    ]);
    assert.deepEqual(linksIn('docs/a.md', '[x](../B.md#c) [y](#d) [z](https://a.test/)'), [
      { path: 'B.md', anchor: 'c', link: { from: 'docs/a.md', to: '../B.md#c' } },
      { path: 'docs/a.md', anchor: 'd', link: { from: 'docs/a.md', to: '#d' } },
    ]);
  });
});
