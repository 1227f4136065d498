import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkSync } from 'recheck';
import ts from 'typescript-5.6';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));
const SCHEMAS = fileURLToPath(new URL('../schemas/', import.meta.url));

/** Expressions whose time grows with the square of the text, and why that does no harm. */
const QUADRATIC: Record<string, string> = {
  'cli/arguments.ts /^[+-]?(\\d+\\.?\\d*|\\.\\d+)(e[+-]?\\d+)?$/i': "the user's own command line",
  'cli/arguments.ts /^takes (.*), not "(.*)"$/s': "a message about the user's own command line",
  'cli/parse.ts /\\s*\\n\\s*/g': 'a message of yargs',
  'cli/template-syntax.ts /\\/\\*.*?\\*\\/|"(?:\\\\.|[^"\\\\])*"|`[^`]*`|(\\}\\})/gs':
    "the user's own template",
  'disk/process-start.ts /(\\d+)-(\\d*)-([0-9a-f]{8})/': 'a file name, which has 255 bytes',
  'find/finder.ts /\\{\\{.*?\\}\\}/g': 'at most 2000 characters of a value',
  'find/template.ts /\\{\\{.*?\\}\\}|\\{%.*?%\\}/g': 'a line of at most 2000 characters',
  'find/yaml-tree.ts / at line \\d+.*$/': 'a message of the yaml package',
  'operations/find/walk-paths.ts /\\.ya?ml\\.[\\w.-]+$/i': 'a file name, which has 255 bytes',
  'operations/image-list.ts /(^|\\s)#.*$/': "a line of the user's own list",
  'registry/mirrors.ts /\\/(manifests|blobs)\\/[^/]+:[^/]+$/': 'a path that lading made',
  'registry/mirrors.ts /\\/+$/': 'an option of the user',
  'tar/header.ts /^ *([0-7]*)[ \\0]*$/': 'a field of a header, which has 12 bytes',
  'manifest/json/go-time.ts /0+$/': 'nine digits',
  'operations/login/login.ts /(\\/v[12])?\\/*$/': 'an argument of the user',
  'registry/auth/credential-file.ts /(\\/v[12])?\\/*$/': "a name in the user's own file",
  'registry/auth/credential-file.ts /\\0+$/': "a password in the user's own file",
  'registry/auth/credential-helper.ts /^\\s*\\{/m': "the output of the user's own helper",
  'registry/configuration/registries-files.ts /^\\s*(\\[+\\s*["\']?registr(y|ies)\\b|["\']?registry["\']?\\s*=)/m':
    "the machine's own file",
  'registry/configuration/registries-toml.ts /\\/+$/': "a name in the machine's own file",
  'store/archive/archive-places.ts /[^/]*$/': 'a path of a blob, which lading made',
  'store/layout/uploads.ts /\\.(?:upload(?:\\.lock(?:\\..*)?)?|tmp)$/': 'a file name, which has 255 bytes',
  'store/layout/uploads.ts /\\..*$/': 'a file name, which has 255 bytes',
};

/** The regular expressions of a file, as they are written. */
function* expressionsIn(file: string): Generator<string> {
  const source = ts.createSourceFile(file, readFileSync(SRC + file, 'utf8'), ts.ScriptTarget.ES2022);
  const queue: ts.Node[] = [source];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (ts.isRegularExpressionLiteral(node)) yield node.text;
    node.forEachChild((child) => void queue.push(child));
  }
}

/** The patterns of a schema, which the validators have as expressions with the flag `u`. */
function* patternsIn(file: string): Generator<string> {
  const text = readFileSync(SCHEMAS + file, 'utf8');
  for (const [, pattern] of text.matchAll(/"pattern": ("(?:[^"\\]|\\.)*")/g))
    yield `/${JSON.parse(pattern ?? '')}/u`;
}

/** What a strange text can do to an expression. */
function slownessOf(text: string): 'none' | 'quadratic' | 'worse' {
  const end = text.lastIndexOf('/');
  const result = checkSync(text.slice(1, end), text.slice(end + 1), { timeout: 20_000 });
  if (result.status === 'safe') return 'none';
  if (result.status === 'unknown') return 'worse';
  return result.complexity.type === 'polynomial' && result.complexity.degree === 2 ? 'quadratic' : 'worse';
}

describe('the regular expressions of src and of the schemas', function () {
  this.timeout(120_000);

  it('take a time that grows with the text, or with its square where the text is short', () => {
    const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
      .map((name) => name.replaceAll('\\', '/'))
      .filter((file) => file.endsWith('.ts') && !file.endsWith('/validators.ts'));
    const schemas = readdirSync(SCHEMAS).filter((file) => file.endsWith('.json'));
    const all = [
      ...sources.flatMap((file) => [...expressionsIn(file)].map((text) => ({ file, text }))),
      ...schemas.flatMap((file) => [...patternsIn(file)].map((text) => ({ file, text }))),
    ];
    assert.ok(all.length > 250, `${all.length} expressions were found`);
    assert.ok(all.some(({ file }) => file === 'definitions.schema.json'));
    const judged = all.map(({ file, text }) => ({ place: `${file} ${text}`, slowness: slownessOf(text) }));
    const places = (slowness: string) =>
      judged.filter((one) => one.slowness === slowness).map(({ place }) => place);
    assert.deepEqual(places('worse'), []);
    assert.deepEqual([...new Set(places('quadratic'))].sort(), Object.keys(QUADRATIC).sort());
  });
});
