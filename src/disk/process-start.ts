import { createHash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { systemCode } from '../errors.js';

/** After the name in parentheses, which may hold anything. (proc_pid_stat(5): `starttime` is field 22) */
const STARTTIME_AFTER_NAME = 19;

/**
 * Where numbers of processes mean the same: the machine and, on Linux, the PID namespace. Containers can share a name
 * and a disk, and know nothing of each other's processes.
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

/** A process as a part of a file's name: its number, its start, and the machine. */
export const PROCESS_NAME = /(\d+)-(\d*)-([0-9a-f]{8})/;

/** What this process is called in names of files, as no other is: what belongs to one is never without an owner. */
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

/** Whether the process of this name has ended; undefined where that cannot be known, of one of another machine. */
export async function hasEnded(name: string): Promise<boolean | undefined> {
  const [, pid, started, machine] = PROCESS_NAME.exec(name) ?? [];
  if (pid === undefined || machine !== thisMachine()) return undefined;
  return isGone(Number(pid), started === '' ? undefined : started);
}

/** Whether the process of this machine that had the number, and began at `started` where that is known, has ended. */
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

/** What tells a process from an earlier one with its number, where the system says it (Linux); else undefined. */
export async function startOfProcess(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[STARTTIME_AFTER_NAME];
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
