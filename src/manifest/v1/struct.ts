import { ContentError } from '../../errors.js';
import type { GoStruct, GoValue } from '../json/go-json.js';
import { goTime } from '../json/go-time.js';
import { isJSONObject, type JSONObject } from '../json/json.js';

/** Returns a member's value as Go writes it after reading it; undefined if `omitempty` omits it. */
type Write = (value: unknown, where: string) => GoValue | undefined;
type Struct = readonly (readonly [name: string, write: Write])[];

/**
 * Returns an image's JSON as Go writes it after reading it into its struct: with the members of the struct only, in
 * their order, and always with those that have no `omitempty`. Docker does this for v1 IDs, and for images of Docker
 * before 1.8.3. Throws `INVALID_MANIFEST` if a member has a wrong type. (moby, image/image.go, `V1Image`)
 */
export function throughV1Struct(document: JSONObject, where: string): GoStruct {
  return write(V1_IMAGE, document, where);
}

/** Returns the members of an image's JSON that `throughV1Struct` removes, such as `checksum` or `config.Memory`. */
export function notInV1Struct(document: JSONObject): string[] {
  const configs = ['config', 'container_config'].flatMap((name) =>
    unknownTo(CONTAINER_CONFIG, document[name]).map((member) => `${name}.${member}`),
  );
  return [...unknownTo(V1_IMAGE, document), ...configs];
}

function unknownTo(struct: Struct, value: unknown): string[] {
  const known = new Set(struct.map(([name]) => name));
  return isJSONObject(value) ? Object.keys(value).filter((name) => !known.has(name)) : [];
}

function write(struct: Struct, document: JSONObject, where: string): GoStruct {
  return Object.fromEntries(
    struct.map(([name, writeMember]) => [name, writeMember(document[name], `${where}, ${name}`)]),
  );
}

const string: Write = (value, where) => (value == null ? '' : text(value, where));
const boolean: Write = (value, where) => (value == null ? false : truth(value, where));
const number: Write = (value, where) => (value == null ? undefined : integer(value, where));
const time: Write = (value, where) => goTime(value == null ? undefined : text(value, where), where);
const strings: Write = (value, where) => (value == null ? null : stringList(value, where));
const set: Write = (value, where) =>
  value == null ? null : new Map(entries(value, where).map(([name]) => [name, {}]));
const stringMap: Write = (value, where) =>
  value == null ? null : new Map(entries(value, where).map(([name, member]) => [name, text(member, where)]));

/** Like `omitempty`: omits false, 0, "", null, and lists and maps without elements. */
function omitEmpty(writeValue: Write): Write {
  return (value, where) => {
    const written = writeValue(value, where);
    return isEmpty(written) ? undefined : written;
  };
}

function isEmpty(value: GoValue | undefined): boolean {
  if (value instanceof Map) return value.size === 0;
  return !value || (Array.isArray(value) && value.length === 0);
}

/** Writes a nested struct, which `omitempty` never omits, or a pointer to one, which may be missing. */
function struct(members: () => Struct, { pointer }: { pointer: boolean }): Write {
  return (value, where) => {
    if (value == null) return pointer ? undefined : write(members(), {}, where);
    if (!isJSONObject(value)) throw wrongType(where);
    return write(members(), value, where);
  };
}

const V1_IMAGE: Struct = [
  ['id', omitEmpty(string)],
  ['parent', omitEmpty(string)],
  ['comment', omitEmpty(string)],
  ['created', time],
  ['container', omitEmpty(string)],
  ['container_config', struct(() => CONTAINER_CONFIG, { pointer: false })],
  ['docker_version', omitEmpty(string)],
  ['author', omitEmpty(string)],
  ['config', struct(() => CONTAINER_CONFIG, { pointer: true })],
  ['architecture', omitEmpty(string)],
  ['variant', omitEmpty(string)],
  ['os', omitEmpty(string)],
  ['Size', omitEmpty(number)],
];

/** The members of `Config`. (moby, api/types/container/config.go) */
const CONTAINER_CONFIG: Struct = [
  ['Hostname', string],
  ['Domainname', string],
  ['User', string],
  ['AttachStdin', boolean],
  ['AttachStdout', boolean],
  ['AttachStderr', boolean],
  ['ExposedPorts', omitEmpty(set)],
  ['Tty', boolean],
  ['OpenStdin', boolean],
  ['StdinOnce', boolean],
  ['Env', strings],
  ['Cmd', strings],
  ['Healthcheck', struct(() => HEALTHCHECK, { pointer: true })],
  ['ArgsEscaped', omitEmpty(boolean)],
  ['Image', string],
  ['Volumes', set],
  ['WorkingDir', string],
  ['Entrypoint', strings],
  ['NetworkDisabled', omitEmpty(boolean)],
  ['MacAddress', omitEmpty(string)],
  ['OnBuild', strings],
  ['Labels', stringMap],
  ['StopSignal', omitEmpty(string)],
  ['StopTimeout', number],
  ['Shell', omitEmpty(strings)],
];

const HEALTHCHECK: Struct = [
  ['Test', omitEmpty(strings)],
  ['Interval', omitEmpty(number)],
  ['Timeout', omitEmpty(number)],
  ['StartPeriod', omitEmpty(number)],
  ['Retries', omitEmpty(number)],
];

function text(value: unknown, where: string): string {
  if (typeof value !== 'string') throw wrongType(where);
  return value;
}

function truth(value: unknown, where: string): boolean {
  if (typeof value !== 'boolean') throw wrongType(where);
  return value;
}

function integer(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrongType(where);
  return value;
}

function stringList(value: unknown, where: string): string[] {
  if (!Array.isArray(value)) throw wrongType(where);
  return value.map((element) => text(element, where));
}

function entries(value: unknown, where: string): [string, unknown][] {
  if (!isJSONObject(value)) throw wrongType(where);
  return Object.entries(value);
}

function wrongType(where: string): ContentError {
  return new ContentError('INVALID_MANIFEST', `${where} has a value of the wrong type`);
}
