export class NoDebian extends Error {}
export function fetchPackages(
  folder: string,
  architecture: string,
  names: readonly string[],
): Promise<string[]>;
