import { createHash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { systemCode } from '../errors.js';

/**
 * Index of `starttime` (field 22) in the fields after the process name, which is in parentheses and may contain
 * anything. (proc_pid_stat(5))
 */
const STARTTIME_AFTER_NAME = 19;

/**
 * Returns a string that identifies the scope in which pids are unique: the host and, on Linux, the PID namespace.
 * Containers can share a host name and a disk without seeing each other's processes.
 */
export function processSpace(): string {
  space ??= [hostname(), ...pidNamespace()].join(' ');
  return space;
}

let space: string | undefined;

function pidNamespace(): string[] {
  try {
    return [readlinkSync('/proc/self/ns/pid')];
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}

/** A process in the name of a file: its pid, its start time, and a hash of its machine. */
export const PROCESS_NAME = /(\d+)-(\d*)-([0-9a-f]{8})/;

/**
 * Returns a name for this process, for use in file names, that no other process has. A file so named always has a known
 * owner.
 */
export function nameOfProcess(): Promise<string> {
  ownName ??= startOfProcess(process.pid).then(
    (started) => `${process.pid}-${started ?? ''}-${thisMachine()}`,
  );
  return ownName;
}

let ownName: Promise<string> | undefined;

function thisMachine(): string {
  return createHash('sha256').update(processSpace()).digest('hex').slice(0, 8);
}

/**
 * True if the process with this name has ended; undefined if it runs on another machine, where that cannot be known.
 */
export async function hasEnded(name: string): Promise<boolean | undefined> {
  const [, pid, started, machine] = PROCESS_NAME.exec(name) ?? [];
  if (pid === undefined || machine !== thisMachine()) return undefined;
  return isGone(Number(pid), started === '' ? undefined : started);
}

/** True if the process with this pid on this machine, which started at `started` if that is known, has ended. */
export async function isGone(pid: number, started: string | undefined): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
  if (started === undefined) return false;
  const now = await startOfProcess(pid);
  return now !== undefined && now !== started;
}

/**
 * Returns the start time of a process, which distinguishes it from an earlier one with the same pid. Only Linux has it;
 * undefined elsewhere.
 */
export async function startOfProcess(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[STARTTIME_AFTER_NAME];
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
