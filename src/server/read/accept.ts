/** The media types that a client accepts. (RFC 9110, 12.5.1) */
export interface Accepted {
  /** The weight of a media type: 0 if it is not accepted, at most 1. The most specific matching range decides. */
  qualityOf(mediaType: string): number;
  /** Whether the client accepts the type and names it itself, rather than by a wildcard. */
  names(mediaType: string): boolean;
}

/** Parses an Accept header; undefined if there is none, which means that everything is accepted. */
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

/** Returns 1 if there is no weight or if it is not a number. */
function qualityIn(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [, weight] = WEIGHT.exec(parameter) ?? [];
    if (weight !== undefined) return Math.min(Number(weight), 1);
  }
  return 1;
}
