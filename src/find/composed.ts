import { isDigest } from '../content/digest.js';
import { entriesOf, type Mapping, memberOf, type Scalar } from './node.js';
import { withoutTrailing } from './plain-text.js';

/** A name that members of one mapping make together. */
export interface ComposedName {
  /** Where its first part stands. */
  at: number;
  repository: string;
  version: string | undefined;
  used: Scalar[];
  /** The member for the tag is there, and empty: a chart puts its own version there. */
  isWithoutTag: boolean;
}

export interface ComposedOptions {
  /** The mapping is called an image. */
  isImage: boolean;
  /** It is an element of a list. */
  isItem: boolean;
}

interface Part {
  scalar: Scalar;
  text: string;
  at: number;
}

const REGISTRIES = ['registry', 'imageRegistry', 'hub', 'image_registry', 'registryHost'];
const REPOSITORIES = ['repository', 'repo', 'imageRepository', 'image_repository', 'imageRepo'];
const DIGESTS = ['digest', 'sha', 'sha256', 'imageDigest', 'imageSHA', 'imageSha', 'image_digest'];
/** Tags that can only be those of an image. */
const IMAGE_TAGS = ['tag', 'imageTag', 'image_tag', 'imageVersion', 'image_version'];
const TAGS = [...IMAGE_TAGS, 'version', 'versionTag'];
/** Members with which a `repository` is one of charts, of code or of packages. */
const OTHER_REPOSITORIES = [
  ...['chart', 'url', 'repoURL', 'branch', 'revision', 'ref', 'git', 'type', 'condition', 'alias'],
];

/** Returns the name that the members of a mapping make; undefined if they make none. */
export function composedName(node: Mapping, options: ComposedOptions): ComposedName | undefined {
  return ofRepository(node, options) ?? ofImage(node, options) ?? ofName(node, options) ?? sideBySide(node);
}

/** `registry`, `repository` and `tag` or `digest`; `repository`, `image` and `version`. */
function ofRepository(node: Mapping, { isImage }: ComposedOptions): ComposedName | undefined {
  const repository = partIn(node, REPOSITORIES);
  if (repository === undefined) return undefined;
  const image = partIn(node, ['image']);
  const last =
    image !== undefined && !image.text.includes('/') && !hasVersion(image.text) ? image : undefined;
  const [registry, tag, digest] = [REGISTRIES, TAGS, DIGESTS].map((names) => partIn(node, names));
  if (!isImage && [registry, tag, digest, last].every((part) => part === undefined)) return undefined;
  const isOther = OTHER_REPOSITORIES.some((name) => memberOf(node, name) !== undefined);
  if (isOther && !isImage && last === undefined) return undefined;
  return joined([registry, repository, last], { tag, digest, isWithoutTag: hasEmpty(node, IMAGE_TAGS) });
}

/** `image` beside a `tag`, a `digest` or a `registry`. */
function ofImage(node: Mapping, { isImage }: ComposedOptions): ComposedName | undefined {
  const image = partIn(node, ['image']);
  if (image === undefined) return undefined;
  const [registry, digest] = [REGISTRIES, DIGESTS].map((names) => partIn(node, names));
  const tag = partIn(node, isImage ? TAGS : IMAGE_TAGS);
  const isWithoutTag = hasEmpty(node, IMAGE_TAGS);
  const isAlone = tag === undefined && digest === undefined && !isWithoutTag;
  if (registry === undefined && (isAlone || hasVersion(image.text))) return undefined;
  return joined([registry, image], { tag, digest, isWithoutTag });
}

