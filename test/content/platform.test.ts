import assert from 'node:assert/strict';
import { formatPlatform, matchesPlatform, type Platform, parsePlatform } from '../../src/content/platform.js';

describe('parsePlatform', () => {
  it('reads OS/ARCH and OS/ARCH/VARIANT, and writes them back', () => {
    for (const text of [
      'linux/amd64',
      'linux/arm/v6',
      'windows/amd64',
      'windows/amd64:10.0.20348.2',
      'linux/riscv64',
    ]) {
      assert.equal(formatPlatform(parsePlatform(text)), text);
    }
  });

  it("turns other systems' names into Go's", () => {
    const names: [text: string, platform: Platform][] = [
      ['linux/aarch64', { os: 'linux', architecture: 'arm64' }],
      ['linux/x86_64', { os: 'linux', architecture: 'amd64' }],
      ['Linux/X86-64', { os: 'linux', architecture: 'amd64' }],
      ['linux/i386', { os: 'linux', architecture: '386' }],
      ['linux/armhf', { os: 'linux', architecture: 'arm', variant: 'v7' }],
      ['linux/armel', { os: 'linux', architecture: 'arm', variant: 'v6' }],
      ['macos/aarch64', { os: 'darwin', architecture: 'arm64' }],
      [' linux/amd64 ', { os: 'linux', architecture: 'amd64' }],
    ];
    for (const [text, platform] of names) assert.deepEqual(parsePlatform(text), platform);
  });

  it('refuses what is no platform, saying what one is', () => {
    for (const text of [
      '',
      'linux',
      'linux/',
      '/amd64',
      'linux/arm/v7/x',
      'linux/arm/',
      'linux amd64',
      'li nux/a',
    ]) {
      assert.throws(() => parsePlatform(text), { code: 'USAGE', hint: /OS\/ARCH/ });
    }
  });
});

describe('matchesPlatform', () => {
  const match = (wanted: string, offered: Platform): boolean =>
    matchesPlatform(parsePlatform(wanted), offered);
  const linux = (architecture: string, variant?: string): Platform => ({
    os: 'linux',
    architecture,
    ...(variant === undefined ? {} : { variant }),
  });

  it('asks for the same system and architecture', () => {
    assert.equal(match('linux/amd64', linux('amd64')), true);
    assert.equal(match('linux/amd64', linux('arm64')), false);
    assert.equal(match('linux/amd64', { os: 'windows', architecture: 'amd64', 'os.version': '10.0' }), false);
  });

  it('takes every variant where none is asked for, and a missing one for the usual', () => {
    assert.equal(match('linux/arm', linux('arm', 'v6')), true);
    assert.equal(match('linux/arm/v7', linux('arm', 'v6')), false);
    assert.equal(match('linux/arm/v7', linux('arm')), true);
    assert.equal(match('linux/arm64/v8', linux('arm64')), true);
    assert.equal(match('linux/arm64', linux('arm64', 'v8')), true);
    assert.equal(match('linux/arm64/v9', linux('arm64', 'v8')), false);
    assert.equal(match('linux/ppc64le/power9', linux('ppc64le')), false);
  });

  it("knows an entry that is written with another system's names", () => {
    assert.equal(match('linux/arm64', linux('aarch64')), true);
    assert.equal(match('linux/amd64', linux('x86_64')), true);
  });

  it('takes names in any case, and a bare variant of arm for its number', () => {
    assert.ok(matchesPlatform(parsePlatform('linux/amd64'), { os: 'Linux', architecture: 'AMD64' }));
    const arm = { os: 'linux', architecture: 'arm', variant: '7' };
    assert.ok(matchesPlatform(parsePlatform('linux/arm/v7'), arm));
    assert.ok(!matchesPlatform(parsePlatform('linux/arm/v6'), arm));
  });

  it('never takes an attestation for an image', () => {
    assert.equal(match('linux/amd64', { os: 'unknown', architecture: 'unknown' }), false);
    assert.equal(
      matchesPlatform({ os: 'unknown', architecture: 'unknown' }, { os: 'unknown', architecture: 'unknown' }),
      false,
    );
    assert.equal(matchesPlatform(parsePlatform('linux/amd64'), undefined), false);
  });
});
