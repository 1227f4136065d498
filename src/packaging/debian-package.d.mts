export interface PackageManifest {
  version: string;
  description: string;
  homepage: string;
}

export function debianPackage(
  architecture: string,
  executable: string,
  files: ReadonlyMap<string, string>,
  manifest: PackageManifest,
): Promise<{ name: string; bytes: Buffer }>;