/** `name` in a mapping that is called an image, unless it is the name of another object. */
function ofName(node: Mapping, { isImage, isItem }: ComposedOptions): ComposedName | undefined {
  const name = isImage ? partIn(node, ['name']) : undefined;
  if (
    name === undefined ||
    memberOf(node, 'namespace') !== undefined ||
    memberOf(node, 'image') !== undefined
  )
    return undefined;
  const [registry, tag, digest] = [REGISTRIES, TAGS, DIGESTS].map((names) => partIn(node, names));
  const isAlone = tag === undefined && digest === undefined;
  if (isAlone && (isItem || !/[:/@$]|\{\{/.test(name.text))) return undefined;
  return joined([registry, name], { tag, digest, isWithoutTag: hasEmpty(node, IMAGE_TAGS) });
}

const SUFFIXES = ['_version', '_tag', 'Version', 'Tag', '-version', '-tag', '_digest', 'Digest'];

/**
 * Two members side by side: `image` and `imageTag`, `api_image` and `api_image_version`, `proxy-image` and
 * `proxy-version`, `apiRepository` and `apiTag`.
 */
function sideBySide(node: Mapping): ComposedName | undefined {
  for (const { key, value } of node.entries) {
    if (value.type !== 'scalar' || value.text === '' || hasVersion(value.text)) continue;
    const tag = partIn(node, versionKeys(key));
    if (tag !== undefined)
      return joined([partOf(node, key, value)], { tag, digest: undefined, isWithoutTag: false });
  }
  return undefined;
}

function versionKeys(key: string): string[] {
  if (/^image_?name$/i.test(key)) return ['imageTag', 'image_tag', 'imageVersion', 'image_version'];
  const [, prefix] = /^(.+)(?:Repository|_repository|-repository)$/.exec(key) ?? [];
  if (prefix !== undefined) return SUFFIXES.map((suffix) => `${prefix}${suffix}`);
  if (!/image$/i.test(key)) return [];
  const [, start] = /^(.+[-_./])image$/.exec(key) ?? [];
  return [
    ...SUFFIXES.map((suffix) => `${key}${suffix}`),
    ...(start === undefined ? [] : [`${start}version`, `${start}tag`]),
  ];
}

interface Version {
  tag: Part | undefined;
  digest: Part | undefined;
  isWithoutTag: boolean;
}

function joined(
  names: readonly (Part | undefined)[],
  { tag, digest, isWithoutTag }: Version,
): ComposedName | undefined {
  const parts = names.filter((part) => part !== undefined);
  const [first] = parts;
  if (first === undefined) return undefined;
  const repository = parts.map(({ text }) => withoutTrailing(text, '/')).join('/');
  const version = hasVersion(repository) ? undefined : versionOf(tag?.text, digest?.text);
  return {
    at: first.at,
    repository,
    version,
    used: [...parts, tag, digest].filter((part) => part !== undefined).map(({ scalar }) => scalar),
    isWithoutTag: isWithoutTag && version === undefined && !hasVersion(repository),
  };
}

/** True if a name ends with a tag or a digest. */
export function hasVersion(name: string): boolean {
  return name.includes('@') || name.lastIndexOf(':') > name.lastIndexOf('/');
}

function versionOf(tag: string | undefined, digest: string | undefined): string | undefined {
  if (digest === undefined) return tag;
  const bare = digest.replace(/^@/, '');
  const hash = bare.includes(':') ? bare : `sha256:${bare}`;
  return tag === undefined || tag.includes(':') || !isDigest(hash) ? hash : `${tag}@${hash}`;
}

function hasEmpty(node: Mapping, names: readonly string[]): boolean {
  return names.some((name) => {
    const member = memberOf(node, name);
    return member?.type === 'scalar' && member.text === '';
  });
}

function partIn(node: Mapping, names: readonly string[]): Part | undefined {
  for (const name of names) {
    const value = memberOf(node, name);
    if (value?.type === 'scalar' && value.text !== '') return partOf(node, name, value);
  }
  return undefined;
}

/** The value of an alias stands elsewhere; the name begins where the alias is. */
function partOf(node: Mapping, key: string, scalar: Scalar): Part {
  const entry = entriesOf(node).findLast((each) => each.key === key);
  const at = entry !== undefined && scalar.at < entry.at ? entry.at : scalar.at;
  return { scalar, text: scalar.text, at };
}
