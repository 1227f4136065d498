import assert from 'node:assert/strict';
import { choosePlatform, choosePlatformOrFirst } from '../../src/content/choose-platform.js';
import { parsePlatform } from '../../src/content/platform.js';

/** Parses `linux/amd64/v2`, with `+zstd` for an image with zstd layers. */
function candidate(text: string) {
  const [platform = '', zstd] = text.split('+');
  return { text, platform: parsePlatform(platform), hasZstd: zstd !== undefined };
}

const choose = (wanted: string, ...offered: string[]) =>
  choosePlatform(parsePlatform(wanted), offered.map(candidate))?.text;

describe('the image of an index that stands for a platform', () => {
  const CHOSEN: [wanted: string, offered: string[], chosen: string][] = [
    ['linux/amd64', ['linux/amd64/v2', 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64', ['linux/amd64/v3', 'linux/amd64/v2', 'linux/amd64/v1', 'linux/arm64'], 'linux/amd64/v1'],
    ['linux/amd64', ['linux/arm64', 'linux/amd64/v4', 'linux/amd64/v3'], 'linux/amd64/v3'],
    ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v3'], 'linux/amd64/v3'],
    ['linux/arm', ['linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5'], 'linux/arm/v5'],
    ['linux/arm', ['linux/arm', 'linux/arm/v6'], 'linux/arm/v6'],
    ['linux/arm', ['linux/arm/v8', 'linux/arm'], 'linux/arm'],
    ['linux/arm64', ['linux/arm64/v9', 'linux/arm64'], 'linux/arm64'],
    ['linux/arm64', ['linux/arm64/v8.1', 'linux/arm64/v8'], 'linux/arm64/v8'],
    ['linux/amd64', ['linux/amd64+zstd', 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64', ['linux/amd64/v2', 'linux/amd64+zstd'], 'linux/amd64+zstd'],
    [
      'windows/amd64',
      ['windows/amd64:10.0.26100.1', 'windows/amd64:10.0.17763.3'],
      'windows/amd64:10.0.17763.3',
    ],
    [
      'windows/amd64',
      ['windows/amd64:10.0.20348.10', 'windows/amd64:10.0.20348.9'],
      'windows/amd64:10.0.20348.9',
    ],
    [
      'windows/amd64:10.0.20348',
      ['windows/amd64:10.0.17763.3', 'windows/amd64:10.0.203480.1', 'windows/amd64:10.0.20348.2'],
      'windows/amd64:10.0.20348.2',
    ],
  ];
  for (const [wanted, offered, chosen] of CHOSEN) {
    it(`is ${chosen} of ${offered.join(', ')}, in whatever order, for ${wanted}`, () => {
      assert.equal(choose(wanted, ...offered), chosen);
      assert.equal(choose(wanted, ...offered.toReversed()), chosen);
    });
  }

  it('is the first of those that are alike', () => {
    const [first, second] = [candidate('linux/amd64'), candidate('linux/amd64')];
    assert.equal(choosePlatform(parsePlatform('linux/amd64'), [first, second]), first);
  });

  it('is none where none matches, or the baseline of the first one’s platform', () => {
    const offered = ['linux/arm/v7', 'linux/riscv64', 'linux/arm/v6'].map(candidate);
    const wanted = parsePlatform('linux/amd64');
    assert.equal(choosePlatform(wanted, offered), undefined);
    assert.equal(choosePlatformOrFirst(wanted, offered)?.text, 'linux/arm/v6');
    assert.equal(choosePlatformOrFirst(wanted, [{ platform: undefined, text: 'x' }])?.text, 'x');
    assert.equal(choosePlatformOrFirst(wanted, []), undefined);
  });

  it('asks for fewer features where that is the difference', () => {
    const plain = { platform: parsePlatform('windows/amd64') };
    const demanding = { platform: { ...plain.platform, 'os.features': ['win32k'] } };
    assert.equal(choosePlatform(plain.platform, [demanding, plain]), plain);
  });
});
