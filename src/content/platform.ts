import { LadingError } from '../errors.js';

/** What an image runs on, in the names of Go. (image-spec, image-index.md, `platform`) */
export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
  features?: string[];
}

/** The platform that Docker's half of an archive names when nothing else is asked for. */
export const DEFAULT_PLATFORM: Platform = { os: 'linux', architecture: 'amd64' };

/**
 * `OS/ARCH[/VARIANT]` → platform, with the names other systems use turned into Go's (`aarch64` is arm64,
 * `x86_64` amd64). Rejects with `USAGE`.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.trim().toLowerCase().split('/');
  const [os, architecture, variant] = parts;
  if (!os || !architecture || parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw new LadingError('USAGE', `invalid platform "${text}"`, {
      hint: 'A platform is OS/ARCH or OS/ARCH/VARIANT, for example linux/arm64 or linux/arm/v7.',
    });
  }
  return normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/');
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
/** The variant that is meant where none is written. */
const DEFAULT_VARIANTS: Record<string, string> = { arm64: 'v8', arm: 'v7', amd64: 'v1' };

function normalizePlatform(platform: Platform): Platform {
  const known = ARCHITECTURE_NAMES[platform.architecture];
  return { ...platform, os: OS_NAMES[platform.os] ?? platform.os, ...known };
}

/**
 * Whether an index entry for `offered` is what `wanted` asks for: same system and architecture, and the
 * same variant where `wanted` names one (arm64 without a variant is v8). `unknown/unknown` never matches.
 */
export function matchesPlatform(wanted: Platform, offered: Platform | undefined): boolean {
  if (offered === undefined || offered.os === 'unknown' || offered.architecture === 'unknown') return false;
  const candidate = normalizePlatform(offered);
  if (candidate.os !== wanted.os || candidate.architecture !== wanted.architecture) return false;
  if (wanted.variant === undefined) return true;
  const fallback = DEFAULT_VARIANTS[candidate.architecture];
  return (candidate.variant ?? fallback) === wanted.variant;
}
