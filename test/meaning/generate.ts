import { gzipSync } from 'node:zlib';
import { createRandom, type Random } from '../fuzz/mutate.js';
import { rawEntry } from '../support/tar-maker.js';
import {
  AS_BLOBS,
  AS_FILES,
  archiveOf,
  type Documents,
  type Draft,
  documentsOf,
  draftOf,
  type Lists,
  type Names,
  type Pair,
  RIGHT,
  SWAPPED,
} from './draft.js';
import {
  at,
  DOCUMENTS,
  type Node,
  NUMBERS,
  nodeOf,
  numbersIn,
  objectsIn,
  SPELLINGS,
  textOf,
} from './json-text.js';
import { EVIL_NAME, GOOD_NAME, makeParts, type PartsOptions } from './pair.js';
import { addLink, addShadow, extend, rewrite } from './tar-changes.js';

/** An archive whose form a seed decides, and what is odd about it. */
export interface Case {
  seed: number;
  bytes: Buffer;
  /** Empty for an archive as real tools write it. */
  what: readonly string[];
}

/** What may be odd, of which each archive has at most two. */
const KINDS = ['json', 'names', 'tar', 'links', 'outer', 'nothing'] as const;

export function makeCase(seed: number): Case {
  const random = createRandom(seed);
  const kinds = [random.pick(KINDS), ...(random.below(3) === 0 ? [random.pick(KINDS)] : [])];
  const lists = listsOf(random, kinds.includes('names'));
  const fileOf = lists.index === undefined && random.below(2) === 0 ? AS_FILES : AS_BLOBS;
  const what: string[] = kinds.includes('names') ? [describeLists(lists)] : [];
  const options = { gzip: random.below(3) === 0, docker: random.below(4) === 0 };

  const changed = kinds.includes('json') ? random.pick(namesOfDocuments(lists)) : undefined;
  const EVIL = makeParts('EVIL', options);
  const change = (name: string, node: Node, other: Node | undefined): Node | Buffer | string => {
    if (name !== changed) return node;
    const [result, how] = changeDocument(random, node, other);
    what.push(`${name}: ${how}`);
    return result;
  };
  const alter: PartsOptions['alter'] = (name, node) => {
    const result = change(
      name,
      node,
      nodeOf(JSON.parse((name === 'config' ? EVIL.config : EVIL.manifest).bytes.toString())),
    );
    return typeof result === 'string' ? Buffer.from(result) : result;
  };
  const pair: Pair = { GOOD: makeParts('GOOD', { ...options, alter }), EVIL };
  const documents = new Map<string, Node | string | Buffer>();
  const swapped = documentsOf(pair, listsWith(lists, SWAPPED), fileOf);
  for (const [name, node] of documentsOf(pair, lists, fileOf))
    documents.set(name, change(name, node, swapped.get(name)));

  const draft = draftOf(pair, documents, fileOf, lists.index !== undefined);
  draft.what.push(...what);
  vary(draft, random);
  for (const kind of kinds) {
    if (kind === 'tar') changeTar(draft, random, swapped);
    if (kind === 'links') addLink(draft, random, ...target(draft, random, swapped));
  }
  const bytes = kinds.includes('outer') ? wrap(draft, random) : archiveOf(draft);
  return { seed, bytes, what: draft.what };
}

/** Names as they should be, or each list with its own. */
function listsOf(random: Random, mayDisagree: boolean): Lists {
  const form = random.pick(['docker-archive', 'layout', 'both', 'both'] as const);
  const names = (): Names => (mayDisagree ? namesAtRandom(random) : RIGHT);
  const manifest = form === 'layout' ? undefined : names();
  return {
    index: form === 'docker-archive' ? undefined : names(),
    manifest,
    // Old Docker's list names layers, which only an archive with their folders has.
    repositories: form === 'docker-archive' && random.below(2) === 0 ? names() : undefined,
  };
}

function namesAtRandom(random: Random): Names {
  const third = 'docker.io/library/app:3';
  const count = 1 + random.below(3);
  if (random.below(3) === 0) return RIGHT;
  return Array.from({ length: count }, () => {
    const name = random.pick([GOOD_NAME, EVIL_NAME, third]);
    return [name, random.pick(['GOOD', 'EVIL'] as const)] as const;
  });
}

function listsWith(lists: Lists, names: Names): Lists {
  return {
    index: lists.index && names,
    manifest: lists.manifest && names,
    repositories: lists.repositories && names,
  };
}

function describeLists(lists: Lists): string {
  const described = Object.entries(lists).flatMap(([list, names]: [string, Names | undefined]) =>
    names === undefined
      ? []
      : [`${list} ${names.map(([name, who]) => `${name.slice(-1)}=${who}`).join(' ')}`],
  );
  return described.join(', ');
}

function namesOfDocuments({ index, manifest, repositories }: Lists): string[] {
  return [
    'config',
    ...(index === undefined ? [] : ['manifest', 'index.json', 'index.json', 'oci-layout']),
    ...(manifest === undefined ? [] : ['manifest.json', 'manifest.json']),
    ...(repositories === undefined ? [] : ['repositories']),
  ];
}

