import type { ErrorCode } from '../../../src/errors.js';

/** The operations that read what a stranger made. */
export const READERS = ['verify', 'inspect', 'ls', 'load', 'convert', 'copy'] as const;
export type Reader = (typeof READERS)[number];

/** An archive, layout or document that was made to do harm. */
export interface FileAttack {
  /** Of its own in its group; may be a file's name. */
  name: string;
  /** What it is, in one line. */
  what: string;
  /** What has to hold. */
  rule: string;
  /** What it is refused with; `harmless` where there is nothing in it that lading would ever act upon. */
  code: ErrorCode | 'harmless';
  /** What those say who meet the same lie from another side. */
  orCode?: ErrorCode;
  /** Who has no business with the part that is wrong, and goes on. */
  unseenBy?: readonly Reader[];
  /** Writes it into an empty folder, and tells where it is. */
  place(folder: string): Promise<string>;
}

/** Attacks of one kind. */
export interface AttackGroup {
  title: string;
  attacks: readonly FileAttack[];
}
