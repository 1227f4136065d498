import { MEDIA_TYPE } from '../../../src/content/media-types.js';
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
import { jsonContent, type MadeImage } from '../images.js';
import { ONE, TWO, type TwoMeanings } from './two-meanings.js';

const IN_BOTH =
  /docker\.io\/library\/app:\w+ is sha256:\w+ in index\.json.*, and .*sha256:\w+ in manifest\.json/;
const APART = /is only in index\.json, and .* only in manifest\.json/;
const UNREADABLE =
  /docker\.io\/library\/app:1 is sha256:\w+ in index\.json, and an image that cannot be read .* in manifest\.json/;

/** Attacks with both `manifest.json` and `index.json`. */
export const HALVES: readonly TwoMeanings[] = [
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
    name: 'halves-nameless',
    what: 'an image without a name in each list, another in each',
    says: APART,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good),
      ...plainFiles(evil),
      ...index(entryCalled(good, {})),
      ...manifest(plainItem(evil)),
    }),
  },
  {
    name: 'halves-nameless-beside-named',
    what: 'the same, beside an image that both have',
    says: APART,
    files: ({ good, evil, arm }) => ({
      ...VERSION,
      ...blobs(good, arm),
      ...plainFiles(evil),
      ...index(entryCalled(good, {}), entry(arm, TWO)),
      ...manifest(plainItem(evil), item(arm, 'app:2')),
    }),
  },
  {
    name: 'halves-nameless-in-index',
    what: 'an entry without a name, and another image in manifest.json',
    says: APART,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good),
      ...plainFiles(evil),
      ...index(entryCalled(good, {})),
      ...manifest(plainItem(evil, 'app:1')),
    }),
  },
  {
    name: 'halves-nameless-in-list',
    what: 'an entry, and another image without a name in manifest.json',
    says: APART,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good),
      ...plainFiles(evil),
      ...index(entry(good, ONE)),
      ...manifest(plainItem(evil)),
    }),
  },
  {
    name: 'halves-other-tag',
    what: 'an entry with a tag alone, and another image of another tag in manifest.json',
    says: APART,
    files: ({ good, evil }) => ({
      ...VERSION,
      ...blobs(good),
      ...plainFiles(evil),
      ...index(entryCalled(good, { ref: '1' })),
      ...manifest(plainItem(evil, 'app:2')),
    }),
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

/** Makes an image with the config of another one and these layers. */
function imageOf(image: MadeImage, layers: MadeImage['layers']): MadeImage {
  const made = jsonContent(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: image.config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  return { ...image, manifest: made, layers, all: [...layers, image.config, made] };
}
