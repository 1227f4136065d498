/**
 * Compiles the JSON Schemas in this folder to src/manifest/validators.ts and src/lock/validators.ts, so that lading does not have to load ajv and
 * compile them when it runs. Usage: node schemas/build.mjs
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';

const SUFFIX = '.schema.json';
/** Locks have a file of their own: it is read only where there is a lock. */
const LOCKS = ['lock', 'imgpkg-images-lock', 'dt-images-lock'];

const files = (await readdir(new URL('.', import.meta.url))).filter((name) => name.endsWith(SUFFIX)).sort();
const schemas = await Promise.all(
  files.map(async (name) => JSON.parse(await readFile(new URL(name, import.meta.url), 'utf8'))),
);

/** For each kind of document, the derived schema that only checks whether Go can decode it. */
const READ_BY_GO = {
  'oci-manifest': { kind: 'go-manifest' },
  'oci-index': { kind: 'go-index' },
  'oci-artifact-manifest': { kind: 'go-artifact' },
  'oci-config': { kind: 'go-oci-config' },
  'docker-config': { kind: 'go-docker-config', isDocker: true },
};
const definitionsFor = (isDocker) => `go-${isDocker ? 'docker-' : ''}definitions${SUFFIX}`;

/**
 * Reduces a schema to types, which are all that Go's `encoding/json` checks: every engine that decodes a document fails
 * if it violates the reduced schema. A `$comment` marks exceptions: `go` keeps the pattern, because the Go type
 * requires it (time.Time); `go:string` also allows a string if Docker decodes the document.
 */
function asGoReads(schema, isDocker) {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf('/'));
    return { $ref: `${definitionsFor(isDocker)}#/definitions${name}` };
  }
  const read = (part) => asGoReads(part, isDocker);
  const map = (parts) => Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, read(part)]));
  const { description, $comment = '', properties, additionalProperties, items, pattern, allOf } = schema;
  const literal = schema.const ?? schema.enum?.[0];
  const own = schema.type ?? (typeof literal === 'number' ? 'integer' : 'string');
  const takesText = isDocker && $comment === 'go:string';
  const types = [...new Set([own, 'null', ...(takesText ? ['string'] : [])].flat())];
  return {
    ...(description !== undefined && { description }),
    type: types,
    ...($comment === 'go' && { pattern }),
    ...(allOf !== undefined && { allOf: allOf.map(read) }),
    ...(properties !== undefined && { properties: map(properties) }),
    ...(additionalProperties !== undefined && { additionalProperties: read(additionalProperties) }),
    ...(items !== undefined && { items: read(items) }),
  };
}

for (const { $id, definitions, ...schema } of [...schemas]) {
  for (const isDocker of definitions === undefined ? [] : [false, true]) {
    const entries = Object.entries(definitions).map(([name, part]) => [name, asGoReads(part, isDocker)]);
    schemas.push({ $id: definitionsFor(isDocker), definitions: Object.fromEntries(entries) });
  }
  const { kind, isDocker = false } = READ_BY_GO[$id.slice(0, -SUFFIX.length)] ?? {};
  if (kind !== undefined) schemas.push({ $id: `${kind}${SUFFIX}`, ...asGoReads(schema, isDocker) });
}
const kinds = schemas
  .filter(({ definitions }) => definitions === undefined)
  .map(({ $id }) => $id.slice(0, -SUFFIX.length));

const ajv = new Ajv({
  schemas,
  strict: true,
  allowUnionTypes: true,
  // With "null" in a list of types, keywords next to it apply only to the other type, which strictTypes does not allow.
  strictTypes: false,
  // Errors include the violated part of the schema; its description says what was expected.
  verbose: true,
  messages: false,
  // Generates one function for each definition, not a copy for each reference to it.
  inlineRefs: false,
  code: { source: true, esm: true, lines: true },
});

/** Turns `docker-schema1-signed` into `dockerSchema1Signed`. */
const exportName = (kind) => kind.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
const TEXT = '"(?:[^"\\\\]|\\\\.)*"';
/** Members of errors, and arguments, that only ajv's own messages and keywords need: a sixth of the code. */
const UNUSED = [
  new RegExp(`schemaPath:${TEXT},`, 'g'),
  new RegExp(`schema:(?:schema\\d+(?:\\.\\w+|\\[${TEXT}\\])*|${TEXT}|[\\d.]+),(?=parentSchema:)`, 'g'),
  new RegExp(`,parentData(?::data\\d*)?,parentDataProperty(?::(?:${TEXT}|\\w+))?,rootData(?=\\})`, 'g'),
  /, parentData, parentDataProperty, rootData=data(?=\}=)/g,
];

await compile(
  kinds.filter((kind) => !LOCKS.includes(kind)),
  new URL('../src/manifest/validators.ts', import.meta.url),
);
await compile(LOCKS, new URL('../src/lock/validators.ts', import.meta.url));

async function compile(kinds, output) {
  const generated = standaloneCode.default(
    ajv,
    Object.fromEntries(kinds.map((kind) => [exportName(kind), `${kind}${SUFFIX}`])),
  );
  const code = UNUSED.reduce((text, unused) => text.replace(unused, ''), generated);
  if (/\b(?:schemaPath|parentData|rootData)\b/.test(code))
    throw new Error('ajv generates other code than before: change what is removed from it');
  if (/\brequire\s*\(|^import /m.test(code)) {
    throw new Error(
      'The validators need ajv at run time, because a schema uses a keyword such as minLength or uniqueItems.',
    );
  }

  await writeFile(
    output,
    `// @ts-nocheck
// Generated by schemas/${basename(fileURLToPath(import.meta.url))} from schemas/*${SUFFIX}: change these files instead.

/** The first violation of a schema. (ajv, ErrorObject) */
export interface Refusal {
  /** A JSON pointer to the invalid value. */
  instancePath: string;
  keyword: string;
  params: Record<string, unknown>;
  message: string;
  /** The violated part of the schema, with its description. */
  parentSchema: { description?: string };
  data: unknown;
}

/** Returns false if the value is invalid, and sets \`errors\`, which belong to the latest call only. */
export interface Validator {
  (value: unknown): boolean;
  errors: readonly Refusal[] | null;
}

export type DocumentKind =
${kinds.map((kind) => `  | '${kind}'`).join('\n')};

${code.replace(/^"use strict";/, '').replace(/^export const /gm, 'const ')}

export const validators: Record<DocumentKind, Validator> = {
${kinds.map((kind) => `  '${kind}': ${exportName(kind)},`).join('\n')}
};
`,
  );
}
