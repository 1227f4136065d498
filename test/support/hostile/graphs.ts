import { encodedOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { type Content, jsonContent } from '../images.js';
import type { AttackGroup, FileAttack } from './attack.js';
import { asTar, goodImage, layoutOf, named, type Parts } from './image.js';

const DEEP = 'an image is at most eight indexes deep';
const BRANCHES = 'an image has at most 50,000 manifests, counted as often as they are named';
const BOUNDED = 'time and memory grow with what is there, and no faster';

function indexOf(...manifests: Content[]): Content {
  return jsonContent(MEDIA_TYPE.ociIndex, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociIndex,
    manifests: manifests.map(({ descriptor }) => descriptor),
  });
}

/** Makes an image in `depth` nested indexes, each of which names the next one `width` times. */
function nested(depth: number, width: number): () => Parts {
  return () => {
    const { layer, config, manifest } = goodImage();
    const all = [layer, config, manifest];
    let top = manifest;
    for (let level = 0; level < depth; level++) {
      top = indexOf(...Array.from({ length: width }, () => top));
      all.push(top);
    }
    return layoutOf([named(top.descriptor)], all);
  };
}

function missing(count: number): Content[] {
  return Array.from({ length: count }, (_, place) => jsonContent(MEDIA_TYPE.ociManifest, { place }));
}

/** Makes an index of attachments (by its tag) that lists the image that they are attached to. */
function selfAttached(): Parts {
  const { layer, config, manifest } = goodImage();
  const fallback = indexOf(manifest);
  const tag = `reg.test/team/app:sha256-${encodedOf(manifest.descriptor.digest)}`;
  const own = `reg.test/team/app:sha256-${encodedOf(fallback.descriptor.digest)}`;
  const entries = [
    named(manifest.descriptor),
    named(fallback.descriptor, tag),
    named(fallback.descriptor, own),
  ];
  return layoutOf(entries, [layer, config, manifest, fallback]);
}

function manyLayers(): Parts {
  const { layer, config } = goodImage();
  const { manifest } = goodImage({
    manifest: { layers: Array.from({ length: 2_000 }, () => layer.descriptor) },
  });
  return layoutOf([named(manifest.descriptor)], [layer, config, manifest]);
}

const attacks: readonly FileAttack[] = [
  {
    name: 'deep-9',
    what: 'nine indexes in each other',
    rule: DEEP,
    code: 'INVALID_MANIFEST',
    place: asTar(nested(9, 1)),
  },
  {
    name: 'deep-2000',
    what: 'two thousand indexes in each other',
    rule: DEEP,
    code: 'INVALID_MANIFEST',
    place: asTar(nested(2000, 1)),
  },
  {
    name: 'laughs',
    what: 'seven indexes, each of which names the next a hundred times: 10^14 images in 100 KB',
    rule: BRANCHES,
    code: 'TOO_LARGE',
    unseenBy: ['verify'],
    place: asTar(nested(7, 100)),
  },
  {
    name: 'same-child',
    what: 'an index that names one image two thousand times',
    rule: BOUNDED,
    code: 'harmless',
    place: asTar(nested(1, 2_000)),
  },
  {
    name: 'missing-children',
    what: 'an index that names two thousand images that are not there',
    rule: BOUNDED,
    code: 'MISSING_CONTENT',
    place: asTar(() => {
      const index = indexOf(...missing(2_000));
      return layoutOf([named(index.descriptor)], [index]);
    }),
  },
  {
    name: 'same-layer',
    what: 'an image that names one layer two thousand times, and a config that tells of one',
    rule: BOUNDED,
    code: 'INVALID_MANIFEST',
    unseenBy: ['ls', 'inspect', 'load', 'convert', 'copy'],
    place: asTar(manyLayers),
  },
  {
    name: 'missing-image',
    what: 'an index.json that names an image that is not there',
    rule: 'what is named and not there is a hole, and no image that nobody has heard of',
    code: 'MISSING_CONTENT',
    place: asTar(() => layoutOf([named(goodImage().manifest.descriptor)], [])),
  },
  {
    name: 'circle-of-tags',
    what: 'indexes that by their tags hold what is attached to an image and to themselves',
    rule: 'what is attached is followed once, however tags lead in circles',
    code: 'harmless',
    place: asTar(selfAttached),
  },
];

export const GRAPHS: AttackGroup = { title: 'indexes and circles', attacks };
