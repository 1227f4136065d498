import {
  blobs,
  entry,
  entryCalled,
  index,
  item,
  manifest,
  plainFiles,
  plainItem,
  VERSION,
} from '../halves.js';
import { ONE, TWO, type TwoMeanings } from './two-meanings.js';

const TWICE = /app:\w+ is .*sha256:\w+ and also .*sha256:\w+ in manifest\.json/;
const TWO_ENTRIES = /docker\.io\/library\/app:\w+ is sha256:\w+ and also sha256:\w+ in index\.json/;
const TWO_NAMES =
  /sha256:\w+ is \S+ \(io\.containerd\.image\.name\) and \S+ \(org\.opencontainers\.image\.ref\.name\) in index\.json/;

/** Attacks with a name for two images in one list, and entries with two contradictory names. */
export const REPEATED_NAMES: readonly TwoMeanings[] = [
  {
    name: 'list-twice',
    what: 'a name of two images in manifest.json: Docker takes the last, podman the first',
    says: TWICE,
    files: ({ good, evil }) => ({
      ...plainFiles(good, evil),
      ...manifest(plainItem(good, 'app:1'), plainItem(evil, 'app:1')),
    }),
  },
  {
    name: 'list-twice-spelling',
    what: 'the same, the name spelt in two ways',
    says: TWICE,
    files: ({ good, evil }) => ({
      ...plainFiles(good, evil),
      ...manifest(plainItem(good, 'app'), plainItem(evil, 'docker.io/library/app:latest')),
    }),
  },
  {
    name: 'list-twice-podman',
    what: 'names that are one to podman, which puts localhost in front of what has no host',
    says: /localhost\/app:1 is .*sha256:\w+ and also .*sha256:\w+ in manifest\.json, for podman/,
    files: ({ good, evil }) => ({
      ...plainFiles(good, evil),
      ...manifest(plainItem(good, 'app:1'), plainItem(evil, 'localhost/app:1')),
    }),
  },
  {
    name: 'list-twice-beside-index',
    what: 'a name of two images in manifest.json, both of them children of the entry',
    says: TWICE,
    files: ({ good, arm, both }) => ({
      ...VERSION,
      ...blobs(both),
      ...index(entry(both, ONE)),
      ...manifest(item(good, 'app:1'), item(arm, 'app:1')),
    }),
  },
  {
    name: 'names-crossed',
    what: 'two entries, each with the other’s name as ref.name',
    says: TWO_NAMES,
    code: 'INVALID_LAYOUT',
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entryCalled(good, { full: ONE, ref: TWO }), entryCalled(evil, { full: TWO, ref: ONE })),
    }),
  },
  {
    name: 'names-other-tag',
    what: 'an entry whose ref.name is another tag than that of its full name',
    says: TWO_NAMES,
    code: 'INVALID_LAYOUT',
    files: ({ good }) => ({
      ...VERSION,
      ...blobs(good),
      ...index(entryCalled(good, { full: ONE, ref: '2' })),
    }),
  },
  {
    name: 'names-other-host',
    what: 'an entry whose ref.name is of another registry than its full name',
    says: TWO_NAMES,
    code: 'INVALID_LAYOUT',
    files: ({ good }) => ({
      ...VERSION,
      ...blobs(good),
      ...index(entryCalled(good, { full: ONE, ref: 'reg.test/library/app:1' })),
    }),
  },
  {
    name: 'names-twice',
    what: 'two entries of one name: skopeo takes the first, containerd the last',
    says: TWO_ENTRIES,
    code: 'INVALID_LAYOUT',
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entryCalled(good, { ref: ONE }), entryCalled(evil, { ref: ONE })),
    }),
  },
  {
    name: 'names-twice-spelling',
    what: 'the same, the name spelt in two ways',
    says: TWO_ENTRIES,
    code: 'INVALID_LAYOUT',
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entryCalled(good, { ref: 'app' }), entryCalled(evil, { ref: 'docker.io/library/app:latest' })),
    }),
  },
  {
    name: 'names-twice-places',
    what: 'a full name that is the ref.name of another entry',
    says: TWO_ENTRIES,
    code: 'INVALID_LAYOUT',
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entry(good, ONE), entryCalled(evil, { ref: 'app:1' })),
    }),
  },
  {
    name: 'names-twice-hostless',
    what: 'a ref.name without its host, which is the full name of another entry',
    says: /docker\.io\/org\/app:1 is sha256:\w+ and also sha256:\w+ in index\.json/,
    code: 'INVALID_LAYOUT',
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(
        entryCalled(good, { full: 'reg.test/org/app:1', ref: 'org/app:1' }),
        entryCalled(evil, { full: 'docker.io/org/app:1', ref: '1' }),
      ),
    }),
  },
  {
    name: 'names-twice-empty',
    what: 'a full name that is empty, so that ref.name counts, which is that of another entry',
    says: TWO_ENTRIES,
    code: 'INVALID_LAYOUT',
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entry(good, ONE), entryCalled(evil, { full: '', ref: ONE })),
    }),
  },
  {
    name: 'names-twice-platforms',
    what: 'two entries of one name that say different platforms',
    says: TWO_ENTRIES,
    code: 'INVALID_LAYOUT',
    files: ({ good, arm }) => ({
      ...VERSION,
      ...blobs(good, arm),
      ...index(
        { ...entry(good, ONE), platform: good.platform },
        { ...entry(arm, ONE), platform: arm.platform },
      ),
    }),
  },
];
