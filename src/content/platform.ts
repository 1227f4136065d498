import { LadingError } from '../errors.js';

/** The system and processor that an image runs on, as Go names them. (image-spec, image-index.md, `platform`) */
export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
  features?: string[];
}

/** The platform of the image that the Docker part of an archive names, unless the user asks for another. */
export const DEFAULT_PLATFORM: Platform = { os: 'linux', architecture: 'amd64' };

/**
 * Parses `OS/ARCH[/VARIANT][:VERSION]`, and replaces the names of other systems by Go's (`aarch64` by arm64, `x86_64`
 * by amd64). The version is that of the operating system, which Windows images have. Throws `USAGE`.
 */
export function parsePlatform(text: string): Platform {
  const [name = '', version, ...rest] = text.trim().toLowerCase().split(':');
  const parts = name.split('/');
  const [os, architecture, variant] = parts;
  const words = [...parts, ...(version === undefined ? [] : [version])];
  if (
    !os ||
    !architecture ||
    parts.length > 3 ||
    rest.length > 0 ||
    !words.every((word) => WORD.test(word))
  ) {
    throw new LadingError('USAGE', `invalid platform "${text}"`, {
      hint: 'A platform is OS/ARCH, OS/ARCH/VARIANT or OS/ARCH:VERSION, for example linux/arm64, linux/arm/v7 or windows/amd64:10.0.20348.',
    });
  }
  return normalizeNames({
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(version === undefined ? {} : { 'os.version': version }),
  });
}

const WORD = /^[a-z0-9_.-]+$/;

/** Formats a platform as `parsePlatform` reads it. */
export function formatPlatform(platform: Platform): string {
  const name = [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/');
  return platform['os.version'] ? `${name}:${platform['os.version']}` : name;
}

const OS_NAMES: Record<string, string> = { macos: 'darwin' };
const ARCHITECTURE_NAMES: Record<string, { architecture: string; variant?: string }> = {
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  i386: { architecture: '386' },
};
/** The variant that an architecture without a variant stands for. */
const DEFAULT_VARIANTS: Record<string, string> = { arm64: 'v8', arm: 'v7', amd64: 'v1' };

/** Uses Go's names in lower case, and `v7` for a `7` of arm, as engines do. (containerd/platforms, `normalizeArch`) */
function normalizeNames(platform: Platform): Platform {
  const [os, architecture, variant] = [platform.os, platform.architecture, platform.variant].map((name) =>
    name?.toLowerCase(),
  );
  const known = ARCHITECTURE_NAMES[architecture ?? ''];
  const isBare = /^arm/.test(architecture ?? '') && /^[5-9]$/.test(variant ?? '');
  return {
    ...platform,
    os: OS_NAMES[os ?? ''] ?? os ?? '',
    architecture: architecture ?? '',
    ...(variant !== undefined && { variant: isBare ? `v${variant}` : variant }),
    ...known,
  };
}

/** Returns the platform with Go's names, and with the default variant of the architecture if it has no variant. */
export function normalizePlatform(platform: Platform): Platform {
  const named = normalizeNames(platform);
  const variant = named.variant || DEFAULT_VARIANTS[named.architecture];
  return variant === undefined ? named : { ...named, variant };
}

/**
 * True if an index entry for `offered` satisfies `wanted`: same system and architecture, and the same variant and
 * version if `wanted` has them. An offered arm64 without a variant is v8, and the version 10.0.20348 matches
 * 10.0.20348.2. `unknown/unknown` never matches.
 */
export function matchesPlatform(wanted: Platform, offered: Platform | undefined): boolean {
  if (offered === undefined || offered.os === 'unknown' || offered.architecture === 'unknown') return false;
  const candidate = normalizePlatform(offered);
  if (candidate.os !== wanted.os || candidate.architecture !== wanted.architecture) return false;
  if (wanted.variant !== undefined && candidate.variant !== wanted.variant) return false;
  const version = wanted['os.version'];
  return version === undefined || `${candidate['os.version']}.`.startsWith(`${version}.`);
}
