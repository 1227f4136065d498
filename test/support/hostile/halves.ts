import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import type { ErrorCode } from '../../../src/errors.js';
import type { Files } from '../docker-archives.js';
import {
  blobOf,
  blobs,
  entry,
  entryCalled,
  folders,
  index,
  item,
  manifest,
  plainFiles,
  plainItem,
  repositories,
  VERSION,
  writeForm,
} from '../halves.js';
import { jsonContent, type MadeImage, type MadeIndex, makeImage, makeIndex } from '../images.js';
import type { AttackGroup, FileAttack } from './attack.js';

/** The images that a name may mean. */
interface Images {
  good: MadeImage;
  evil: MadeImage;
  /** Of another platform than `good`. */
  arm: MadeImage;
  /** Of `good` and `arm`. */
  both: MadeIndex;
}

/** Files that mean one image to some readers and another to others. */
export interface TwoMeanings {
  name: string;
  what: string;
  /** What the finding says: the name of the image, and where it means what. */
  says: RegExp;
  code?: ErrorCode;
  files(images: Images): Files | Promise<Files>;
}

const ONE = 'docker.io/library/app:1';
const TWO = 'docker.io/library/app:2';

const IN_BOTH =
  /docker\.io\/library\/app:\w+ is sha256:\w+ in index\.json.*, and .*sha256:\w+ in manifest\.json/;
const UNREADABLE =
  /docker\.io\/library\/app:1 is sha256:\w+ in index\.json, and an image that cannot be read .* in manifest\.json/;
const TWICE = /app:\w+ is .*sha256:\w+ and also .*sha256:\w+ in manifest\.json/;
const TWO_ENTRIES = /docker\.io\/library\/app:\w+ is sha256:\w+ and also sha256:\w+ in index\.json/;
const TWO_NAMES =
  /sha256:\w+ is \S+ \(io\.containerd\.image\.name\) and \S+ \(org\.opencontainers\.image\.ref\.name\) in index\.json/;
const OLD = /docker\.io\/library\/app:1 is \w{64} in repositories, and (?:manifest|index)\.json has/;

