/**
 * Positions in the tar: `start` of the entry's first header, which may be a pax or long name header; `offset` of its
 * body.
 */
interface Place {
  start: number;
  offset: number;
  size: number;
}

/** An entry of a tar as its headers describe it. Whether it can be used is checked when it is used. */
export type TarEntry =
  | ({ kind: 'file'; path: string } & Place)
  | { kind: 'directory'; path: string }
  /** `target` is the cleaned path in the archive that the link leads to. */
  | { kind: 'link'; path: string; target: string }
  /**
   * An entry that does not belong in an image archive, such as a device; `reason` completes the sentence "<path> …".
   */
  | { kind: 'refused'; path: string; reason: string };

/** An entry that is a file. */
export type TarFile = Extract<TarEntry, { kind: 'file' }>;
