import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import type { ErrorCode } from '../../../src/errors.js';
import { contentOf } from '../images.js';
import type { AttackGroup, FileAttack } from './attack.js';
import {
  asTar,
  dockerParts,
  goodImage,
  LAYOUT_VERSION,
  layoutOf,
  layoutParts,
  named,
  type Parts,
  set,
} from './image.js';

/** Turns the text of a valid document into a malicious one. */
interface Corruption {
  name: string;
  what: string;
  rule: string;
  corrupt(text: string): string | Buffer;
  /** The code, if it is not the usual one for the kind of document. */
  code?: ErrorCode | 'harmless';
}

const ONE_VALUE = 'JSON has one reading: UTF-8, one value, each member once (RFC 7493)';
const BOUNDED = 'a document is read to a depth and a size (CVE-2020-1702, CVE-2023-25153)';
const EXACT = 'a number that a double cannot hold is not rounded';

/** Adds a member before the others of the outermost object. */
function withMember(member: string): (text: string) => string {
  return (text) => text.replace('{', `{${member},`);
}

const CORRUPTIONS: readonly Corruption[] = [
  {
    name: 'depth',
    what: 'a hundred thousand lists in each other',
    rule: BOUNDED,
    corrupt: withMember(`"a":${'['.repeat(100_000)}${']'.repeat(100_000)}`),
  },
  {
    name: 'depth-objects',
    what: 'a hundred thousand objects in each other',
    rule: BOUNDED,
    corrupt: withMember(`"a":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
  },
  {
    name: 'repeated',
    what: 'a member twice, of which Go takes the last and others the first',
    rule: ONE_VALUE,
    corrupt: withMember('"x":1,"x":2'),
  },
  { name: 'bom', what: 'a byte-order mark', rule: ONE_VALUE, corrupt: (text) => `\ufeff${text}` },
  {
    name: 'utf-16',
    what: 'UTF-16',
    rule: ONE_VALUE,
    corrupt: (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  },
  {
    name: 'utf-8',
    what: 'bytes that are not UTF-8',
    rule: ONE_VALUE,
    corrupt: (text) => Buffer.from(withMember('"x":"\xff\xfe"')(text), 'latin1'),
  },
  {
    name: 'utf-8-overlong',
    what: 'a slash in two bytes',
    rule: ONE_VALUE,
    corrupt: (text) => Buffer.from(withMember('"x":"\xc0\xaf"')(text), 'latin1'),
  },
  {
    name: 'surrogate',
    what: 'half of a surrogate pair',
    rule: ONE_VALUE,
    corrupt: withMember('"x":"\\ud800"'),
  },
  { name: 'number', what: 'the number 1e400', rule: EXACT, corrupt: withMember('"x":1e400') },
  { name: 'integer', what: 'the integer 2^53 + 1', rule: EXACT, corrupt: withMember('"x":9007199254740993') },
  {
    name: 'digits',
    what: 'an integer of a hundred thousand digits',
    rule: EXACT,
    corrupt: withMember(`"x":${'9'.repeat(100_000)}`),
  },
  { name: 'nan', what: 'NaN', rule: ONE_VALUE, corrupt: withMember('"x":NaN') },
  { name: 'comment', what: 'a comment', rule: ONE_VALUE, corrupt: (text) => `/* */${text}` },
  {
    name: 'two-values',
    what: 'another document after the first',
    rule: ONE_VALUE,
    corrupt: (text) => `${text}\n{}`,
  },
  { name: 'nul', what: 'a NUL after the document', rule: ONE_VALUE, corrupt: (text) => `${text}\0` },
  { name: 'cut', what: 'a document without its end', rule: ONE_VALUE, corrupt: (text) => text.slice(0, -1) },
  {
    name: 'prototype',
    what: 'members called __proto__ and constructor',
    rule: 'a member of any name is one like any other: objects have no prototype',
    corrupt: withMember('"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}'),
    code: 'harmless',
  },
  {
    name: 'spaces',
    what: 'a megabyte of white space',
    rule: BOUNDED,
    corrupt: (text) => `${' '.repeat(1024 * 1024)}${text}`,
    code: 'harmless',
  },
];

/** A document in archives, and how to replace its text. */
interface Place {
  name: string;
  code: ErrorCode;
  maxBytes: number;
  make(corrupt: (text: string) => string | Buffer): Parts;
}

function bytesOf(made: string | Buffer): Buffer {
  return typeof made === 'string' ? Buffer.from(made) : made;
}

const PLACES: readonly Place[] = [
  {
    name: 'oci-layout',
    code: 'INVALID_LAYOUT',
    maxBytes: 4 * 1024 * 1024,
    make: (corrupt) => set(layoutParts(), 'oci-layout', bytesOf(corrupt(LAYOUT_VERSION))),
  },
  {
    name: 'index.json',
    code: 'INVALID_LAYOUT',
    maxBytes: 64 * 1024 * 1024,
    make(corrupt) {
      const parts = layoutParts();
      return set(parts, 'index.json', bytesOf(corrupt(String(parts.get('index.json')?.body))));
    },
  },
  {
    name: 'manifest',
    code: 'INVALID_MANIFEST',
    maxBytes: 4 * 1024 * 1024,
    make(corrupt) {
      const { layer, config, manifest } = goodImage();
      const bad = contentOf(MEDIA_TYPE.ociManifest, bytesOf(corrupt(manifest.bytes.toString())));
      return layoutOf([named(bad.descriptor)], [layer, config, bad]);
    },
  },
  {
    name: 'config',
    code: 'INVALID_MANIFEST',
    maxBytes: 4 * 1024 * 1024,
    make(corrupt) {
      const good = goodImage();
      const config = contentOf(MEDIA_TYPE.ociConfig, bytesOf(corrupt(good.config.bytes.toString())));
      const { layer, manifest } = goodImage({ manifest: { config: config.descriptor } });
      return layoutOf([named(manifest.descriptor)], [layer, config, manifest]);
    },
  },
  {
    name: 'manifest.json',
    code: 'INVALID_ARCHIVE',
    maxBytes: 20 * 1024 * 1024,
    make(corrupt) {
      const parts = dockerParts();
      return set(parts, 'manifest.json', bytesOf(corrupt(String(parts.get('manifest.json')?.body))));
    },
  },
];

function corrupted({ name, code, make }: Place): FileAttack[] {
  return CORRUPTIONS.map((corruption) => ({
    name: `${name}-${corruption.name}`,
    what: `${name} with ${corruption.what}`,
    rule: corruption.rule,
    code: corruption.code ?? code,
    place: asTar(() => make(corruption.corrupt)),
  }));
}

function oversized({ name, maxBytes, make }: Place): FileAttack {
  return {
    name: `${name}-size`,
    what: `${name} of more than ${maxBytes / 1024 / 1024} MiB`,
    rule: BOUNDED,
    code: 'TOO_LARGE',
    place: asTar(() => make((text) => text + ' '.repeat(maxBytes))),
  };
}

/** Spellings of members that Go decodes as the defined ones, and integers that Go refuses. */
const SPELLINGS: Record<string, readonly [name: string, what: string, from: RegExp, to: string][]> = {
  'oci-layout': [['upper', 'a version in capitals', /{/, '{"IMAGELAYOUTVERSION":"1.0.0",']],
  'index.json': [
    [
      'descriptor',
      'a second digest of an entry',
      /"digest":/,
      `"Digest":"sha256:${'e'.repeat(64)}","digest":`,
    ],
    ['annotations', 'second annotations of an entry', /"digest":/, '"Annotations":{},"digest":'],
    ['size-fraction', 'a size with a fraction', /"size":(\d+)/, '"size":$1.0'],
    ['size-exponent', 'a size with an exponent', /"size":(\d+)/, '"size":$1e0'],
    ['version-fraction', 'a schemaVersion with a fraction', /"schemaVersion":2/, '"schemaVersion":2.0'],
  ],
  manifest: [
    ['layers', 'second layers', /{/, '{"Layers":[],'],
    [
      'layer-digest',
      'a second digest of a layer',
      /("layers":.*?)"digest":/,
      `$1"DIGEST":"sha256:${'e'.repeat(64)}","digest":`,
    ],
    ['long-s', 'a size of the config with a long s', /("config":{)/, '$1"\u017fize":1,'],
    [
      'kelvin',
      'an unknown member and one that has the Kelvin sign for its k',
      /{/,
      '{"kind":1,"\u212aind":2,',
    ],
    ['size-fraction', 'a size of a layer with a fraction', /("layers":.*?"size":)(\d+)/, '$1$2.0'],
  ],
  config: [
    ['user', 'a second user', /"Cmd":/, '"user":"root","Cmd":'],
    ['cmd', 'a second command', /"Cmd":/, '"cmd":["/evil"],"Cmd":'],
    ['diff-ids', 'second diffIDs', /"diff_ids":/, '"Diff_Ids":[],"diff_ids":'],
    ['history', 'a second creator of a layer', /"created_by":/, '"Created_By":"x","created_by":'],
    ['os', 'a second system', /{/, '{"OS":"windows",'],
  ],
  'manifest.json': [
    ['config', 'a second config', /"Config":/, '"config":"other.json","Config":'],
    ['layers', 'second layers', /"Config":/, '"layers":[],"Config":'],
    ['repo-tags', 'second names', /"Config":/, '"repotags":["evil:1"],"Config":'],
  ],
};

function misspelt({ name, code, make }: Place): FileAttack[] {
  return (SPELLINGS[name] ?? []).map(([spelling, what, from, to]) => ({
    name: `${name}-case-${spelling}`,
    what: `${name} with ${what}`,
    rule: 'what two readers can understand in two ways is refused',
    code,
    place: asTar(() =>
      make((text) => {
        const changed = text.replace(from, to);
        if (changed === text) throw new Error(`${name}-case-${spelling} changes nothing`);
        return changed;
      }),
    ),
  }));
}

export const JSON_DOCUMENTS: AttackGroup = {
  title: 'JSON documents',
  attacks: PLACES.flatMap((place) => [...corrupted(place), oversized(place), ...misspelt(place)]),
};