const LISTS: readonly TwoMeanings[] = [
  {
    name: 'halves-swapped',
    what: 'two names that stand for each other’s images in manifest.json',
    says: IN_BOTH,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entry(good, ONE), entry(evil, TWO)),
      ...manifest(item(evil, 'app:1'), item(good, 'app:2')),
    }),
  },
  {
    name: 'halves-moved',
    what: 'a name that manifest.json gives to the image of another',
    says: IN_BOTH,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entry(good, ONE), entry(evil, TWO)),
      ...manifest(item(evil, 'app:1', 'app:2')),
    }),
  },
  {
    name: 'halves-foreign',
    what: 'a name whose image in manifest.json is none of the index',
    says: IN_BOTH,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good),
      ...plainFiles(evil),
      ...index(entry(good, ONE)),
      ...manifest(plainItem(evil, 'app:1')),
    }),
  },
  {
    name: 'halves-foreign-before-broken',
    what: 'the same, in front of an image that cannot be read',
    says: IN_BOTH,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good),
      ...plainFiles(evil),
      ...index(entry(good, ONE)),
      ...manifest(plainItem(evil, 'app:1'), { Config: 'gone', RepoTags: ['zzz:1'], Layers: [] }),
    }),
  },
  {
    name: 'halves-without-version',
    what: 'the same without oci-layout, where containerd reads manifest.json',
    says: IN_BOTH,
    files: ({ good, evil }) => ({
      ...blobs(good, evil),
      ...index(entry(good, ONE)),
      ...manifest(item(evil, 'app:1')),
    }),
  },
  {
    name: 'halves-spelling',
    what: 'a name that each list spells in its way: latest left out, the host under its old name',
    says: /docker\.io\/library\/app:latest is sha256:\w+ in index\.json.*in manifest\.json/,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entryCalled(good, { full: 'index.docker.io/library/app' })),
      ...manifest(item(evil, 'app')),
    }),
  },
  {
    name: 'halves-tag',
    what: 'an entry with a tag alone, which manifest.json gives to another image',
    says: /library\/app:1 is sha256:\w+ in index\.json \(1\), and .* in manifest\.json/,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entryCalled(good, { ref: '1' })),
      ...manifest(item(evil, 'app:1')),
    }),
  },
  {
    name: 'halves-by-digest',
    what: 'an entry that is named by tag and digest, whose tag manifest.json gives to another image',
    says: IN_BOTH,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entryCalled(good, { full: `${ONE}@${good.manifest.descriptor.digest}` })),
      ...manifest(item(evil, 'app:1')),
    }),
  },
  {
    name: 'halves-no-child',
    what: 'an index, of which manifest.json has an image that is no child',
    says: IN_BOTH,
    files: ({ evil, both }) => ({
      ...VERSION,
      ...blobs(both, evil),
      ...index(entry(both, ONE), entry(evil, TWO)),
      ...manifest(item(evil, 'app:1')),
    }),
  },
  {
    name: 'halves-sparse',
    what: 'an index that lacks a platform, of which manifest.json has what is no child',
    says: IN_BOTH,
    files: ({ good, evil, both }) => ({
      ...VERSION,
      ...blobs(good),
      ...blobs({ all: [both.manifest] }),
      ...plainFiles(evil),
      ...index(entry(both, ONE)),
      ...manifest(plainItem(evil, 'app:1')),
    }),
  },
  {
    name: 'halves-same-config',
    what: 'an image with the config of the entry’s, whose layers are others',
    says: IN_BOTH,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good),
      ...plainFiles(good, evil),
      ...index(entry(good, ONE)),
      ...manifest({ ...plainItem(good, 'app:1'), Layers: plainItem(evil).Layers }),
    }),
  },
  {
    name: 'halves-same-config-in-index',
    what: 'an entry with the config of manifest.json’s image, whose layers are others',
    says: IN_BOTH,
    files: ({ good, evil }) => {
      const other = imageOf(good, evil.layers);
      return {
        ...VERSION,
        ...blobs(good, evil, other),
        ...plainFiles(good),
        ...index(entry(other, ONE)),
        ...manifest(plainItem(good, 'app:1')),
      };
    },
  },
  {
    name: 'halves-fewer-layers',
    what: 'an entry with the config of manifest.json’s image that lacks its last layer',
    says: IN_BOTH,
    files: ({ good }) => {
      const other = imageOf(good, good.layers.slice(0, 1));
      return {
        ...VERSION,
        ...blobs(good, other),
        ...index(entry(other, ONE)),
        ...manifest(item(good, 'app:1')),
      };
    },
  },
  {
    name: 'halves-order',
    what: 'compressed layers that manifest.json has in another order than the index',
    says: IN_BOTH,
    files: ({ good }) => ({
      ...VERSION,
      ...blobs(good),
      ...index(entry(good, ONE)),
      ...manifest({ ...item(good, 'app:1'), Layers: item(good).Layers.toReversed() }),
    }),
  },
  {
    name: 'halves-order-in-index',
    what: 'compressed layers that the index has in another order than manifest.json',
    says: IN_BOTH,
    files: ({ good }) => {
      const other = imageOf(good, good.layers.toReversed());
      return {
        ...VERSION,
        ...blobs(other),
        ...index(entry(other, ONE)),
        ...manifest(item(good, 'app:1')),
      };
    },
  },
  {
    name: 'halves-unreadable-image',
    what: 'an image of manifest.json that lading cannot read and others can: layers in xz',
    says: UNREADABLE,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good),
      ...plainFiles(evil),
      'layer.tar': Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), Buffer.alloc(506)]),
      ...index(entry(good, ONE)),
      ...manifest({ ...plainItem(evil, 'app:1'), Layers: ['layer.tar', 'layer.tar'] }),
    }),
  },
  {
    name: 'halves-unreadable-list',
    what: 'a manifest.json with more after its list, which Go does not look at',
    says: /manifest\.json/,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entry(good, ONE)),
      'manifest.json': `${JSON.stringify([item(evil, 'app:1')])} and more`,
    }),
  },
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
    name: 'folder-of-skopeo',
    what: 'a layout with the manifest of another image as manifest.json, and the file version: a dir: of skopeo',
    says: /manifest\.json, which skopeo reads as dir:, is sha256:\w+, and index\.json does not lead to it/,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entry(good, ONE)),
      version: 'Directory Transport Version: 1.1\n',
      'manifest.json': evil.manifest.bytes,
    }),
  },
];

