import assert from 'node:assert/strict';
import { formatImages } from '../../src/cli/list-table.js';
import { widthOf } from '../../src/cli/width.js';
import type { Attachment, ListedImage } from '../../src/index.js';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}` as const;
const attached = (kind?: Attachment['kind']): Attachment => ({
  digest,
  subject: digest,
  ...(kind !== undefined && { kind }),
});

const IMAGES: ListedImage[] = [
  {
    name: 'registry.k8s.io/ingress-nginx/controller:1.12.1',
    digest,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    platforms: ['linux/amd64', 'linux/arm64/v8', 'linux/arm/v7'],
    size: 123_456_789,
    attachments: [attached('signature'), attached('SBOM'), attached('SBOM'), attached()],
  },
  { name: 'app:1', digest, platforms: ['linux/amd64'], size: 999, attachments: [] },
  {
    name: 'chart:1',
    digest,
    platforms: [],
    artifactType: 'application/vnd.cncf.helm.config.v1+json',
    size: 5,
    attachments: [],
  },
  {
    name: 'cache:1',
    digest,
    mediaType: 'text/x-note',
    platforms: [],
    isBlob: true,
    size: 7,
    attachments: [],
  },
  { name: 'broken:1', platforms: [], attachments: [], problem: 'its config is missing' },
];
const LIST = { images: IMAGES, bytes: { total: 100e6, withoutSharing: 123_457_800 } };

function lines(text: string): string[] {
  return text.slice(0, -1).split('\n');
}

describe('the table of ls', () => {
  it('fits terminals of 160, 80 and 40 columns', () => {
    assert.deepEqual(lines(formatImages(LIST, { width: 160 })), [
      'NAME                                             PLATFORMS                                   SIZE  DIGEST        ATTACHMENTS',
      'registry.k8s.io/ingress-nginx/controller:1.12.1  linux/amd64,linux/arm64/v8,linux/arm/v7   123 MB  0123456789ab  signature, 2 SBOMs, 1 other',
      'app:1                                            linux/amd64                                999 B  0123456789ab  -',
      'chart:1                                          application/vnd.cncf.helm.config.v1+json     5 B  0123456789ab  -',
      'cache:1                                          blob, text/x-note                            7 B  0123456789ab  -',
      'broken:1                                         DAMAGED                                        -  -             -',
      '5 images, 100 MB (123 MB without sharing)',
    ]);
    assert.deepEqual(lines(formatImages(LIST, { width: 80 })), [
      'NAME                           PLATFORMS         SIZE  DIGEST        ATTACHMENTS',
      'registry.k8…controller:1.12.1  linux/amd64 +2  123 MB  0123456789ab  4',
      'app:1                          linux/amd64      999 B  0123456789ab  -',
      'chart:1                        artifact           5 B  0123456789ab  -',
      'cache:1                        blob               7 B  0123456789ab  -',
      'broken:1                       DAMAGED              -  -             -',
      '5 images, 100 MB (123 MB without sharing)',
    ]);
    assert.deepEqual(lines(formatImages(LIST, { width: 40 })), [
      'NAME                                SIZE',
      'registry.k8s…x/controller:1.12.1  123 MB',
      'app:1                              999 B',
      'chart:1                              5 B',
      'cache:1                              7 B',
      'broken:1                               -',
      '5 images, 100 MB',
    ]);
    for (let width = 40; width < 170; width++)
      for (const line of lines(formatImages(LIST, { width })).slice(0, -1))
        assert.ok(widthOf(line) <= width, `${width}: ${line}`);
  });

  it('has whole names, platforms and digests where there is no terminal', () => {
    const shown = lines(formatImages(LIST));
    assert.match(shown[0] ?? '', /^NAME +PLATFORMS +SIZE +DIGEST +ATTACHMENTS$/);
    for (const whole of [IMAGES[0]?.name ?? '', 'linux/amd64,linux/arm64/v8,linux/arm/v7', digest])
      assert.ok(shown[1]?.includes(whole), whole);
  });

  it('has whole digests on a terminal with --digests', () => {
    for (const width of [40, 200])
      assert.ok(lines(formatImages(LIST, { width, digests: true }))[2]?.includes(digest), String(width));
  });

  it('says nothing of sharing where nothing is shared', () => {
    const images = [{ name: 'app:1', digest, platforms: [], size: 999, attachments: [] }];
    const text = formatImages({ images, bytes: { total: 999, withoutSharing: 999 } }, { width: 80 });
    assert.equal(lines(text).at(-1), '1 image, 999 B');
  });
});
