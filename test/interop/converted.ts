/** The document of `convert --json`, as far as these tests look at it. */
export interface Converted {
  images: ConvertedImage[];
}

export interface ConvertedImage {
  name: string;
  from: { mediaType: string; digest: string };
  to: { mediaType: string; digest: string };
  signature: { valid: boolean } | null;
  /** Old digest → new digest. */
  digests: Record<string, string>;
  lost: string[];
}

/** What became of the only image that was converted. */
export function onlyImage({ images }: Converted): ConvertedImage {
  const [image] = images;
  if (image === undefined || images.length > 1) throw new Error(`${images.length} images were converted`);
  return image;
}