const NAMES: readonly TwoMeanings[] = [
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

const OLD_HALVES: readonly TwoMeanings[] = [
  {
    name: 'old-no-folder',
    what: 'a name in repositories whose ID is nowhere',
    says: OLD,
    files: ({ good }) => ({
      ...plainFiles(good),
      ...manifest(plainItem(good, 'app:1')),
      ...repositories({ app: { 1: 'f'.repeat(64) } }),
    }),
  },
  {
    name: 'old-other-image',
    what: 'a name in repositories whose folders have another image',
    says: OLD,
    files: ({ good, evil }) => {
      const { files, id } = folders(evil);
      return {
        ...plainFiles(good),
        ...files,
        ...manifest(plainItem(good, 'app:1')),
        ...repositories({ app: { 1: id } }),
      };
    },
  },
  {
    name: 'old-other-command',
    what: 'the layers of the image, with another command in the JSON of the topmost folder',
    says: OLD,
    files: ({ good }) => {
      const { files, id } = folders(good, { json: { config: { Cmd: ['/evil'] } }, isLinked: true });
      return {
        ...plainFiles(good),
        ...files,
        ...manifest(plainItem(good, 'app:1')),
        ...repositories({ app: { 1: id } }),
      };
    },
  },
  {
    name: 'old-other-layer',
    what: 'the config of the image, with another layer in the lowest folder',
    says: OLD,
    files: ({ good, evil }) => {
      const { files, id } = folders(good, { isLinked: true });
      const [lowest] = Object.keys(files).filter((path) => path.endsWith('/layer.tar'));
      return {
        ...plainFiles(good, evil),
        ...files,
        [lowest ?? '']: `-> ../${plainItem(evil).Layers[0]}`,
        ...manifest(plainItem(good, 'app:1')),
        ...repositories({ app: { 1: id } }),
      };
    },
  },
  {
    name: 'old-shorter',
    what: 'the topmost folder of the image, which stands on nothing',
    says: OLD,
    files: ({ good }) => {
      const { files, id } = folders(good, { json: { parent: undefined }, isLinked: true });
      return {
        ...plainFiles(good),
        ...files,
        ...manifest(plainItem(good, 'app:1')),
        ...repositories({ app: { 1: id } }),
      };
    },
  },
  {
    name: 'old-misplaced',
    what: 'folders of the image, the JSON of the topmost one with the ID of another',
    says: /app:1 is \w{64} in repositories, and manifest\.json has .*; \w{64}\/json is of the image e{64}/,
    files: ({ good }) => {
      const { files, id } = folders(good, { json: { id: 'e'.repeat(64) }, isLinked: true });
      return {
        ...plainFiles(good),
        ...files,
        ...manifest(plainItem(good, 'app:1')),
        ...repositories({ app: { 1: id } }),
      };
    },
  },
  {
    name: 'old-unknown-name',
    what: 'a name that repositories has alone',
    says: /app:2 is \w{64} in repositories, and manifest\.json has no such name/,
    files: ({ good, evil }) => {
      const { files, id } = folders(evil);
      return {
        ...plainFiles(good),
        ...files,
        ...manifest(plainItem(good, 'app:1')),
        ...repositories({ app: { 2: id } }),
      };
    },
  },
  {
    name: 'old-spelling',
    what: 'a name that stands in repositories in two spellings, for two images',
    says: OLD,
    files: ({ good, evil }) => {
      const [own, other] = [folders(good, { isLinked: true }), folders(evil)];
      return {
        ...plainFiles(good),
        ...own.files,
        ...other.files,
        ...manifest(plainItem(good, 'app:1')),
        ...repositories({ app: { 1: own.id }, 'docker.io/library/app': { 1: other.id } }),
      };
    },
  },
  {
    name: 'old-unreadable',
    what: 'a file repositories with more after its end, which Go does not look at',
    says: /what old versions of Docker read beside manifest\.json cannot be read here: .*repositories/,
    files: ({ good, evil }) => {
      const { files, id } = folders(evil);
      return {
        ...plainFiles(good),
        ...files,
        ...manifest(plainItem(good, 'app:1')),
        repositories: `${JSON.stringify({ app: { 1: id } })} and more`,
      };
    },
  },
  {
    name: 'old-beside-both',
    what: 'index.json and manifest.json that agree, and the topmost layer of another image in repositories',
    says: OLD,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good, evil),
      ...index(entry(good, ONE)),
      ...manifest(item(good, 'app:1')),
      ...repositories({
        app: { 1: blobOf(evil.layers[1]?.descriptor ?? good.config.descriptor).slice(-64) },
      }),
    }),
  },
  {
    name: 'old-beside-index',
    what: 'a layout without manifest.json, where Docker reads repositories',
    says: OLD,
    files: ({ good, evil }) => {
      const { files, id } = folders(evil);
      return {
        ...VERSION,
        ...blobs(good),
        ...index(entry(good, ONE)),
        ...files,
        ...repositories({ app: { 1: id } }),
      };
    },
  },
  {
    name: 'old-beside-index-nameless',
    what: 'a layout with folders of another image, which Docker loads without a name',
    says: /the folder \w{64} has an image that index\.json does not name/,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good),
      ...index(entry(good, ONE)),
      ...folders(evil).files,
    }),
  },
  {
    name: 'old-alone-spelling',
    what: 'repositories alone, with a name in two spellings for two images',
    says: /docker\.io\/library\/app:1 is .*sha256:\w+ and also .*sha256:\w+ in repositories/,
    files: ({ good, evil }) => {
      const [own, other] = [folders(good), folders(evil)];
      return {
        ...own.files,
        ...other.files,
        ...repositories({ app: { 1: own.id }, 'docker.io/app': { 1: other.id } }),
      };
    },
  },
  {
    name: 'old-alone-misplaced',
    what: 'repositories alone, and a folder whose JSON has the ID of another',
    says: /\w{64}\/json is of the image e{64}/,
    files: ({ good }) => {
      const { files, id } = folders(good, { json: { id: 'e'.repeat(64) } });
      return { ...files, ...repositories({ app: { 1: id } }) };
    },
  },
  {
    name: 'old-beside-skopeo',
    what: 'a folder of skopeo’s dir:, and folders of another image that Docker loads',
    says: /old versions of Docker read the folder \w{64}, and skopeo reads good/,
    files: ({ good, evil }) => ({
      ...folders(evil).files,
      'good/version': 'Directory Transport Version: 1.1\n',
      'good/manifest.json': good.manifest.bytes,
      ...Object.fromEntries(
        [good.config, ...good.layers].map(({ descriptor, bytes }) => [
          `good/${descriptor.digest.slice(7)}`,
          bytes,
        ]),
      ),
    }),
  },
];

/** An image with the config of another, and these layers. */
function imageOf(image: MadeImage, layers: MadeImage['layers']): MadeImage {
  const made = jsonContent(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: image.config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  return { ...image, manifest: made, layers, all: [...layers, image.config, made] };
}

export async function makeImages(): Promise<Images> {
  const good = await makeImage({ seed: 'good' });
  const arm = await makeImage({ seed: 'arm', platform: { os: 'linux', architecture: 'arm64' } });
  return { good, evil: await makeImage({ seed: 'evil' }), arm, both: makeIndex([good, arm]) };
}

export const TWO_MEANINGS: readonly TwoMeanings[] = [...LISTS, ...NAMES, ...OLD_HALVES];

function attackOf({ name, what, code = 'INVALID_ARCHIVE', files }: TwoMeanings): FileAttack {
  return {
    name,
    what,
    rule: 'a name means one image, whichever list of an archive is read',
    code,
    place: async (folder) => writeForm(`${folder}/in.tar`, 'tar', await files(await makeImages())),
  };
}

export const HALVES: AttackGroup = {
  title: 'archives with several lists of images',
  attacks: TWO_MEANINGS.map(attackOf),
};
