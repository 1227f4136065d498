import type { ErrorCode } from '../../../src/errors.js';

/** The operations that read untrusted archives. */
export const READERS = ['verify', 'inspect', 'ls', 'load', 'convert', 'copy'] as const;
export type Reader = (typeof READERS)[number];

/** A malicious archive, layout or document. */
export interface FileAttack {
  /** Unique in its group; it must be a valid file name. */
  name: string;
  /** A description on one line. */
  what: string;
  /** The rule that it tests. */
  rule: string;
  /** The code of the expected error; `harmless` if lading uses nothing of the malicious part. */
  code: ErrorCode | 'harmless';
  /** The code of operations that find the same contradiction in another place. */
  orCode?: ErrorCode;
  /** Operations that do not read the malicious part, and succeed. */
  unseenBy?: readonly Reader[];
  /** Writes it into an empty folder, and returns its path. */
  place(folder: string): Promise<string>;
}

/** Attacks of one kind. */
export interface AttackGroup {
  title: string;
  attacks: readonly FileAttack[];
}
