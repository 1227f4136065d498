import {
  blobOf,
  blobs,
  entry,
  folders,
  index,
  item,
  manifest,
  plainFiles,
  plainItem,
  repositories,
  VERSION,
} from '../halves.js';
import { ONE, type TwoMeanings } from './two-meanings.js';

const OLD = /docker\.io\/library\/app:1 is \w{64} in repositories, and (?:manifest|index)\.json has/;

/** Attacks with `repositories` and the folders of Docker before 1.10, with other lists and without. */
export const OLD_HALVES: readonly TwoMeanings[] = [
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
