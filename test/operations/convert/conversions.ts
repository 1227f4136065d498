import assert from 'node:assert/strict';
import { convert } from '../../../src/operations/convert/convert.js';
import type { ConvertOptions, ConvertResult } from '../../../src/operations/convert/options.js';
import { inspect } from '../../../src/operations/inspect/inspect.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import type { ConversionFormat } from '../../../src/transfer/convert/image-conversion.js';
import { copyInto, storeOf } from '../../support/archives.js';
import { type Content, type MadeImage, makeImage, pushAll } from '../../support/images.js';
import { useFolder } from '../../support/temporary.js';

/** The name of the image that is converted. */
export const NAME = 'reg.test/team/app:1';

type Images = Parameters<typeof storeOf>[0];

/** A folder for each test, two images, and what converts them. */
export function useConversions() {
  const path = useFolder();
  const originals = {} as Record<'amd64' | 'arm64', MadeImage>;
  before(async () => {
    originals.amd64 = await makeImage({ seed: 'amd64', layers: [5000, 70] });
    originals.arm64 = await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } });
  });
  const writeLayout = async (name: string, content: Images, more: Content[] = []): Promise<string> => {
    const source = await storeOf(content);
    await pushAll(source, more);
    await copyInto(await openLayoutForWriting(path(name)), source, Object.keys(content));
    return path(name);
  };
  const run = (source: string, to: ConversionFormat, options: Partial<ConvertOptions> = {}) =>
    convert({ source, to, output: `${path(`out-${to}`)}/`, ...options });
  return { path, originals, writeLayout, run };
}

/** The only image of a result. */
export function only({ images }: ConvertResult): ConvertResult['images'][number] {
  const [image, ...others] = images;
  assert.ok(image !== undefined && others.length === 0);
  return image;
}

/** The key that signed the first image of an archive. */
export async function keyOf(location: string): Promise<string | undefined> {
  return (await inspect(location)).images[0]?.platforms[0]?.signatures?.[0]?.keyId;
}
