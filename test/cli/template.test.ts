import assert from 'node:assert/strict';
import type { Shape } from '../../src/cli/shape.js';
import { readTemplate } from '../../src/cli/template.js';
import { templateOf } from '../../src/cli/template-flag.js';

const SHAPE: Shape = {
  members: {
    name: 'text',
    size: 'bytes',
    count: 'number',
    isBlob: 'flag',
    'os.version': 'text',
    platforms: { each: 'text' },
    layers: { each: { members: { digest: 'text', created_by: 'text' } } },
    labels: 'any',
  },
};
const DOCUMENT = {
  name: 'app:1',
  size: 12_345_678,
  count: 3,
  isBlob: false,
  'os.version': '10.0',
  platforms: ['linux/amd64', 'linux/arm64/v8'],
  layers: [
    { digest: 'sha256:1', created_by: 'COPY' },
    { digest: 'sha256:2', created_by: 'RUN' },
  ],
  labels: { 'a.b/c': 'd', plain: 'e' },
};

function print(text: string, document: object = DOCUMENT): string {
  const template = readTemplate(text);
  template.check(SHAPE);
  return template.print([document], SHAPE);
}

describe('a template', () => {
  // What Go's text/template prints for the same document as a struct, whose Size has a String method.
  for (const [text, expected] of [
    ['{{.Name}} {{.Size}}', 'app:1 12.3 MB'],
    ['{{ .Name }}', 'app:1'],
    ['{{.OsVersion}}', '10.0'],
    ['{{json .Size}} {{json .Platforms}}', '12345678 ["linux/amd64","linux/arm64/v8"]'],
    ['{{json .Labels}}', '{"a.b/c":"d","plain":"e"}'],
    ['{{range .Platforms}}<{{.}}>{{end}}', '<linux/amd64><linux/arm64/v8>'],
    ['{{range .Layers}}{{.CreatedBy}} of {{$.Name}};{{end}}', 'COPY of app:1;RUN of app:1;'],
    ['{{range .Platforms}}{{println .}}{{end}}', 'linux/amd64\nlinux/arm64/v8\n'],
    ['{{join .Platforms " and "}}', 'linux/amd64 and linux/arm64/v8'],
    ['{{len .Layers}} {{len .Name}}', '2 5'],
    ['{{index .Platforms 1}} {{(index .Layers 0).Digest}}', 'linux/arm64/v8 sha256:1'],
    ['{{index .Labels "a.b/c"}} {{.Labels.plain}}', 'd e'],
    ['{{.Name | upper}} {{lower "ABC"}} {{truncate .Name 3}}', 'APP:1 abc app'],
    ['{{index (split .Name ":") 1}}', '1'],
    ['{{if .IsBlob}}blob{{else}}image{{end}}', 'image'],
    ['{{if eq .Count 1}}one{{else if eq .Count 3}}three{{else}}many{{end}}', 'three'],
    ['{{if and .Name (not .IsBlob)}}yes{{end}}', 'yes'],
    ['{{or .Labels.none "-"}}', '-'],
    ['{{with index .Layers 1}}{{.Digest}}{{end}}', 'sha256:2'],
    ['{{range .Labels.none}}x{{else}}none{{end}}', 'none'],
    ['a {{- .Name -}} b', 'aapp:1b'],
    ['{{/* nothing */}}{{"}}"}}{{`a\\b`}}', '}}a\\b'],
    ['a\\tb\\n{{"c\\td"}}', 'a\tb\nc\td'],
    ['{{print .Name "-" .Count}} {{bytes .Count}} {{ne .Count 3}}', 'app:1-3 3 B false'],
    ['no action', 'no action'],
  ] as const)
    it(`prints ${text}`, () => {
      assert.equal(print(text), `${expected}\n`);
    });

  it('prints a document a line with json', () => {
    const both = readTemplate('json').print([DOCUMENT, { name: 'b' }], SHAPE);
    assert.equal(both, `${JSON.stringify(DOCUMENT)}\n{"name":"b"}\n`);
  });

  it('prints a table whose headers are the names of members', () => {
    const template = readTemplate(
      'table {{.Name}}\\t{{.OsVersion}}\\t{{json .Size}}\\t{{range .Layers}}{{.Digest}} {{end}}',
    );
    template.check(SHAPE);
    assert.equal(
      template.print([DOCUMENT, { name: 'longer/app:1', size: 7 }], SHAPE),
      [
        'NAME          OS VERSION  SIZE      DIGEST',
        'app:1         10.0        12345678  sha256:1 sha256:2',
        'longer/app:1              7',
        '',
      ].join('\n'),
    );
  });

  it('prints nothing for a member that a document lacks', () => {
    assert.equal(print('<{{.Name}}{{.Size}}{{.Platforms}}{{len .Layers}}{{.Labels.a.b}}>', {}), '<0>\n');
  });

  it('escapes what would confuse the terminal, however it comes out', () => {
    const hostile = { ...DOCUMENT, name: '\x1b[2J\nx', platforms: ['\x1b[31m'], labels: { a: '\x1b]0;' } };
    for (const text of [
      '{{.Name}}',
      '{{print .Name}}',
      '{{upper .Name}}',
      '{{json .}}',
      '{{.Platforms}}',
      '{{join .Platforms ","}}',
      '{{range .Platforms}}{{.}}{{end}}',
      '{{index .Platforms 0}}',
      '{{or .Name "x"}}',
      '{{index (split .Name "x") 0}}',
      '{{truncate .Name 2}}',
      '{{.Labels}}',
      '{{.Labels.a}}',
      'table {{.Name}}',
    ]) {
      const printed = print(text, hostile);
      assert.ok(!printed.includes('\x1b'), text);
      assert.equal(printed.split('\n').length, text.startsWith('table') ? 3 : 2, text);
    }
  });

  for (const [text, message, hint] of [
    ['{{.Nmae}}', 'there is no .Nmae', 'Did you mean .Name?'],
    ['{{.Zzzzzz}}', 'there is no .Zzzzzz', /^There are \.Name, \.Size,/],
    ['{{range .Layers}}{{.Size}}{{end}}', 'there is no .Size', 'There are .Digest, .CreatedBy.'],
    ['{{with .Name}}{{$.Plattforms}}{{end}}', 'there is no .Plattforms', 'Did you mean .Platforms?'],
    ['{{.Layers.Digest}}', 'there is no .Digest of a list', /range/],
    ['{{.Name.First}}', 'there is no .First', /A template is such as/],
    ['{{jsn .}}', 'there is no function "jsn"', 'Did you mean json?'],
    ['{{join .Platforms}}', 'join takes 2 arguments, not 1', /such as/],
    ['{{.Name | .Size}}', 'only a function can stand after "|"', /such as/],
    ['{{.Name', '"{{.Name" has no }}', /such as/],
    ['{{if .Name}}x', '{{if .Name}} has no {{end}}', /such as/],
    ['{{if .Name}}x{{else}}y{{else}}z{{end}}', '{{if .Name}} has no {{end}}', /such as/],
    ['x{{end}}', '{{end}} has nothing to end', /such as/],
    ['{{}}', '{{}} lacks a value', /such as/],
    ['{{.Name .Size}}', '{{.Name .Size}} has values without a function', /such as/],
    ['{{json (.Name}}', '{{json (.Name}} has no ")"', /such as/],
    ['{{json .Name)}}', '{{json .Name)}} has a ")" too many', /such as/],
    ['{{json json}}', '{{json json}} has a function "json" without parentheses around it', /such as/],
    ['{{$x := .Name}}', '{{$x := .Name}} is not understood at "$x := .Name"', /such as/],
    ['{{"a\\q"}}', '{{"a\\q"}} has an invalid text "a\\q"', /such as/],
  ] as const)
    it(`is refused as ${text}, with what is wrong`, () => {
      assert.throws(() => print(text), { code: 'USAGE', message: `--format: ${message}`, hint });
    });

  it('is the default for table alone, and excludes --json', async () => {
    assert.equal(await templateOf({ format: 'table', json: false }), undefined);
    assert.equal(await templateOf({ json: true }), undefined);
    await assert.rejects(templateOf({ format: 'json', json: true }), { code: 'USAGE', hint: /--json/ });
  });
});
