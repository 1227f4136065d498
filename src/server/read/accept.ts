/** What a client accepts. (RFC 9110, 12.5.1) */
export interface Accepted {
  /** 0 for what it does not accept, up to 1. The range that fits a type most closely decides. */
  qualityOf(mediaType: string): number;
  /** Whether the client names the type itself, rather than by a wildcard, and accepts it. */
  names(mediaType: string): boolean;
}

/** Accept header → what it accepts; undefined where there is none, which is the same as accepting everything. */
export function parseAccept(header: string | undefined): Accepted | undefined {
  const qualities = new Map<string, number>();
  // Node.js joins several lines of the header with commas.
  for (const part of header?.split(',') ?? []) {
    const [range = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    if (range === '') continue;
    qualities.set(range, Math.max(qualities.get(range) ?? 0, qualityIn(parameters)));
  }
  if (qualities.size === 0) return undefined;
  return {
    qualityOf: (mediaType) =>
      qualities.get(mediaType) ??
      qualities.get(`${mediaType.slice(0, mediaType.indexOf('/'))}/*`) ??
      qualities.get('*/*') ??
      0,
    names: (mediaType) => (qualities.get(mediaType) ?? 0) > 0,
  };
}

const WEIGHT = /^q\s*=\s*([01](?:\.[0-9]{0,3})?)$/;

/** Full weight where none is given, or one that is no number. */
function qualityIn(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [, weight] = WEIGHT.exec(parameter) ?? [];
    if (weight !== undefined) return Math.min(Number(weight), 1);
  }
  return 1;
}
