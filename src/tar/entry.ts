/** Where an entry's bytes lie in the tar, and its first header: the one that a long name or pax extends it by. */
interface Place {
  start: number;
  offset: number;
  size: number;
}

/** One entry of a tar as its headers say; whether it can be used is judged when it is asked for. */
export type TarEntry =
  | ({ kind: 'file'; path: string } & Place)
  | { kind: 'directory'; path: string }
  /** `target` is the cleaned path of what the link stands for. */
  | { kind: 'link'; path: string; target: string }
  /** Something that is no part of an image archive; `reason` completes the sentence "<path> …". */
  | { kind: 'refused'; path: string; reason: string };

/** A file's place, once links are followed. */
export type TarFile = Extract<TarEntry, { kind: 'file' }>;