/** A document with a member twice, a number in another spelling, or written in another way. */
function changeDocument(
  random: Random,
  node: Node,
  other: Node | undefined,
): [Node | Buffer | string, string] {
  const numbers = numbersIn(node);
  switch (random.below(6)) {
    case 0: {
      const how = random.pick(Object.keys(DOCUMENTS));
      return [DOCUMENTS[how]?.(textOf(node)) ?? node, how];
    }
    case 1: {
      if (numbers.length === 0) return [node, 'nothing'];
      const number = random.pick(numbers);
      const how = random.pick(Object.keys(NUMBERS));
      number.text = NUMBERS[how]?.(number.text) ?? number.text;
      return [node, `a number ${how}`];
    }
    default:
      return [node, repeatMember(random, node, other)];
  }
}

function repeatMember(random: Random, node: Node, other: Node | undefined): string {
  const objects = objectsIn(node).filter(({ members }) => members.length > 0);
  if (objects.length === 0) return 'nothing';
  const { path, members } = random.pick(objects);
  const { key } = random.pick(members);
  const name: string = JSON.parse(key);
  const how = random.pick(Object.keys(SPELLINGS));
  const twin = other && at(other, path);
  const value =
    (twin?.type === 'object' ? twin.members.find((member) => member.key === key)?.value : undefined) ??
    nodeOf(random.pick([null, 'EVIL', 7, [], {}, true]));
  const repeated = { key: SPELLINGS[how]?.(name) ?? key, value };
  const isFirst = random.below(2) === 0;
  if (isFirst) members.unshift(repeated);
  else members.push(repeated);
  return `${path}.${name} ${isFirst ? 'before' : 'behind'} the others, ${how}`;
}

/** What real tools do differently, and no reader minds. */
function vary(draft: Draft, random: Random): void {
  if (random.below(4) === 0) draft.entries.reverse();
  if (random.below(4) === 0)
    draft.entries.unshift({ name: 'blobs/', type: '5' }, { name: 'blobs/sha256/', type: '5' });
  if (random.below(6) === 0) draft.tail = Buffer.alloc(512 * (1 + random.below(16)));
}

/** A file of the archive, and what should not stand in its place. */
function target(draft: Draft, random: Random, swapped: Documents): [name: string, body: Buffer] {
  const { pair, fileOf } = draft;
  const documents = [...swapped].map(([name, node]): [string, Buffer] => [name, Buffer.from(textOf(node))]);
  return random.pick([
    ...documents,
    ...documents,
    [fileOf('config', pair.GOOD.config.hex), pair.EVIL.config.bytes],
    [fileOf('layer', pair.GOOD.layer.hex), pair.EVIL.layer.bytes],
  ]);
}

function changeTar(draft: Draft, random: Random, swapped: Documents): void {
  const [name, body] = target(draft, random, swapped);
  const change = random.below(6);
  if (change < 3) addShadow(draft, random, name, body);
  else if (change === 3) extend(draft, random, name);
  else rewrite(draft, random, name);
}

/** What may stand around a tar, by what it is. */
const OUTER: Readonly<Record<string, (tar: Buffer, other: Buffer) => Buffer>> = {
  'as gzip': (tar) => gzipSync(tar),
  'as gzip of two members': (tar) =>
    Buffer.concat([gzipSync(tar.subarray(0, 1000)), gzipSync(tar.subarray(1000))]),
  'as gzip with another behind it': (tar, other) => Buffer.concat([gzipSync(tar), gzipSync(other)]),
  'as gzip with another tar behind it': (tar, other) => Buffer.concat([gzipSync(tar), other]),
  'as gzip with zeros behind it': (tar) => Buffer.concat([gzipSync(tar), Buffer.alloc(512)]),
  'as gzip with rubbish behind it': (tar) => Buffer.concat([gzipSync(tar), Buffer.from('rubbish')]),
  'as gzip of gzip': (tar) => gzipSync(gzipSync(tar)),
  'with another behind its end': (tar, other) => Buffer.concat([tar, other]),
  'with another behind one block of zeros': (tar, other) => Buffer.concat([tar.subarray(0, -512), other]),
  'with rubbish behind its end': (tar) => Buffer.concat([tar, Buffer.from('rubbish')]),
  'without its end': (tar) => tar.subarray(0, -1024),
  'with half of its end': (tar) => tar.subarray(0, -512),
  'behind a block of zeros': (tar) => Buffer.concat([Buffer.alloc(512), tar]),
  "behind a name that begins like gzip's": (tar) =>
    Buffer.concat([rawEntry({ name: '', alter: (block) => block.set([0x1f, 0x8b, 0x08]) }), tar]),
};

function wrap(draft: Draft, random: Random): Buffer {
  const how = random.pick(Object.keys(OUTER));
  draft.what.push(how);
  const { pair, fileOf } = draft;
  const lists: Lists = { index: undefined, manifest: SWAPPED, repositories: undefined };
  const other = archiveOf(draftOf(pair, documentsOf(pair, lists, fileOf), fileOf, false));
  const tar = archiveOf({ ...draft, tail: Buffer.alloc(0) });
  return OUTER[how]?.(tar, other) ?? tar;
}
